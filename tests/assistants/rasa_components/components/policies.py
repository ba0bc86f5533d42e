"""Policies in the manner of public ones."""

import json
from typing import Any, Dict, List, Optional, Text

from rasa.core.policies.policy import Policy, PolicyPrediction, confidence_scores_for
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT], is_trainable=True)
class TablePolicy(Policy):
    """Learns the action after each intent, and stores it."""

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        featurizer: Any = None,
        table: Optional[Dict[Text, Text]] = None,
    ) -> None:
        super().__init__(config, model_storage, resource, execution_context, featurizer)
        self.table = table or {}

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"priority": 3, "sure": 0.9}

    def train(self, training_trackers: List[TrackerWithCachedStates], domain: Domain, **kwargs: Any) -> Resource:
        for tracker in training_trackers:
            intent = None
            for event in tracker.events:
                if isinstance(event, UserUttered):
                    intent = event.intent["name"]
                elif isinstance(event, ActionExecuted) and event.action_name != ACTION_LISTEN_NAME and intent:
                    self.table.setdefault(intent, event.action_name)
        with self._model_storage.write_to(self._resource) as path:
            (path / "table.json").write_text(json.dumps(self.table))
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: Optional[Dict[Text, Any]] = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        result = self._default_predictions(domain)
        intent = tracker.latest_message.intent.get("name")
        if tracker.latest_action_name == ACTION_LISTEN_NAME and intent in self.table:
            result = confidence_scores_for(self.table[intent], self.config["sure"], domain)
        return self._prediction(result)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "TablePolicy":
        with model_storage.read_from(resource) as path:
            table = json.loads((path / "table.json").read_text())
        return cls(config, model_storage, resource, execution_context, table=table)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITH_END_TO_END_SUPPORT, is_trainable=True)
class PatientRules(RulePolicy):
    """Rules, except for impatient users."""

    def predict_action_probabilities(self, tracker, domain, rule_only_data=None, **kwargs):
        text = tracker.latest_message.text or ""
        if tracker.latest_action_name == ACTION_LISTEN_NAME and text.endswith("!"):
            return PolicyPrediction.for_action_name(domain, "utter_calm", type(self).__name__)
        return super().predict_action_probabilities(tracker, domain, rule_only_data=rule_only_data, **kwargs)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITH_END_TO_END_SUPPORT, is_trainable=True)
class PlainRules(RulePolicy):
    pass


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class StatesPolicy(Policy):
    def train(self, training_trackers, domain, **kwargs):
        return [tracker.as_dialogue() for tracker in training_trackers]


class OldPolicy(Policy):
    def predict_action_probabilities(self, tracker, domain, interpreter, **kwargs):
        return self._default_predictions(domain)


class CountingPolicy:
    """A policy for Manent: says goodbye after a number of messages."""

    def __init__(self, options):
        self.limit = options.get("limit", 2)
        self.seen = 0

    def train(self, stories, domain):
        self.seen = len(stories)

    def predict(self, conversation):
        said = [event for event in conversation.events if event["event"] == "user"]
        return {"utter_bye": 1.0} if conversation.latest_action == "action_listen" and len(said) >= self.limit else {}

    def persist(self):
        return {"seen.json": json.dumps(self.seen).encode()}

    def load(self, files):
        self.seen = json.loads(files["seen.json"])
