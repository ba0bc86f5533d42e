"""`manent train [nlu|core]`: train a model from the project's files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.interrupts import interruptible
from manent.cli.progress import Steps
from manent.cli.shared_options import MODELS, Config, Data, Domain, Out
from manent.core.errors import ManentError, Problem
from manent.training import Trained, TrainingOptions
from manent.training import train as train_model

FixedName = Annotated[str | None, typer.Option("--fixed-model-name", metavar="NAME", help="Name of the model file.")]
Force = Annotated[bool, typer.Option("--force", help="Also train parts that have not changed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only report which parts would be trained.")]

NEEDS_TRAINING = 1
FORCED_TRAINING = 8
"""Exit statuses of a dry run, as in Rasa."""


def train(
    *,
    domain: Domain = None,
    data: Data = None,
    config: Config = None,
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    force: Force = False,
    dry_run: DryRun = False,
    skip_validation: Annotated[
        bool, typer.Option("--skip-validation", help="Do not show warnings about the project.")
    ] = False,
    fail_on_validation_warnings: Annotated[
        bool, typer.Option("--fail-on-validation-warnings", help="Treat warnings as errors.")
    ] = False,
) -> None:
    """Train a model from the project's files.

    The command trains only the parts that have changed since the newest model, and keeps older models.
    """
    run_training(
        TrainingOptions(
            domain=domain,
            data=tuple(data) if data else None,
            config=config,
            out=out,
            fixed_name=fixed_model_name,
            force=force,
            dry_run=dry_run,
            fail_on_warnings=fail_on_validation_warnings,
        ),
        show_warnings=not skip_validation,
    )


def train_nlu(
    *,
    nlu: Annotated[list[Path] | None, typer.Option("-u", "--nlu", metavar="PATH...", help="NLU data.")] = None,
    domain: Domain = None,
    config: Config = None,
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    force: Force = False,
) -> None:
    """Train only the NLU model, for `manent shell nlu` and `/model/parse`."""
    run_training(
        TrainingOptions(
            domain=domain,
            data=tuple(nlu) if nlu else None,
            config=config,
            out=out,
            fixed_name=fixed_model_name,
            force=force,
            parts=("nlu",),
        )
    )


def train_core(
    *,
    stories: Annotated[
        list[Path] | None,
        typer.Option("-s", "--stories", metavar="PATH...", help="Files or folders with stories and rules."),
    ] = None,
    domain: Domain = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "-c", "--config", metavar="FILE", help="Configuration file with the policies. Default: config.yml."
        ),
    ] = None,
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    force: Force = False,
) -> None:
    """Train only the dialogue model.

    Messages to such a model must contain an intent (`/greet`). To compare policies, train each --config with a
    different --fixed-model-name, then run `manent test core -m`.
    """
    if config and len(config) > 1:
        raise ManentError(
            "train.several_configs",
            "only one --config is allowed; train each with a different --fixed-model-name, then compare the models "
            "with `manent test core -m models/one.tar.gz models/two.tar.gz`",
        )
    run_training(
        TrainingOptions(
            domain=domain,
            data=tuple(stories) if stories else None,
            config=config[0] if config else None,
            out=out,
            fixed_name=fixed_model_name,
            force=force,
            parts=("core",),
        )
    )


def run_training(options: TrainingOptions, *, show_warnings: bool = True) -> None:
    """Train, show the progress, and print the path of the model.

    Raises:
        ProjectError: the project's files have mistakes or contain nothing to train.
        typer.Exit: a dry run found something to train.
    """
    with interruptible() as interrupts, Steps() as steps:

        def show(step: str) -> None:
            interrupts.check()
            steps.show(step)

        trained = train_model(options, show)
    if show_warnings:
        _print_warnings(trained.warnings)
    if options.dry_run:
        _report_dry_run(trained, forced=options.force)
    elif not trained.changed:
        print(f"Nothing has changed. The model is still {trained.path}")
    else:
        print(f"Trained in {trained.seconds:.1f} s. The model is {trained.path}")


def _report_dry_run(trained: Trained, *, forced: bool) -> None:
    if not trained.changed:
        print("Nothing has changed, so there is nothing to train.")
        return
    print(f"These parts would be trained: {', '.join(trained.changed)}.")
    raise typer.Exit(FORCED_TRAINING if forced else NEEDS_TRAINING)


def _print_warnings(warnings: tuple[Problem, ...]) -> None:
    for warning in warnings:
        print(f"Warning: {warning}", file=sys.stderr)
