"""Speed, held against the bare transport: a ratio, because machines differ and are shared."""

import subprocess
import sys
from pathlib import Path

TURN = Path(__file__).parents[2] / "bench" / "turn.py"
USUAL = 0.15
"""Manent's turns per core by the echo's, at 8 conversations (docs/performance.md). Raise it as turns get cheaper."""


def test_a_turn_costs_no_more_than_twice_what_it_used_to() -> None:
    """The server's CPU for a turn, by the echo's in the same run, has not doubled."""
    options = ["--conversations", "8", "--seconds", "1", "--rounds", "3", "--at-least", f"{USUAL / 2}"]
    run = subprocess.run([sys.executable, str(TURN), *options], capture_output=True, text=True, check=False, timeout=90)
    assert run.returncode == 0, run.stdout + run.stderr
