"""`manent test nlu`: evaluate the NLU model on annotated examples, with Rasa's reports."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from manent.cli.progress import Steps
from manent.cli.results import (
    RESULTS,
    NoErrors,
    NoPlots,
    Results,
    Successes,
    percent,
    print_table,
    write_picture,
    write_report,
)
from manent.cli.shared_options import MODELS, Domain, Model
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.core.training_data import AssistantConfig, NluData
from manent.learn.scores import count_confusions
from manent.nlu import evaluation
from manent.nlu.evaluation import Judged

if TYPE_CHECKING:
    from manent.project.reading import Project

Examples = Annotated[
    list[Path] | None,
    typer.Option("-u", "--nlu", metavar="PATH...", help="File or folder with annotated examples. Default: data."),
]
Configs = Annotated[
    list[Path] | None,
    typer.Option("-c", "--config", metavar="FILE...", help="Configurations to train and compare. Default: config.yml."),
]
CrossValidation = Annotated[
    bool, typer.Option("--cross-validation", help="Train and evaluate on different parts of the data.")
]
Folds = Annotated[
    int, typer.Option("-f", "--folds", metavar="N", min=2, help="Number of parts for the cross-validation.")
]
Runs = Annotated[
    int,
    typer.Option(
        "-r", "--runs", metavar="N", min=1, help="For a comparison: number of times that each configuration is trained."
    ),
]
Percentages = Annotated[
    list[int] | None,
    typer.Option(
        "-p",
        "--percentages",
        metavar="N...",
        min=0,
        max=99,
        help="For a comparison: percentages of the training data to omit. Default: 0 25 50 75.",
    ),
]
_TEST_SHARE = 0.2
"""Share of the data on which a comparison evaluates the pipelines."""


def score_nlu(
    *,
    nlu: Examples = None,
    model: Model = MODELS,
    domain: Domain = None,
    config: Configs = None,
    out: Results = RESULTS,
    successes: Successes = False,
    no_errors: NoErrors = False,
    no_plot: NoPlots = False,
    cross_validation: CrossValidation = False,
    folds: Folds = 5,
    runs: Runs = 3,
    percentages: Percentages = None,
) -> None:
    """Evaluate the NLU model.

    Write JSON reports, lists of errors, and a confusion matrix. With --cross-validation or several --config, train and
    evaluate the pipelines of these files instead.
    """
    from manent.project.reading import read_project

    configs: list[Path | None] = list(config) if config else [None]
    project = read_project(Path(), domain=domain, data=nlu, config=configs[0])
    from manent.extensions.model_code import trust_model_code
    from manent.project.settings.endpoints import trusts_model_code

    trust_model_code(is_trusted=trusts_model_code(Path()))
    if not project.nlu.examples:
        raise ManentError("test.no_examples", "there are no annotated examples; choose a file or folder with --nlu")
    if len(configs) > 1 and not cross_validation:
        others = [read_project(Path(), domain=domain, data=nlu, config=path) for path in configs[1:]]
        named = {name: each.config for name, each in zip(_names(configs), [project, *others], strict=True)}
        _compare(project, named, out, runs=runs, percentages=percentages or [0, 25, 50, 75], plots=not no_plot)
        return
    rows = []
    for path, name in zip(configs, _names(configs), strict=True):
        if cross_validation:
            each = project if path is configs[0] else read_project(Path(), domain=domain, data=nlu, config=path)
            subject = str(path or "config.yml")
            parts = list(_cross_validate(each, folds))
        else:
            from manent.server.loading import load_assistant

            assistant = load_assistant(model)
            if not assistant.pipeline.is_trained:
                raise ManentError(
                    "model_without_nlu",
                    f"the model {assistant.file} contains no NLU pipeline; train with `manent train` or "
                    "`manent train nlu`",
                )
            subject = assistant.file.removesuffix(".tar.gz")
            parts = [evaluation.judge(project.nlu.examples, assistant.parse)]
        judged = [item for part in parts for item in part]
        folder = out / name if len(configs) > 1 else out
        _write(judged, folder, successes=successes, errors=not no_errors, plots=not no_plot)
        rows.append(_row(subject, judged, parts))
    print_table(
        ("model" if not cross_validation else "pipeline", "examples", "intents", "entities F1", "answers"), rows
    )
    print(f"Reports are in {out}/")


def _names(configs: list[Path | None]) -> list[str]:
    """Return each configuration's name in reports: its file name, with its folders if two file names are equal."""
    paths = [path or Path("config.yml") for path in configs]
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    return ["-".join(path.with_suffix("").parts) for path in paths]


def _cross_validate(project: "Project", folds: int) -> Iterator[list[Judged]]:
    """Evaluate every example with a pipeline that was trained without this example.

    Yield a list of results for each fold.
    """
    with Steps() as steps:
        for number, (known, unknown) in enumerate(evaluation.make_folds(project.nlu, folds, seed=0), start=1):
            steps.show(f"Fold {number} of {folds}")
            yield _train_and_judge(project, project.config, known, unknown)


def _train_and_judge(project: "Project", config: AssistantConfig, known: NluData, unknown: NluData) -> list[Judged]:
    from manent.models.vectors import open_vectors
    from manent.nlu.pipeline import load_pipeline
    from manent.nlu.training import train_pipeline
    from manent.runtime.assistant import parse_asking
    from manent.server.outside.duckling import open_services

    pipeline = load_pipeline(
        train_pipeline(config, known, project.domain, vectors=open_vectors), project.domain, vectors=open_vectors
    )
    return evaluation.judge(unknown.examples, partial(parse_asking, pipeline, open_services(pipeline)))


def _compare(
    project: "Project",
    configs: dict[str, AssistantConfig],
    out: Path,
    *,
    runs: int,
    percentages: list[int],
    plots: bool,
) -> None:
    """Compare pipelines that are trained on different shares of the data.

    In each run, all pipelines are evaluated on the same examples. For each pipeline and run, `results.json` contains a
    list with the intents' F1 score for each percentage.
    """
    found: dict[str, dict[int, list[list[Judged]]]] = {name: {} for name in configs}
    sizes: dict[int, int] = {}
    with Steps() as steps:
        for run in range(runs):
            rest, unknown = evaluation.split_data(project.nlu, fraction=1 - _TEST_SHARE, seed=run)
            for left_out in percentages:
                known = _without(rest, left_out, seed=run)
                sizes[left_out] = len(known.examples)
                for name, config in configs.items():
                    steps.show(f"Run {run + 1} of {runs}: {name} without {left_out} % of the data")
                    judged = _train_and_judge(project, config, known, unknown)
                    found[name].setdefault(left_out, []).append(judged)
                    folder = out / f"run_{run + 1}" / f"{left_out}%_exclusion" / f"{name}_report"
                    _write(judged, folder, successes=False, errors=True, plots=plots)
    scores = {
        name: [[_f1(part) for part in run] for run in zip(*by_share.values(), strict=True)]
        for name, by_share in found.items()
    }
    write_report(out, "results.json", scores)
    rows = [
        (f"{name} on {sizes[left_out]} examples", *_row("", [item for part in parts for item in part], parts)[1:])
        for name, by_share in found.items()
        for left_out, parts in by_share.items()
    ]
    print_table(("pipeline", "examples", "intents", "entities F1", "answers"), rows)
    print(f"Reports are in {out}/")


def _without(data: NluData, percentage: int, *, seed: int) -> NluData:
    """Return the data without this percentage of its examples."""
    if percentage == 0:
        return data
    return evaluation.split_data(data, fraction=1 - percentage / 100, seed=seed)[0]


def _f1(judged: list[Judged]) -> float:
    report: Json = evaluation.report_intents(judged)
    return float(report["weighted avg"]["f1-score"])


def _write(judged: list[Judged], out: Path, *, successes: bool, errors: bool, plots: bool) -> None:
    for name, report in _reports(judged, successes=successes, errors=errors).items():
        write_report(out, name, report)
    if plots:
        _draw(judged, out)


def _reports(judged: list[Judged], *, successes: bool, errors: bool) -> dict[str, object]:
    """Return a mapping from the names of report files to their contents."""
    reports: dict[str, object] = {"intent_report.json": evaluation.report_intents(judged)}
    lists = [("errors", False)] * errors + [("successes", True)] * successes
    for kind, right in lists:
        reports[f"intent_{kind}.json"] = evaluation.list_intents(judged, right=right)
    for extractor in evaluation.find_extractors(judged):
        reports[f"{extractor}_report.json"] = evaluation.report_entities(judged, extractor)
        for kind, right in lists:
            reports[f"{extractor}_{kind}.json"] = evaluation.list_entities(judged, extractor, right=right)
    if responses := evaluation.report_responses(judged):
        reports["response_selection_report.json"] = responses
        for kind, right in lists:
            reports[f"response_selection_{kind}.json"] = evaluation.list_responses(judged, right=right)
    return reports


def _draw(judged: list[Judged], out: Path) -> None:
    from manent.nlu.plots import draw_confusions, draw_histogram

    labels, counts = evaluation.count_confusions(judged)
    write_picture(out, "intent_confusion_matrix.png", draw_confusions(labels, counts, title="Intents"))
    right, wrong = evaluation.split_confidences(judged)
    write_picture(out, "intent_histogram.png", draw_histogram(right, wrong, title="Confidence"))
    for extractor in evaluation.find_extractors(judged):
        labels, counts = count_confusions(evaluation.pair_entities(judged, extractor))
        picture = draw_confusions(labels, counts, title=extractor)
        write_picture(out, f"{extractor}_confusion_matrix.png", picture)
    if evaluation.report_responses(judged):
        labels, counts = count_confusions(evaluation.pair_responses(judged))
        picture = draw_confusions(labels, counts, title="Answers")
        write_picture(out, "response_selection_confusion_matrix.png", picture)


def _row(subject: str, judged: list[Judged], parts: list[list[Judged]]) -> tuple[str, ...]:
    spans = evaluation.score_spans(judged)
    responses = evaluation.report_responses(judged)
    mean, deviation = evaluation.summarise([evaluation.report_intents(part)["accuracy"] for part in parts])
    return (
        subject,
        str(len(judged)),
        percent(mean) + (f" ± {100 * deviation:.1f}" if len(parts) > 1 else ""),
        percent(spans["f1-score"]) if spans["support"] else "–",
        percent(responses["accuracy"]) if responses else "–",
    )
