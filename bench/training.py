"""Measure training: wall time, peak memory and the size of the model.

    python bench/training.py [--runs 3]

There are two assistants: the one that `manent init` creates, and `examples/newsletter` (a form, custom actions). Each
run is a separate process and trains without an earlier model. If Rasa is installed, it trains on the same files once.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from project import newsletter, template, train
from servers import MANENT, RASA, bots

ASSISTANTS: dict[str, Callable[[Path], Path]] = {"init": template, "newsletter": newsletter}


def measure(runs: int = 3) -> dict[str, Any]:
    """Train each assistant with each program. Return medians by assistant and program."""
    results: dict[str, Any] = {}
    for assistant, make in ASSISTANTS.items():
        results[assistant] = {}
        for contender in bots():
            with tempfile.TemporaryDirectory() as folder:
                project = make(Path(folder))
                several = [train(contender, project) for _ in range(1 if contender is RASA else runs)]
            middle = {name: statistics.median(one[name] for one in several) for name in several[0]}
            results[assistant][contender.name] = middle
    return results


def rows(results: dict[str, Any]) -> list[list[str]]:
    """Return a table: a header, then a row for each assistant and program."""
    table = [["assistant", "", "seconds", "CPU s", "peak MiB", "model MB", "Rasa ÷ Manent"]]
    for assistant, by_name in results.items():
        for name, one in by_name.items():
            ratio = ""
            if name == RASA.name:
                ratio = f"{one['seconds'] / by_name[MANENT.name]['seconds']:.0f} × faster"
            numbers = [
                f"{one['seconds']:.1f}",
                f"{one['cpu_s']:.1f}",
                f"{one['peak_mb']:.0f}",
                f"{one['model_mb']:.2f}",
            ]
            table.append([assistant, name, *numbers, ratio])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    for row in rows(measure(chosen.runs)):
        print("".join(f"{cell:>16}" for cell in row))
