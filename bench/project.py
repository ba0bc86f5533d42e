"""The assistants that the benchmarks talk to, trained into a folder of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

ASSISTANTS = Path(__file__).parent / "assistants"


def copy_of_counter(folder: Path) -> Path:
    """Train `assistants/counter` in a new folder below `folder`; return it."""
    project = folder / "counter"
    shutil.copytree(ASSISTANTS / "counter", project, ignore=shutil.ignore_patterns("models", "*.db*", "__pycache__"))
    subprocess.run([sys.executable, "-m", "manent", "train"], check=True, cwd=project, stdout=subprocess.DEVNULL)
    return project


def new_project(folder: Path) -> Path:
    """Make and train what `manent init` makes in a new folder below `folder`; return it."""
    project = folder / "assistant"
    manent = [sys.executable, "-m", "manent"]
    subprocess.run([*manent, "init", "--no-prompt", "--init-dir", str(project)], check=True, stdout=subprocess.DEVNULL)
    if not list((project / "models").glob("*.tar.gz")):
        subprocess.run([*manent, "train"], check=True, cwd=project, stdout=subprocess.DEVNULL)
    return project
