"""Programs that a test needs and that may not be installed."""

import shutil
import sys
from pathlib import Path

import pytest

PLACES = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/bin"


def program(name: str, hint: str) -> str:
    """Return the path of a program. Skip the test if it is not installed.

    Args:
        name: of the program.
        hint: how to install it.
    """
    found = shutil.which(name, path=PLACES)
    if found is None:
        pytest.skip(f"needs {name} ({hint})")
    return found
