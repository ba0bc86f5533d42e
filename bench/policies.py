"""How often the learned policy foretells the next action of a story that it has not seen.

    python bench/policies.py PROJECT... [--splits FOLDER]

Leave one story out: train on the others, play the held-out one (each time going on with what the story says), and count
the actions foretold, `action_listen` included. Beside it a nearest neighbour (the action of the most similar known
example), which any learned policy should beat. RulePolicy and memoization take no part: only what is new counts.

With --splits each split is written as a Rasa project (`train/`, `test_stories.yml`), so that real Rasa can be trained
and tested on the same: `rasa train core` and `rasa test core` there, with TEDPolicy alone.
"""

import argparse
import copy
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

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


@dataclass
class Score:
    """Actions foretold, of how many."""

    right: int = 0
    total: int = 0

    def add(self, foretold: str | None, action: str) -> None:
        """Count one action."""
        self.total += 1
        self.right += foretold == action

    def __str__(self) -> str:
        return f"{self.right:4d}/{self.total:<4d} {self.right / max(self.total, 1):6.1%}"


class Nearest:
    """Foretells the action of the most similar known example."""

    def __init__(self, domain: Domain, featurizer: Featurizer, known: list[Sequence]) -> None:
        self.texts = KnownTexts(())
        examples = dict.fromkeys(_examples(domain, featurizer, known, (OPTIONS.history,)))
        self.known = [(self.features(states), action) for states, action in examples]

    def features(self, states: object) -> Weighted:
        """Return the features of some states."""
        return state_features(states, self.texts, least_similarity=0.5)  # type: ignore[arg-type]

    def foretell(self, features: Weighted) -> str | None:
        """Return the nearest example's action."""
        best = max(
            self.known,
            key=lambda each: sum(value * each[0].get(name, 0.0) for name, value in features.items()),
            default=None,
        )
        return best[1] if best is not None else None


def play(
    domain: Domain, featurizer: Featurizer, story: Sequence, policy: LearnedPolicy, nearest: Nearest
) -> tuple[Score, Score]:
    """Play a story through both; the first listening, which every story begins with, does not count."""
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


def measure(project: Project, name: str) -> None:
    """Leave out each story in turn, and print."""
    domain, featurizer = project.domain, Featurizer(project.domain)
    stories = project.stories.stories
    ours, theirs, seconds = Score(), Score(), 0.0
    for number in range(len(stories)):
        kept = Stories(stories=(*stories[:number], *stories[number + 1 :]))
        # A story that others lead to by a checkpoint is played with what leads to it.
        whole = story_sequences(domain, project.stories)
        known = story_sequences(domain, kept)
        seen = {tuple(map(repr, each.events)) for each in known}
        held = [each for each in whole if tuple(map(repr, each.events)) not in seen]
        begun = time.perf_counter()
        policy = train_learned(domain, featurizer, "TEDPolicy", OPTIONS, known)
        seconds = max(seconds, time.perf_counter() - begun)
        nearest = Nearest(domain, featurizer, known)
        for story in held:
            mine, other = play(domain, featurizer, story, policy, nearest)
            ours, theirs = _sum(ours, mine), _sum(theirs, other)
    print(f"{name:28} {len(stories):3d} stories  learned {ours}  nearest {theirs}  training {seconds:.2f} s")


def _sum(one: Score, other: Score) -> Score:
    return Score(one.right + other.right, one.total + other.total)


def _name(root: Path) -> str:
    """Return the assistant's name: of the folder, or of the one above when it is just `project`."""
    return root.parent.name if root.name == "project" else root.name


def write_splits(root: Path, folder: Path) -> None:
    """Write each split of a project for real Rasa."""
    data = [
        path for path in sorted((root / "data").rglob("*.yml")) if "stories" in (yaml.safe_load(path.read_text()) or {})
    ]
    documents = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in data}
    count = 0
    for path, document in documents.items():
        for number in range(len(document["stories"])):
            target = folder / f"{_name(root)}-{count}"
            shutil.copytree(
                root, target / "train", dirs_exist_ok=True, ignore=shutil.ignore_patterns("models", ".rasa")
            )
            changed = copy.deepcopy(document)
            held = changed["stories"].pop(number)
            (target / "train" / path.relative_to(root)).write_text(yaml.safe_dump(changed), encoding="utf-8")
            for step in held["steps"]:
                step.pop("checkpoint", None)
            held["steps"] = [step for step in held["steps"] if step]
            (target / "test_stories.yml").write_text(
                yaml.safe_dump({"version": "3.1", "stories": [held]}), encoding="utf-8"
            )
            (target / "train" / "config.yml").write_text(
                "recipe: default.v1\nassistant_id: bench\nlanguage: en\n"
                "pipeline: [{name: WhitespaceTokenizer}, {name: KeywordIntentClassifier},\n"
                "  {name: CountVectorsFeaturizer},\n"
                "  {name: CountVectorsFeaturizer, analyzer: char_wb, min_ngram: 1, max_ngram: 4}]\n"
                "policies: [{name: TEDPolicy, max_history: 5, epochs: 100, constrain_similarities: true}]\n",
                encoding="utf-8",
            )
            _drop_forms(target / "train")
            count += 1


def _drop_forms(project: Path) -> None:
    """Take forms and rules out of a project: Rasa refuses them without RulePolicy, which shall take no part."""
    for path in (project / "domain.yml", *sorted((project / "data").rglob("*.yml"))):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if document.keys() & {"forms", "rules"}:
            kept = {key: value for key, value in document.items() if key not in ("forms", "rules")}
            path.write_text(yaml.safe_dump(kept), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+")
    parser.add_argument("--splits", type=Path)
    options = parser.parse_args()
    for root in options.projects:
        project = read_project(root)
        measure(replace(project, stories=project.stories), _name(root))
        if options.splits is not None:
            write_splits(root, options.splits)


if __name__ == "__main__":
    main()
