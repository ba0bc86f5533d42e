"""`manent init`: make a new project from the template that the package carries, and train it."""

from pathlib import Path
from typing import Annotated

import typer

import manent
from manent.core.errors import ManentError
from manent.models.archive import model_name

TEMPLATE = Path(manent.__file__).parent / "project_template"

RENAMED = {"gitignore": ".gitignore"}
"""Files that would mean something to our own tools if they had their real name in the template."""


def init(
    *,
    no_prompt: Annotated[bool, typer.Option("--no-prompt", help="Ask nothing; take the defaults.")] = False,
    init_dir: Annotated[Path | None, typer.Option("--init-dir", metavar="DIR", help="Where to make it.")] = None,
) -> None:
    """Start a new project from a small assistant that works, and train it."""
    if init_dir is None:
        init_dir = Path() if no_prompt else Path(typer.prompt("Where shall the project be made?", default="."))
    create_project(init_dir)
    print(f"Made a project in {init_dir.resolve()}")
    if not (no_prompt or typer.confirm("Train its first model now?", default=True)):
        print_next_steps(init_dir)
        return

    from manent.cli.train import run_training
    from manent.training import TrainingOptions

    run_training(TrainingOptions(root=init_dir))
    print_next_steps(init_dir)


def create_project(folder: Path) -> list[Path]:
    """Write the template into a folder and return what was written.

    Raises:
        ManentError: a file of that name is there already; nothing was written.
    """
    sources = [path for path in sorted(TEMPLATE.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    targets = [folder / path.relative_to(TEMPLATE).with_name(RENAMED.get(path.name, path.name)) for path in sources]
    taken = [str(target) for target in targets if target.exists()]
    if taken:
        raise ManentError(
            "init.not-empty",
            f"nothing was made, because this would overwrite {', '.join(taken)}. Name another folder with --init-dir.",
        )
    assistant_id = model_name().removesuffix(".tar.gz").encode()
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes().replace(b"ASSISTANT_ID", assistant_id))
    return targets


def print_next_steps(folder: Path) -> None:
    """Say how to talk to the assistant."""
    print("\nNext:")
    if folder.resolve() != Path.cwd():
        print(f"  cd {folder}")
    print("  manent run      # then open http://localhost:5005/")
    print("  manent train    # after you changed a file")
