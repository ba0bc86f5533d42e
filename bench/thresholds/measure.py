"""Measure which messages pass a threshold, and compare Manent with recorded answers from real Rasa.

    python bench/thresholds/measure.py [NAMES] [--each] [--data ../shared/data/nlu]

The program trains each assistant from `cases.py` with Manent, parses all messages, and prints Markdown. For each kind
of message, it prints three percentages: accepted with the right intent / accepted with a wrong intent / rejected.
Rasa's answers are in `../results/thresholds_rasa.json`, which `peer.py` wrote. Rasa itself is not needed.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, list_cases

RASA = Path(__file__).parents[1] / "results/thresholds_rasa.json"
THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
AMBIGUITY = 0.1
KINDS = {
    "own examples": ("own",),
    "variants": ("case", "accents", "punctuation", "greeting", "typo"),
    "new messages": ("unseen",),
    "other topics": ("topic",),
    "nonsense": ("nonsense",),
}
GROUPS = {
    "English, 2 to 5 intents, 3 to 8 examples": ("hwu-b-2x", "hwu-b-3x", "hwu-b-4x", "hwu-b-5x"),
    "German": ("de-",),
    "French": ("fr-",),
    "Spanish": ("es-",),
    "Turkish": ("tr-",),
    "English, 8 x 6 and 16 x 8": ("hwu-b-8x", "hwu-b-16x"),
    "HWU64, 25 intents x 10": ("hwu-25x",),
    "HWU64, 40 intents x 20": ("hwu-40x",),
    "HWU64, all intents x 10": ("hwu-64x",),
    "SNIPS, all intents x 10": ("snips-",),
    "fitted on: English and Italian": ("hwu-a", "en-", "it-"),
}


@dataclass(frozen=True)
class Answers:
    """An NLU's answers to the messages in a case.

    Attributes:
        right: whether the best intent is right.
        first: the confidence of the best intent. second: the confidence of the second-best intent.
    """

    right: Any
    first: Any
    second: Any

    def accepted(self, threshold: float, ambiguity: float = AMBIGUITY) -> Any:
        """Return whether the messages pass a FallbackClassifier."""
        return (self.first >= threshold) & (self.first - self.second >= ambiguity)


def kinds_of(case: Case) -> Any:
    """Return the kind of each message."""
    return np.array([kind for kind, _, _ in case.ask])


def train_manent(case: Case) -> dict[str, bytes]:
    """Train Manent's default pipeline."""
    from manent.core.domain import Domain
    from manent.core.training_data import AssistantConfig, Example, NluData
    from manent.models.vectors import open_vectors
    from manent.nlu.training import train_pipeline
    from manent.project.settings.config import default_pipeline

    examples = tuple(Example(text=text, intent=intent) for text, intent in case.train)
    config = AssistantConfig(language="en", pipeline=default_pipeline())
    return train_pipeline(config, NluData(examples=examples), Domain(), vectors=open_vectors)


def ask_manent(case: Case) -> Answers:
    """Train, and parse all messages."""
    from manent.core.domain import Domain
    from manent.models.vectors import open_vectors
    from manent.nlu.pipeline import load_pipeline

    pipeline = load_pipeline(train_manent(case), Domain(), vectors=open_vectors)
    rows = []
    for _, text, intent in case.ask:
        ranking = [each for each in pipeline.parse(text)["intent_ranking"] if each["name"] != "nlu_fallback"]
        rows.append((ranking[0]["name"] == intent, ranking[0]["confidence"], ranking[1]["confidence"]))
    return Answers(*map(np.array, zip(*rows, strict=True)))


def read_rasa() -> dict[str, Any]:
    """Read Rasa's answers, by case name."""
    read: dict[str, Any] = json.loads(RASA.read_text(encoding="utf-8"))
    return read


def rasa_answers(case: Case, rows: list[Any]) -> Answers:
    """Convert a record to answers."""
    names = sorted({intent for _, intent in case.train})
    right = [
        place >= 0 and names[place] == intent for (place, _, _), (_, _, intent) in zip(rows, case.ask, strict=True)
    ]
    return Answers(np.array(right), np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))


def print_table(title: str, found: list[tuple[Case, Answers, Answers]]) -> None:
    """Print one table for several cases together."""
    print(f"\n### {title}\n\n| messages | | {' | '.join(map(str, THRESHOLDS))} |\n|---|---|{'---|' * len(THRESHOLDS)}")
    for label, kinds in KINDS.items():
        chosen = [np.isin(kinds_of(case), kinds) for case, _, _ in found]
        count = sum(int(rows.sum()) for rows in chosen)
        for number, name in ((1, "Manent"), (2, "Rasa")):
            cells = list(_cells([(entry[number], rows) for entry, rows in zip(found, chosen, strict=True)], count))
            print(f"| {f'{label} ({count})' if number == 1 else ''} | {name} | {' | '.join(cells)} |")


def _cells(found: list[tuple[Answers, Any]], count: int) -> Iterator[str]:
    for threshold in THRESHOLDS:
        right = sum(int((said.accepted(threshold) & said.right & rows).sum()) for said, rows in found)
        wrong = sum(int((said.accepted(threshold) & ~said.right & rows).sum()) for said, rows in found)
        yield " / ".join(f"{100 * number / count:.0f}" for number in (right, wrong, count - right - wrong))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="?", default="", help="beginnings of names, separated by commas")
    parser.add_argument("--each", action="store_true", help="a table for each assistant")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared/data/nlu")
    arguments = parser.parse_args()
    rasa = read_rasa()
    found = [
        (case, ask_manent(case), rasa_answers(case, rasa[case.name]))
        for case in list_cases(arguments.data, arguments.names)
        if case.name in rasa
    ]
    groups = {case.name: (case.name,) for case, _, _ in found} if arguments.each else GROUPS
    for title, names in groups.items():
        here = [entry for entry in found if entry[0].name.startswith(names)]
        if here:
            sizes = ", ".join(entry[0].name for entry in here)
            print_table(title if arguments.each else f"{title} ({sizes})", here)


if __name__ == "__main__":
    main()
