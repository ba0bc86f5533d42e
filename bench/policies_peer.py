"""Measure how often real Rasa's TED predicts the next action, on the splits that `policies.py --splits FOLDER` wrote.

    PYTHONPATH=bench .venv-rasa/bin/python bench/policies_peer.py FOLDER [NAME...]

Runs under Rasa's Python. All splits are trained and tested in one process, because starting TensorFlow takes as long as
a training. The program prints the correct predictions of each split, in the format of `policies.py --each`.
NAME: use only splits whose names begin with this text.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import rasa
from rasa.core.agent import Agent
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.core.test import test as test_stories
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.tensorflow.environment import setup_tf_environment


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class SilentRules(RulePolicy):
    """The RulePolicy that a domain with forms requires. It predicts nothing."""

    def train(self, training_trackers: list[TrackerWithCachedStates], domain: Domain, **_: Any) -> Resource:  # noqa: ARG002
        """Learn nothing."""
        return self._resource

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext, **_: Any,
    ) -> "SilentRules":  # fmt: skip
        """Return a policy without rules."""
        return cls(config, model_storage, resource, execution_context)

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,  # noqa: ARG002 - Rasa reads the names and types of the arguments
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,  # noqa: ARG002
        **_: Any,
    ) -> PolicyPrediction:
        """Predict nothing."""
        return self._prediction([0.0] * domain.num_actions)


def foretold(split: Path) -> tuple[int, int]:
    """Train and test one split. Return the numbers of correct predictions and of all predictions."""
    train = split / "train"
    with tempfile.TemporaryDirectory() as folder:
        # `force` is not set, because with it Rasa 3.6.21 rejects end-to-end stories.
        made = rasa.train(str(train / "domain.yml"), str(train / "config.yml"), [str(train / "data")], output=folder)
        agent = Agent.load(made.model)
        told = asyncio.run(test_stories(str(split / "test_stories.yml"), agent, disable_plotting=True))
    actions = told["actions"]
    return sum(each["action"] == each["predicted"] for each in actions), len(actions)


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=[""])
    options = parser.parse_args()
    setup_tf_environment()
    splits = [each for each in options.folder.iterdir() if each.name.startswith(tuple(options.names))]
    for split in sorted(splits, key=_order):
        begun = time.perf_counter()
        try:
            right, total = foretold(split)
        except Exception as error:  # noqa: BLE001 - a split that Rasa can't train must not end the others
            print(f"{split.name}  failed: {type(error).__name__}: {error}", flush=True)
            continue
        took = time.perf_counter() - begun
        print(f"{split.name}  TED {right:4d}/{total:<4d} {right / max(total, 1):6.1%}  {took:.0f} s", flush=True)


def _order(split: Path) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", split.name)]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
