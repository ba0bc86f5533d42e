"""Policies in the manner of published ones."""

import json
from typing import Any, Dict, List, Optional, Text

import rasa.shared.utils.io
from rasa.core.featurizers.precomputation import MessageContainerForCoreFeaturization
from rasa.core.featurizers.single_state_featurizer import SingleStateFeaturizer
from rasa.core.featurizers.tracker_featurizers import FullDialogueTrackerFeaturizer, TrackerFeaturizer
from rasa.core.policies.memoization import AugmentedMemoizationPolicy, MemoizationPolicy
from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData, confidence_scores_for
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.constants import ACTION_LISTEN_NAME, DEFAULT_ACTION_NAMES
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import (
    DialogueStateTracker,
    EventVerbosity,
    get_active_loop_name,
    is_prev_action_listen_in_state,
)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class LowConfidenceMemoization(MemoizationPolicy):
    """Does not trust a memorized action if the intent is uncertain."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**MemoizationPolicy.get_default_config(), "least": 0.2}

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        precomputations: Optional[MessageContainerForCoreFeaturization] = None,
        rule_only_data: Optional[Dict[Text, Any]] = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        prediction = super().predict_action_probabilities(tracker, domain, precomputations, rule_only_data, **kwargs)
        confidence = tracker.latest_message.intent.get("confidence", 1.0)
        if tracker.latest_action_name == ACTION_LISTEN_NAME and confidence < self.config["least"]:
            return self._prediction(self._default_predictions(domain))
        return prediction


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT], is_trainable=True)
class NearestStatePolicy(Policy):
    """Predicts the action of the training state that has the most parts in common with the current state."""

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        featurizer: Optional[TrackerFeaturizer] = None,
        known: Optional[List[List[Any]]] = None,
    ) -> None:
        super().__init__(config, model_storage, resource, execution_context, featurizer)
        self.known = known or []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"priority": 2, "max_history": 1}

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    @staticmethod
    def _parts(state: State) -> List[Text]:
        loop = get_active_loop_name(state)
        intent = state.get("user", {}).get("intent")
        parts = [f"intent={intent}", f"previous={state.get('prev_action')}", f"loop={loop}"]
        return parts + [f"slot={name}" for name in sorted(state.get("slots", {}))]

    def train(self, training_trackers: List[TrackerWithCachedStates], domain: Domain, **kwargs: Any) -> Resource:
        for tracker in training_trackers:
            states = tracker.past_states(domain)
            actions = [event for event in tracker.applied_events() if getattr(event, "action_name", None)]
            for state, action in zip(states, actions, strict=False):
                if is_prev_action_listen_in_state(state) and action.action_name not in DEFAULT_ACTION_NAMES:
                    self.known.append([self._parts(state), action.action_name])
        with self._model_storage.write_to(self._resource) as path:
            rasa.shared.utils.io.dump_obj_as_json_to_file(path / "known.json", self.known)
        return self._resource

    def predict_action_probabilities(self, tracker, domain, rule_only_data=None, **kwargs) -> PolicyPrediction:
        if tracker.latest_action_name != ACTION_LISTEN_NAME:
            return self._prediction(confidence_scores_for(ACTION_LISTEN_NAME, 1.0, domain))
        (state,) = self._prediction_states(tracker, domain, rule_only_data=rule_only_data)
        parts = set(self._parts(state))
        scored = [(len(parts.intersection(known)), action) for known, action in self.known]
        if not scored:
            return self._prediction(self._default_predictions(domain))
        best, action = max(scored)
        return self._prediction(confidence_scores_for(action, best / max(1, len(parts)), domain))

    @classmethod
    def load(cls, config, model_storage, resource, execution_context, **kwargs):
        with model_storage.read_from(resource) as path:
            known = rasa.shared.utils.io.read_json_file(path / "known.json")
        return cls(config, model_storage, resource, execution_context, known=known)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class RememberingRules(RulePolicy):
    """Rules that also record the last intent in a slot."""

    def predict_action_probabilities(self, tracker, domain, rule_only_data=None, **kwargs):
        prediction = super().predict_action_probabilities(tracker, domain, rule_only_data=rule_only_data)
        state = tracker.current_state(EventVerbosity.ALL)
        last = tracker.get_last_event_for(UserUttered)
        if last is None or tracker.latest_action_name != ACTION_LISTEN_NAME or not state["events"]:
            return prediction
        if state["slots"].get("size") == last.intent_name:
            return prediction
        return PolicyPrediction(
            prediction.probabilities,
            prediction.policy_name,
            prediction.policy_priority,
            events=[SlotSet("size", last.intent_name)],
            hide_rule_turn=prediction.hide_rule_turn,
        )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class ForgetfulMemoization(AugmentedMemoizationPolicy):
    pass


UNUSED = (SingleStateFeaturizer, FullDialogueTrackerFeaturizer, json)
