"""Create and train the assistants that the benchmarks use, each in a separate folder."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from servers import ECHO, MANENT, ROOT, Contender

ASSISTANTS = Path(__file__).parent / "assistants"
UNWANTED = shutil.ignore_patterns("models", "*.db*", "__pycache__", ".*")


def template(folder: Path, python: Path = Path(sys.executable)) -> Path:
    """Create the untrained project of `manent init` in a new folder below `folder`. Return the new folder.

    Args:
        folder: contains the new folder.
        python: the interpreter that runs `manent init`.
    """
    project = folder / "init"
    made = [str(python), "-m", "manent", "init", "--no-prompt", "--init-dir", str(project)]
    subprocess.run(made, check=True, capture_output=True)
    shutil.rmtree(project / "models", ignore_errors=True)
    # All servers support session ids that clients choose. If sessions are persistent, Rasa's answers are lost with a
    # current python-socketio.
    credentials = project / "credentials.yml"
    text = credentials.read_text().replace("session_identity: minted", "session_identity: open")
    credentials.write_text(text.replace("session_persistence: true", "session_persistence: false"))
    return project


def newsletter(folder: Path) -> Path:
    """Copy the example, without its model and conversations, into a new folder below `folder`.

    Return the new folder.
    """
    project = folder / "newsletter"
    shutil.copytree(ROOT / "examples" / "newsletter", project, ignore=UNWANTED)
    return project


def train(contender: Contender, project: Path) -> dict[str, float]:
    """Train once in a separate process. Return wall and CPU seconds, peak memory in MiB and model size in MB."""
    started = time.perf_counter()
    with (project / "train.log").open("wb") as log:
        environment = {**os.environ, **contender.environment}
        process = subprocess.Popen(contender.train, cwd=project, stdout=log, stderr=log, env=environment)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{contender.name} did not train:\n{(project / 'train.log').read_text()[-2000:]}")
    newest = max((project / "models").glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "model_mb": newest.stat().st_size / 1e6,
    }


def copy_of_counter(folder: Path) -> Path:
    """Train `assistants/counter` in a new folder below `folder`. Return the new folder."""
    project = folder / "counter"
    shutil.copytree(ASSISTANTS / "counter", project, ignore=UNWANTED)
    train(MANENT, project)
    return project


def trained(contender: Contender, folder: Path) -> Path:
    """Copy the project of `manent init`, trained for one of the servers, to this new folder. Return the folder.

    Each server trains only once per process, because Rasa takes minutes.
    """
    return shutil.copytree(_trained(contender), folder)


def trained_by_each(versions: Sequence[Contender], folder: Path) -> list[Path]:
    """Create one project, and train a copy of it with each version. Return the folders of the copies.

    Args:
        versions: versions of Manent. The first one creates the project, because an older version may not understand
            what a newer one creates.
        folder: contains the new folders.
    """
    assistant = template(folder, Path(versions[0].serve[0]))
    # Each version has its own model and store, because formats and schemas can differ.
    projects = [shutil.copytree(assistant, folder / f"{number}") for number in range(len(versions))]
    for version, project in zip(versions, projects, strict=True):
        train(version, project)
    return projects


@functools.cache
def _trained(contender: Contender) -> Path:
    kept = tempfile.TemporaryDirectory(prefix="bench-")
    atexit.register(kept.cleanup)
    project = template(Path(kept.name))
    if contender is not ECHO:
        train(contender, project)
    return project
