"""Projects with something odd in them: what Rasa 3.6.21 trains and serves, Manent trains.

`strictness.json` has a small project for each oddity, and what Rasa did with it when it was asked once: `serves`,
`warns and serves`, `refuses`, `drops the domain` (it trains with a warning, and the bot has no domain), or
`fails at …` (it trains, and the message ends in an exception).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from manent.core.errors import ManentError, ProjectError
from manent.training import TrainingOptions, train

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "strictness.json").read_text(encoding="utf-8"))
SERVED = [name for name, case in CASES.items() if case["rasa"].endswith("serves")]


def written(folder: Path, name: str) -> TrainingOptions:
    """The project of a case, in a folder."""
    for file, text in CASES[name]["files"].items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return TrainingOptions(root=folder)


@pytest.mark.parametrize("name", SERVED)
def test_what_rasa_serves_is_trained(name: str, tmp_path: Path) -> None:
    """Training succeeds; what is odd may be a warning."""
    trained = train(written(tmp_path, name))

    assert trained.path is not None


@pytest.mark.parametrize("name", [name for name in CASES if name not in SERVED])
def test_a_refusal_has_its_place(name: str, tmp_path: Path) -> None:
    """What Rasa cannot serve is trained, or refused with file and line; nothing else is raised."""
    refusal: ManentError | None = None
    try:
        train(written(tmp_path, name))
    except ManentError as error:
        refusal = error

    assert refusal is None or refusal.message
    if isinstance(refusal, ProjectError):
        assert all(problem.file for problem in refusal.problems)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["rasa"] == "warns and serves"])
def test_what_rasa_warns_of_is_warned_of(name: str, tmp_path: Path) -> None:
    """Manent warns where Rasa does."""
    assert train(written(tmp_path, name)).warnings
