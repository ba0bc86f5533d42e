"""Fit the scale in `manent/learn/confidence.py` to recorded answers from real Rasa.

    python bench/thresholds/fit.py [--part fit|check] [--data ../shared/data/nlu]

The program tries scales on a grid, with the assistants from one part of `cases.py`, and prints the best ones. The loss
of a scale has these terms, for each threshold and with the default ambiguity_threshold:

- how many fewer new messages are accepted with the right intent than with Rasa;
- how many more new messages with a wrong intent, messages about other topics, and meaningless messages are accepted
  than with Rasa.

The terms are squared and averaged over all assistants. Constants define their weights. A scale is excluded if any
training example has a confidence below 0.99, or any variant of a training example has a confidence below 0.9.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, list_cases
from measure import AMBIGUITY, Answers, kinds_of, rasa_answers, read_rasa, train_manent

from manent.learn.confidence import DIET, Scale

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99)
GRID: dict[str, tuple[float, ...]] = {
    "sharpness": (90, 120, 180, 240),
    "decay": (1.5,),
    "least_sharpness": (1.8, 2.0, 2.2, 2.5),
    "slope": (4, 6, 8, 10),
    "offset": (-2, -1.5, -1.25, -1),
    "growth": (0, 0.25, 0.5, 0.75),
}
_RIGHT = 2.0
"""Weight of rejecting a message with the right intent, relative to accepting one with a wrong intent."""
_COST = 0.003
_COST_OF_NONSENSE = 0.03
"""Weight of accepting wrong intents as often as Rasa does.

The weight is small, so that it decides only between equal scales.
"""

_VARIANTS = ("case", "accents", "punctuation", "greeting", "typo")


def read_scores(case: Case) -> Any:
    """Train Manent and return the scores of all messages: (messages, intents + 1)."""
    from manent.core.domain import Domain
    from manent.models.vectors import open_vectors
    from manent.nlu.pipeline import load_pipeline

    files = train_manent(case)
    pipeline = load_pipeline(files, Domain(), vectors=open_vectors)
    return np.array([pipeline.classify(text).scores for _, text, _ in case.ask], np.float64) / DIET.sharpness_of(
        len({intent for _, intent in case.train})
    )


def answer(case: Case, scores: Any, scale: Scale) -> Answers:
    """Return Manent's answers with a scale, for many texts. The result is the same as from `TextClassifier.rank`."""
    names = sorted({intent for _, intent in case.train})
    known = scores[:, :-1]
    best = known.max(axis=1)
    shares = np.exp(scale.sharpness_of(len(names)) * (known - best[:, None]))
    factor = 1 / (1 + np.exp(np.clip(scale.slope * (scale.middle_of(len(names)) + scores[:, -1] - best), -80, 80)))
    ordered = np.sort(shares / shares.sum(axis=1)[:, None] * factor[:, None], axis=1)
    right = np.array(names)[known.argmax(axis=1)] == np.array([intent for _, _, intent in case.ask])
    return Answers(right, ordered[:, -1], ordered[:, -2])


def rates(case: Case, said: Answers) -> Any:
    """Return the accepted shares by threshold: new messages (right and wrong intent), other topics, nonsense."""
    kinds = kinds_of(case)
    thresholds = np.array(THRESHOLDS)[:, None]
    accepted = (said.first >= thresholds) & (said.first - said.second >= AMBIGUITY)
    parts = []
    for kind, chosen in (
        ("unseen", said.right),
        ("unseen", ~said.right),
        ("topic", ~said.right),
        ("nonsense", ~said.right),
    ):
        rows = kinds == kind
        parts.append((accepted & chosen)[:, rows].mean(axis=1))
    return np.array(parts)


def loss(case: Case, said: Answers, wanted: Any) -> float:
    """Return the loss. The loss is infinite if training examples or their variants are rejected."""
    kinds = kinds_of(case)
    own, variants = said.first[(kinds == "own") & said.right], said.first[np.isin(kinds, _VARIANTS) & said.right]
    refused = (own < 0.99).mean() + (variants < 0.9).mean()
    found = rates(case, said)
    surplus = found - wanted
    surplus[0] *= -_RIGHT
    return float(
        (np.maximum(surplus, 0) ** 2).mean() + _COST * found[1:].mean() + _COST_OF_NONSENSE * found[3].mean() + refused
    )


def main() -> None:
    """Parse the command line and fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="fit", choices=["fit", "check"])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared/data/nlu")
    arguments = parser.parse_args()
    rasa = read_rasa()
    cases = [case for case in list_cases(arguments.data) if case.part == arguments.part and case.name in rasa]
    known = [(case, read_scores(case), rates(case, rasa_answers(case, rasa[case.name]))) for case in cases]
    found = []
    for values in itertools.product(*GRID.values()):
        scale = Scale(**dict(zip(GRID, values, strict=True)))
        losses = [loss(case, answer(case, scores, scale), wanted) for case, scores, wanted in known]
        found.append((sum(losses) / len(losses), values, losses))
    print(f"{len(cases)} assistants; {', '.join(GRID)}")
    for total, values, losses in sorted(found)[:15]:
        print(f"{100 * total:.3f}  {values}  {' '.join(f'{100 * each:.2f}' for each in losses)}")


if __name__ == "__main__":
    main()
