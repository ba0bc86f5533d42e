"""The generated pages of the documentation are current."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    """docs/options.md lists each option of each built-in component with its type, default and meaning."""
    program = runpy.run_path(str(ROOT / "docs/make_options.py"))

    assert program["draw"]() == program["PAGE"].read_text(encoding="utf-8"), "run `python docs/make_options.py`"


def test_the_guarantees_of_channels_are_current() -> None:
    """docs/channels/README.md has the number of tests per guarantee and channel."""
    program = runpy.run_path(str(ROOT / "docs/make_channel_guarantees.py"))

    assert program["draw"]() == program["PAGE"].read_text(encoding="utf-8"), (
        "run `python docs/make_channel_guarantees.py`"
    )
