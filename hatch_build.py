"""Build hook of the package: every wheel, sdist and editable install contains the web chat.

Hatchling calls it before it collects the files. It builds the page of `web/` if the bundle in `src/manent/web/static`
is missing or older than its sources. `MANENT_SKIP_WEB=1` turns it off, for work on the Python code.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NOT_SOURCES = {"node_modules", "bench", "dev", "dist", "tests", "test-results"}
"""Folders of `web/` that do not affect the page."""


class WebChatHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the web chat to the package."""

    PLUGIN_NAME = "web-chat"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page if it is missing or older than its sources.

        Raises:
            SystemExit: Node.js is missing, or the build of the page failed.
        """
        if os.environ.get("MANENT_SKIP_WEB") == "1":
            return
        root = Path(self.root)
        if is_stale(root / "src/manent/web/static/index.html", root / "web"):
            build(root / "web")


def is_stale(bundle: Path, web: Path) -> bool:
    """Return whether the bundle is missing, or older than any source of the page."""
    if not bundle.is_file():
        return True
    built = bundle.stat().st_mtime
    return any(source.stat().st_mtime > built for source in sources(web))


def sources(folder: Path) -> list[Path]:
    """Return the sources of the page: code, package files, configuration."""
    found = []
    for path in folder.iterdir():
        if path.is_file():
            found.append(path)
        elif path.name not in NOT_SOURCES:
            found += sources(path)
    return found


def build(web: Path) -> None:
    """Install the locked packages of the page, and build it."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(
            "Manent's web chat has to be built. That needs Node.js 20 or newer with npm, which is not on the PATH.\n"
            "Install Node.js, or set MANENT_SKIP_WEB=1 to install Manent without its page."
        )
    for step in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run([npm, *step], cwd=web, check=False)
        if done.returncode != 0:
            sys.exit(
                f"`npm {' '.join(step)}` failed in {web} (exit status {done.returncode}); its messages are above.\n"
                "Set MANENT_SKIP_WEB=1 to install Manent without its page."
            )
