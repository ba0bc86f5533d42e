"""Measure how often the learned policy predicts the next action of a story that is not in its training data.

    python bench/policies.py PROJECT... [--splits FOLDER] [--each]

The program excludes one story, trains on the others, and predicts each action in the excluded story. After each
prediction, it continues with the action in the story. It counts the correct predictions, including `action_listen`. For
comparison, it also predicts the action of the most similar known example (nearest neighbour). Any learned policy should
be better than this baseline. RulePolicy and memoization are not used, because this program measures only new
situations.

With --splits, each split is written as a Rasa project (`train/`, `test_stories.yml` with the same actions), so that the
TEDPolicy of real Rasa can be trained and tested on the same splits (`policies_peer.py`). With --each, the program
prints every split, as `policies_peer.py` does.
"""

import argparse
import copy
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from manent.authoring.stories import write
from manent.core.domain import Domain
from manent.core.events import ActionExecuted
from manent.core.tracker import Tracker
from manent.core.training_data import Stories
from manent.dialogue.policies.features import KnownTexts, Weighted, state_features
from manent.dialogue.policies.learned import LearnedOptions, LearnedPolicy
from manent.dialogue.policies.learned_training import _examples, train_learned
from manent.dialogue.states import Featurizer, history_of
from manent.dialogue.stories import Sequence, story_sequences
from manent.project.reading import Project, read_project

OPTIONS = LearnedOptions(max_history=5)
_PEER = """\
recipe: default.v1
assistant_id: bench
language: en
pipeline:
  - name: WhitespaceTokenizer
  - name: KeywordIntentClassifier
  - name: CountVectorsFeaturizer
  - {name: CountVectorsFeaturizer, analyzer: char_wb, min_ngram: 1, max_ngram: 4}
policies:
  - {name: TEDPolicy, max_history: 5, epochs: 100, constrain_similarities: true}
  - name: policies_peer.SilentRules
"""
"""Configuration of Rasa: only TED.

A domain with forms requires a RulePolicy, so the configuration contains one that predicts nothing.
"""


@dataclass
class Score:
    """The numbers of correct predictions and of all predictions."""

    right: int = 0
    total: int = 0

    def add(self, foretold: str | None, action: str) -> None:
        """Count one prediction."""
        self.total += 1
        self.right += foretold == action

    def __str__(self) -> str:
        return f"{self.right:4d}/{self.total:<4d} {self.right / max(self.total, 1):6.1%}"


class Nearest:
    """Predicts the action of the most similar known example."""

    def __init__(self, domain: Domain, featurizer: Featurizer, known: list[Sequence]) -> None:
        self.texts = KnownTexts(())
        examples = dict.fromkeys(_examples(domain, featurizer, known, (OPTIONS.history,)))
        self.known = [(self.features(states), action) for states, action in examples]

    def features(self, states: object) -> Weighted:
        """Return the features of some states."""
        return state_features(states, self.texts, least_similarity=0.5)  # type: ignore[arg-type]

    def foretell(self, features: Weighted) -> str | None:
        """Return the action of the nearest example."""
        best = max(
            self.known,
            key=lambda each: sum(value * each[0].get(name, 0.0) for name, value in features.items()),
            default=None,
        )
        return best[1] if best is not None else None


def play(
    domain: Domain, featurizer: Featurizer, story: Sequence, policy: LearnedPolicy, nearest: Nearest
) -> tuple[Score, Score]:
    """Predict the actions of a story with the policy and the nearest neighbour.

    The `action_listen` at the beginning of every story is not counted.
    """
    tracker = Tracker(sender_id="bench", domain=domain)
    ours, theirs = Score(), Score()
    for event in story.events:
        if isinstance(event, ActionExecuted) and tracker.applied:
            action = event.name or event.action_text or ""
            history = history_of(tracker, featurizer)
            ours.add(policy.predict(tracker, history).action, action)
            theirs.add(nearest.foretell(nearest.features(history.shown()[-OPTIONS.history :])), action)
        tracker.update(event)
    return ours, theirs


@dataclass(frozen=True)
class Split:
    """A split: the known stories, and the story to predict."""

    known: list[Sequence]
    held: list[Sequence]


def splits_of(project: Project) -> Iterator[Split]:
    """Yield a split for each story, without this story in the training data.

    A story that begins at a checkpoint is played after the stories that lead to this checkpoint.
    """
    stories = project.stories.stories
    whole = story_sequences(project.domain, project.stories)
    for number in range(len(stories)):
        known = story_sequences(project.domain, Stories(stories=(*stories[:number], *stories[number + 1 :])))
        seen = {tuple(map(repr, each.events)) for each in known}
        yield Split(known, [each for each in whole if tuple(map(repr, each.events)) not in seen])


def measure(domain: Domain, name: str, splits: Iterable[Split], *, each: bool) -> None:
    """Train on each split, predict, and print."""
    featurizer = Featurizer(domain)
    all_ours, all_theirs, seconds, count = Score(), Score(), 0.0, 0
    for split in splits:
        begun = time.perf_counter()
        policy = train_learned(domain, featurizer, "TEDPolicy", OPTIONS, split.known)
        seconds = max(seconds, time.perf_counter() - begun)
        nearest = Nearest(domain, featurizer, split.known)
        ours, theirs = Score(), Score()
        for story in split.held:
            mine, other = play(domain, featurizer, story, policy, nearest)
            ours, theirs = _sum(ours, mine), _sum(theirs, other)
        if each:
            print(f"{name}-{count}  learned {ours}  nearest {theirs}")
        all_ours, all_theirs, count = _sum(all_ours, ours), _sum(all_theirs, theirs), count + 1
    print(f"{name:28} {count:3d} stories  learned {all_ours}  nearest {all_theirs}  training {seconds:.2f} s")


def _sum(one: Score, other: Score) -> Score:
    return Score(one.right + other.right, one.total + other.total)


def _name(root: Path) -> str:
    """Return the name of the folder, or of its parent if the folder is named `project`."""
    return root.parent.name if root.name == "project" else root.name


def write_splits(root: Path, folder: Path, splits: Iterable[Split]) -> None:
    """Write the splits of a project for real Rasa, with numbers."""
    data = [
        path for path in sorted((root / "data").rglob("*.yml")) if "stories" in (yaml.safe_load(path.read_text()) or {})
    ]
    documents = [(path, yaml.safe_load(path.read_text(encoding="utf-8"))) for path in data]
    places = [(path, number) for path, document in documents for number in range(len(document["stories"]))]
    for count, ((changed, number), split) in enumerate(zip(places, splits, strict=True)):
        target = folder / f"{_name(root)}-{count}"
        train = target / "train"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(root, train, ignore=shutil.ignore_patterns("models", ".rasa", "tests", "*.db*"))
        for path, document in documents:
            kept = copy.deepcopy(document)
            if path == changed:
                del kept["stories"][number]
            kept.pop("rules", None)
            (train / path.relative_to(root)).write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
        for path in sorted((train / "data").rglob("*.yml")):
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            if document.pop("rules", None):
                path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        stories = [write(each.name, each.events) for each in split.held]
        whole = {"version": "3.1", "stories": [each for text in stories for each in yaml.safe_load(text)["stories"]]}
        (target / "test_stories.yml").write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
        (train / "config.yml").write_text(_PEER, encoding="utf-8")


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+")
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    for root in options.projects:
        project = read_project(root)
        splits = list(splits_of(project))
        measure(project.domain, _name(root), splits, each=options.each)
        if options.splits is not None:
            write_splits(root, options.splits, splits)


if __name__ == "__main__":
    main()
