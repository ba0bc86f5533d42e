"""Builds the sdist and the wheel from the files of the repository, without Node.js."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def checkout(folder: Path) -> Path:
    """Copy the files of the repository, and the built page, to a folder. All copies have the time of now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    static = ROOT / "src/manent/web/static"
    assert (static / "index.html").exists(), "the page is not built: run `make web`"
    built = [str(path.relative_to(ROOT)) for path in static.rglob("*") if path.is_file()]
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    for name in [*names, *built]:  # the page last, so that it is not older than its sources
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def build(source: Path, target: Path, *, epoch: int) -> Path:
    """Build the sdist, and the wheel from the sdist, without Node.js on the PATH."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)],
        env={"PATH": str(Path(sys.executable).parent), "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def wheel(distribution: Path) -> Path:
    """Return the wheel in a folder."""
    return next(distribution.glob("*.whl"))
