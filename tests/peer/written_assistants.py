"""Assistants written in the manner of real ones (`written/*.yml`), with policies that learn.

Runs under Rasa's Python as well, which has PyYAML, too.
"""

from pathlib import Path
from typing import Any

import yaml

from peer import talks

Json = dict[str, Any]

FOLDER = Path(__file__).with_name("written")
_TALKS = 6
_TURNS = 14
_POLICIES = [
    {"name": "MemoizationPolicy"},
    {"name": "RulePolicy"},
    {"name": "TEDPolicy", "max_history": 5, "epochs": 100, "batch_size": 16, "learning_rate": 0.003},
]
"""Small batches and few stories strung together: TED learns these stories in a minute."""


def names() -> list[str]:
    """Return the names of the assistants."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def project(name: str) -> Json:
    """Return an assistant, as `talks.write_project` takes it. Every intent has an example of its own."""
    found: Json = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    nlu = list(found.get("nlu", ()))
    covered = {each["intent"].partition("/")[0] for each in nlu}
    nlu += [{"intent": intent, "examples": f"- {intent}\n"} for intent in found["intents"] if intent not in covered]
    return {**found, "nlu": nlu, "policies": found.get("policies", _POLICIES)}


def planned(name: str) -> list[list[str]]:
    """Return an assistant's conversations."""
    return talks.conversations(project(name), count=_TALKS, turns=_TURNS, seed=len(name))
