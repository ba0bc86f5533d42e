"""`manent test` and `manent test core`: run test stories, with Rasa's reports."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    write_text,
)
from manent.cli.shared_options import MODELS, Config, Domain
from manent.core.errors import ManentError, ProjectError
from manent.core.training_data import Stories

if TYPE_CHECKING:
    from manent.dialogue.evaluation import Played
    from manent.runtime.assistant import Assistant

Models = Annotated[
    list[Path] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="PATH...",
        help="Model file, or a folder whose newest model is used. Several models are compared.",
    ),
]
StoryPath = Annotated[
    list[Path] | None,
    typer.Option("-s", "--stories", metavar="PATH...", help="Test stories: files, or folders that contain test_*.yml."),
]
MaxStories = Annotated[int | None, typer.Option("--max-stories", metavar="N", min=1, help="Maximum number of stories.")]
Fail = Annotated[bool, typer.Option("--fail-on-prediction-errors", help="Exit with status 1 when a story fails.")]
NoWarnings = Annotated[bool, typer.Option("--no-warnings", help="Do not list stories with unlikely messages.")]
Examples = Annotated[
    list[Path] | None,
    typer.Option("-u", "--nlu", metavar="PATH...", help="File or folder with annotated examples. Default: data."),
]
ManyConfigs = Annotated[
    list[Path] | None,
    typer.Option("-c", "--config", metavar="FILE...", help="Configuration files. Several configurations are compared."),
]

ALL_RIGHT = "None of the test stories failed."
NO_WARNINGS = "None of the test stories has an unlikely message."
ALL_WRONG = "None of the test stories succeeded."


def score_all(
    *,
    model: Models = None,
    stories: StoryPath = None,
    nlu: Examples = None,
    domain: Domain = None,
    config: Config = None,
    out: Results = RESULTS,
    max_stories: MaxStories = None,
    fail_on_prediction_errors: Fail = False,
    successes: Successes = False,
    no_errors: NoErrors = False,
    no_warnings: NoWarnings = False,
    no_plot: NoPlots = False,
) -> None:
    """Run the test stories, including the parsing of their texts, and evaluate the NLU model on the NLU examples."""
    from manent.cli.score_nlu import score_nlu
    from manent.models.archive import find_model, model_parts

    parts = model_parts(find_model((model or [MODELS])[0]))
    found = find_test_stories(stories) if stories else _read_stories([Path()])
    is_kept = True
    if "dialogue" not in parts:
        print("The model file contains no dialogue model, so only the NLU model is evaluated.")
    elif found.stories:
        is_kept = score_stories(
            model or [MODELS],
            found,
            out=out,
            end_to_end=True,
            limit=max_stories,
            successes=successes,
            errors=not no_errors,
            warnings=not no_warnings,
            plots=not no_plot,
        )
    else:
        print("There are no test stories (tests/test_stories.yml), so only the NLU model is evaluated.")
    if "nlu" in parts:
        score_nlu(
            nlu=nlu,
            model=(model or [MODELS])[0],
            domain=domain,
            config=[config] if config else None,
            out=out,
            successes=successes,
            no_errors=no_errors,
            no_plot=no_plot,
        )
    else:
        print("The model file contains no NLU model, so only the test stories are run.")
    if fail_on_prediction_errors and not is_kept:
        raise typer.Exit(1)


def score_core(
    *,
    model: Models = None,
    stories: StoryPath = None,
    end_to_end: Annotated[
        bool,
        typer.Option("--e2e", "--end-to-end", help="Parse the texts of the stories instead of using their intents."),
    ] = False,
    out: Results = RESULTS,
    max_stories: MaxStories = None,
    fail_on_prediction_errors: Fail = False,
    evaluate_model_directory: Annotated[
        bool, typer.Option("--evaluate-model-directory", help="Compare all models in the folder.")
    ] = False,
    successes: Successes = False,
    no_errors: NoErrors = False,
    no_warnings: NoWarnings = False,
    no_plot: NoPlots = False,
) -> None:
    """Run the test stories and report the steps at which the assistant acts differently."""
    models = model or [MODELS]
    if evaluate_model_directory:
        models = [path for folder in models for path in sorted(folder.glob("*.tar.gz"))]
    is_kept = score_stories(
        models,
        find_test_stories(stories or [Path()], every_file=stories is not None and not end_to_end),
        out=out,
        end_to_end=end_to_end,
        limit=max_stories,
        successes=successes,
        errors=not no_errors,
        warnings=not no_warnings,
        plots=not no_plot,
    )
    if fail_on_prediction_errors and not is_kept:
        raise typer.Exit(1)


def find_test_stories(paths: Sequence[Path], *, every_file: bool = False) -> Stories:
    """Read the test stories in files and folders. If the folders contain no test stories, read all their stories.

    Args:
        paths: the files and folders.
        every_file: whether to read all stories of the folders, not only those in files named `test_….yml`.

    Raises:
        ProjectError: a file has mistakes. The error lists the mistakes of all files.
        ManentError: no test stories were found, or a path does not exist.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ManentError("test.no_file", f"--stories: no file or folder {', '.join(missing)} exists")
    stories = _read_every_file(paths) if every_file else _read_stories(paths)
    if not stories.stories:
        raise ManentError(
            "test.no_stories",
            f"no test stories found in {', '.join(map(str, paths))}: write them under `stories:` in files named "
            "test_….yml, for example tests/test_stories.yml, or name other files with --stories",
        )
    return stories


def _read_stories(paths: Sequence[Path]) -> Stories:
    from manent.project.data.stories import read_test_stories

    stories = read_test_stories(paths)
    return stories if stories.stories else _read_every_file([path for path in paths if path != Path()])


def _read_every_file(paths: Sequence[Path]) -> Stories:
    from manent.project.data.stories import read_test_stories
    from manent.project.files import STORY_SUFFIXES, find_files

    return read_test_stories([file for path in paths for file in find_files([path], STORY_SUFFIXES)])


def score_stories(
    models: Sequence[Path],
    stories: Stories,
    *,
    out: Path,
    end_to_end: bool,
    limit: int | None,
    successes: bool,
    errors: bool,
    warnings: bool,
    plots: bool,
) -> bool:
    """Run the stories with each model, write the reports, and print a summary. Return whether all stories succeeded.

    If there are several models, each gets a separate folder of reports. In a report, `known` is the share of stories
    that the training data also contain.
    """
    from manent.extensions.model_code import trust_model_code
    from manent.project.settings.endpoints import trusts_model_code
    from manent.server.loading import load_assistant

    trust_model_code(is_trusted=trusts_model_code(Path()))
    known = _read_training_stories()
    rows = []
    is_kept = True
    for path in models:
        assistant = load_assistant(path)
        played = _play(assistant, stories, known, end_to_end=end_to_end, limit=limit)
        folder = out / assistant.file.removesuffix(".tar.gz") if len(models) > 1 else out
        _write(played, folder, successes=successes, errors=errors, warnings=warnings, plots=plots)
        rows.append(_row(assistant.file.removesuffix(".tar.gz"), played))
        is_kept = is_kept and all(each.is_right for each in played)
        if len(models) == 1:
            _print_failures(played)
    print_table(("model", "stories", "actions", "turns", "F1", "known"), rows)
    print(f"Reports are in {out}/")
    return is_kept


def _play(
    assistant: "Assistant", stories: Stories, known: Stories | None, *, end_to_end: bool, limit: int | None
) -> "list[Played]":
    from manent.dialogue.evaluation import play_stories

    parse = assistant.parse if end_to_end else None
    return play_stories(assistant.dialogue, stories, parse=parse, known=known, limit=limit)


def _read_training_stories() -> Stories | None:
    """Read the training stories, to count the test stories that they contain. Return None if they cannot be read."""
    from manent.project.data.stories import read_test_stories
    from manent.project.files import STORY_SUFFIXES, find_files

    with contextlib.suppress(ProjectError):
        return read_test_stories(find_files([Path("data")], STORY_SUFFIXES))
    return None


def _write(played: "list[Played]", out: Path, *, successes: bool, errors: bool, warnings: bool, plots: bool) -> None:
    from manent.authoring.stories import write_played
    from manent.dialogue.evaluation import action_pairs, report_stories
    from manent.learn.scores import count_confusions

    write_report(out, "story_report.json", report_stories(played))
    if errors:
        failed = [each for each in played if not each.is_right]
        write_text(out, "failed_test_stories.yml", write_played(failed, otherwise=ALL_RIGHT))
    if successes:
        kept = [each for each in played if each.is_right]
        write_text(out, "successful_test_stories.yml", write_played(kept, otherwise=ALL_WRONG))
    if warnings:
        unlikely = [each for each in played if each.has_warnings]
        write_text(out, "stories_with_warnings.yml", write_played(unlikely, otherwise=NO_WARNINGS))
    if plots:
        from manent.nlu.plots import draw_confusions

        labels, counts = count_confusions(action_pairs(played))
        write_picture(out, "story_confusion_matrix.png", draw_confusions(labels, counts, title="Actions"))


def _print_failures(played: "list[Played]") -> None:
    """Print the first wrong prediction of each failed story, with its file and line."""
    for story in played:
        wrong = next((move for move in story.moves if not move.is_right), None)
        if wrong is not None:
            expected, predicted = next(pair for pair in wrong.pairs if pair[0] != pair[1])
            place = f"{wrong.where.file}:{wrong.where.line}"
            print(f"{place}  {story.name}: expected {expected}, predicted {predicted}")


def _row(model: str, played: "list[Played]") -> tuple[str, ...]:
    from manent.core.events import UserUttered
    from manent.dialogue.evaluation import report_stories

    report = report_stories(played)
    whole = report["conversation_accuracy"]
    actions = [move for each in played for move in each.actions]
    turns = [move for each in played for move in each.moves if move.pairs and isinstance(move.event, UserUttered)]
    return (
        model,
        f"{whole['correct']} of {whole['total']}",
        f"{sum(move.is_right for move in actions)} of {len(actions)}",
        f"{sum(move.is_right for move in turns)} of {len(turns)}",
        f"{report['weighted avg']['f1-score']:.3f}",
        percent(sum(each.is_known for each in played) / len(played) if played else 0.0),
    )
