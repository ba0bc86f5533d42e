"""The reference page of options is what the options classes say."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    """docs/options.md has every option of every built-in part, with its type, default and meaning."""
    program = runpy.run_path(str(ROOT / "docs/make_options.py"))

    assert program["draw"]() == program["PAGE"].read_text(encoding="utf-8"), "run `python docs/make_options.py`"
