"""Print the table of `docs/lab/strictness.md`: what Rasa 3.6.21 and Manent do with unusual projects.

    python tests/peer/strictness.py

Rasa's side was recorded once (`strictness.json`); Manent trains each project here.
"""

import json
import sys
import tempfile
from pathlib import Path

from manent.core.errors import ManentError, ProjectError
from manent.training import TrainingOptions, train

CASES = json.loads(Path(__file__).with_name("strictness.json").read_text(encoding="utf-8"))


def outcome(files: dict[str, str]) -> str:
    """Train a project; return what Manent did and the codes of what it reported."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        try:
            codes = {warning.code for warning in train(TrainingOptions(root=Path(folder))).warnings}
            verdict = "trains"
        except ProjectError as error:
            codes, verdict = {problem.code for problem in error.problems if not problem.warning}, "refuses"
        except ManentError as error:
            codes, verdict = {error.code}, "refuses"
    return f"{verdict}: {', '.join(sorted(codes))}" if codes else verdict


def main() -> None:
    """Print one row a project."""
    sys.stdout.write("| project | Rasa 3.6.21 | Manent |\n|---|---|---|\n")
    for name, case in CASES.items():
        sys.stdout.write(f"| {name} | {case['rasa']} | {outcome(case['files'])} |\n")


if __name__ == "__main__":
    main()
