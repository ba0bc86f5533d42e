"""Build hook of the package: no wheel, sdist or editable install without its web chat.

Hatchling calls it before it collects the files. It builds the page of `web/` when the bundle in
`src/manent/web/static` is missing or older than its sources, and does nothing else. `MANENT_SKIP_WEB=1` turns it off,
for work on the Python side.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NOT_SOURCES = {"node_modules", "bench", "dev", "dist", "tests", "test-results"}
"""Folders of `web/` that the page is not made of."""


class WebChatHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the web chat part of what is built."""

    PLUGIN_NAME = "web-chat"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page if it has to be.

        Raises:
            SystemExit: Node.js is missing or the page does not build.
        """
        if os.environ.get("MANENT_SKIP_WEB") == "1":
            return
        root = Path(self.root)
        if is_stale(root / "src/manent/web/static/index.html", root / "web"):
            build(root / "web")


def is_stale(bundle: Path, web: Path) -> bool:
    """Whether the bundle is missing, or older than any source of the page."""
    if not bundle.is_file():
        return True
    built = bundle.stat().st_mtime
    return any(source.stat().st_mtime > built for source in sources(web))


def sources(folder: Path) -> list[Path]:
    """Return the files that the page is made of: code, package files, configuration."""
    found = []
    for path in folder.iterdir():
        if path.is_file():
            found.append(path)
        elif path.name not in NOT_SOURCES:
            found += sources(path)
    return found


def build(web: Path) -> None:
    """Install what the page needs, exactly as locked, and build it."""
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
