"""`manent init`: create a new project from the package's template, and train it."""

from pathlib import Path
from typing import Annotated

import typer

import manent
from manent.core.errors import ManentError
from manent.models.archive import model_name

TEMPLATE = Path(manent.__file__).parent / "project_template"

RENAMED = {"gitignore": ".gitignore"}
"""Name in the template → name in a project.

Under their real names, these files would affect tools in Manent's repository.
"""


def init(
    *,
    no_prompt: Annotated[bool, typer.Option("--no-prompt", help="Use the defaults without asking questions.")] = False,
    init_dir: Annotated[
        Path | None, typer.Option("--init-dir", metavar="DIR", help="Folder of the new project.")
    ] = None,
) -> None:
    """Create a new project with a small working assistant, and train it."""
    if init_dir is None:
        init_dir = Path() if no_prompt else Path(typer.prompt("Folder of the new project", default="."))
    create_project(init_dir)
    print(f"Created a project in {init_dir.resolve()}")
    if not (no_prompt or typer.confirm("Train the first model now?", default=True)):
        print_next_steps(init_dir)
        return

    from manent.cli.train import run_training
    from manent.training import TrainingOptions

    run_training(TrainingOptions(root=init_dir))
    print_next_steps(init_dir)


def create_project(folder: Path) -> list[Path]:
    """Copy the template into a folder and return the paths of the new files.

    Raises:
        ManentError: `init.not-empty`: a file already exists, so no file was written.
    """
    sources = [path for path in sorted(TEMPLATE.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    targets = [folder / path.relative_to(TEMPLATE).with_name(RENAMED.get(path.name, path.name)) for path in sources]
    taken = [str(target) for target in targets if target.exists()]
    if taken:
        raise ManentError(
            "init.not-empty",
            f"no project was created, because it would overwrite {', '.join(taken)}; choose another folder with "
            "--init-dir",
        )
    assistant_id = model_name().removesuffix(".tar.gz").encode()
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes().replace(b"ASSISTANT_ID", assistant_id))
    return targets


def print_next_steps(folder: Path) -> None:
    """Print the next commands."""
    print("\nNext:")
    if folder.resolve() != Path.cwd():
        print(f"  cd {folder}")
    print("  manent run      # then open http://localhost:5005/")
    print("  manent train    # after you change the project's files")
