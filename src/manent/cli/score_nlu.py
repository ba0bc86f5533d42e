"""`manent test nlu`: score a model's understanding on annotated examples, with Rasa's reports."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from manent.cli.options import MODELS, Config, Domain, Model
from manent.cli.steps import Steps
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.nlu import evaluation
from manent.nlu.evaluation import Judged

if TYPE_CHECKING:
    from manent.project.reading import Project

Errors = Annotated[bool, typer.Option("--no-errors", help="Don't list what was misunderstood.")]
Plots = Annotated[bool, typer.Option("--no-plot", help="Draw no pictures.")]
Successes = Annotated[bool, typer.Option("--successes", help="List what was understood, too.")]
Examples = Annotated[
    list[Path] | None, typer.Option("-u", "--nlu", metavar="PATH...", help="Annotated examples; default: data.")
]


def score_nlu(
    *,
    nlu: Examples = None,
    model: Model = MODELS,
    domain: Domain = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to put the reports.")] = Path("results"),
    successes: Successes = False,
    no_errors: Errors = False,
    no_plot: Plots = False,
    config: Config = None,
    cross_validation: Annotated[
        bool, typer.Option("--cross-validation", help="Train and score on parts of the data instead.")
    ] = False,
    folds: Annotated[int, typer.Option("-f", "--folds", min=2, help="How many parts.")] = 5,
) -> None:
    """Score the understanding of messages: reports as JSON, lists of what went wrong, a confusion matrix."""
    from manent.project.reading import read_project

    project = read_project(Path(), domain=domain, data=nlu, config=config)
    if not project.nlu.examples:
        raise ManentError("test.no_examples", "there are no annotated examples; name some with --nlu")
    if cross_validation:
        subject, judged = f"{folds} folds", _cross_validate(project, folds)
    else:
        from manent.server.loading import load_assistant

        assistant = load_assistant(model)
        subject, judged = assistant.file, evaluation.judge(project.nlu.examples, assistant.pipeline.parse)
    out.mkdir(parents=True, exist_ok=True)
    for name, report in _reports(judged, successes=successes, errors=not no_errors).items():
        (out / name).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    if not no_plot:
        _draw(judged, out)
    print(_summary(judged, subject, out))


def _cross_validate(project: "Project", folds: int) -> list[Judged]:
    """Judge every example by a pipeline that was trained without it."""
    from manent.nlu.pipeline import load_pipeline
    from manent.nlu.training import train_pipeline

    judged: list[Judged] = []
    with Steps() as steps:
        for number, (known, unknown) in enumerate(evaluation.make_folds(project.nlu, folds, seed=0), start=1):
            steps.show(f"Fold {number} of {folds}")
            pipeline = load_pipeline(train_pipeline(project.config, known, project.domain), project.domain)
            judged += evaluation.judge(unknown.examples, pipeline.parse)
    return judged


def _reports(judged: list[Judged], *, successes: bool, errors: bool) -> dict[str, object]:
    """Return the files' contents by name."""
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
    (out / "intent_confusion_matrix.png").write_bytes(draw_confusions(labels, counts, title="Intents"))
    right, wrong = evaluation.split_confidences(judged)
    (out / "intent_histogram.png").write_bytes(draw_histogram(right, wrong, title="Confidence"))


def _summary(judged: list[Judged], subject: str, out: Path) -> str:
    intents: Json = evaluation.report_intents(judged)
    spans = evaluation.score_spans(judged)
    entities = f", entities {spans['f1-score']:.1%} F1 of {spans['support']}" if spans["support"] else ""
    return f"{subject}: intents {intents['accuracy']:.1%} of {len(judged)} right{entities}. Reports are in {out}/"
