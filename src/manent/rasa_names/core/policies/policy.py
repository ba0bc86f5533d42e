"""Stand-ins for `rasa.core.policies.policy`."""

from enum import Enum
from typing import Any, ClassVar

from manent.rasa_names.core.constants import DEFAULT_POLICY_PRIORITY, POLICY_MAX_HISTORY, POLICY_PRIORITY
from manent.rasa_names.engine.graph import ExecutionContext, GraphComponent
from manent.rasa_names.engine.storage.resource import Resource
from manent.rasa_names.engine.storage.storage import ModelStorage
from manent.rasa_names.shared.core.domain import Domain, State
from manent.rasa_names.shared.core.events import Event
from manent.rasa_names.shared.core.trackers import DialogueStateTracker


class SupportedData(Enum):
    """The kinds of training data that a policy reads."""

    ML_DATA = 1
    RULE_DATA = 2
    ML_AND_RULE_DATA = 3


class PolicyPrediction:
    """The probability of each action, in the order of the domain.

    Attributes:
        events: events to record in any case.
        optional_events: events to record if the prediction wins.
        is_no_user_prediction: whether the prediction is independent of the latest message.
    """

    def __init__(
        self,
        probabilities: list[float],
        policy_name: str | None = None,
        policy_priority: int = DEFAULT_POLICY_PRIORITY,
        events: list[Event] | None = None,
        optional_events: list[Event] | None = None,
        is_end_to_end_prediction: bool = False,  # noqa: FBT001, FBT002  # Rasa's signature
        is_no_user_prediction: bool = False,  # noqa: FBT001, FBT002
        diagnostic_data: dict[str, Any] | None = None,
        hide_rule_turn: bool = False,  # noqa: FBT001, FBT002
        action_metadata: dict[str, Any] | None = None,
    ) -> None:
        self.probabilities = probabilities
        self.policy_name = policy_name
        self.policy_priority = policy_priority
        self.events = events or []
        self.optional_events = optional_events or []
        self.is_end_to_end_prediction = is_end_to_end_prediction
        self.is_no_user_prediction = is_no_user_prediction
        self.diagnostic_data = diagnostic_data or {}
        self.hide_rule_turn = hide_rule_turn
        self.action_metadata = action_metadata

    @staticmethod
    def for_action_name(
        domain: Domain,
        action_name: str,
        policy_name: str | None = None,
        confidence: float = 1.0,
        action_metadata: dict[str, Any] | None = None,
    ) -> "PolicyPrediction":
        """Return the prediction of one action."""
        probabilities = confidence_scores_for(action_name, confidence, domain)
        return PolicyPrediction(probabilities, policy_name, action_metadata=action_metadata)

    @property
    def max_confidence_index(self) -> int:
        """Index of the most probable action."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def max_confidence(self) -> float:
        """Probability of the most probable action."""
        return max(self.probabilities, default=0.0)


class Policy(GraphComponent):
    """Predicts the next action. Subclasses define `predict_action_probabilities`.

    Attributes:
        config: the options.
        priority: decides between predictions with equal confidence; the highest priority wins.
    """

    extends: ClassVar[str] = ""
    """Name of the built-in policy that a subclass extends. "": none."""

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        model_storage: ModelStorage | None = None,
        resource: Resource | None = None,
        execution_context: ExecutionContext | None = None,
        featurizer: Any = None,
    ) -> None:
        self.config: dict[str, Any] = dict(config or {})
        self.priority = self.config.get(POLICY_PRIORITY, DEFAULT_POLICY_PRIORITY)
        self.featurizer = featurizer
        self.finetune_mode = False
        self._model_storage = model_storage
        self._resource = resource
        self._execution_context = execution_context

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **_: Any,
    ) -> "Policy":
        """Create the policy for its training."""
        return cls(config, model_storage, resource, execution_context)

    @staticmethod
    def supported_data() -> SupportedData:
        """Return the kind of training data that the policy reads. The default is stories."""
        return SupportedData.ML_DATA

    def train(self, training_trackers: list[Any], domain: Domain, **_: Any) -> Any:  # noqa: ARG002
        """Train the policy. The default does nothing."""
        return self._resource

    def predict_action_probabilities(self, tracker: DialogueStateTracker, domain: Domain, *_: Any, **__: Any) -> Any:
        """Predict the next action.

        Raises:
            NotImplementedError: the subclass does not define this method.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `predict_action_probabilities`")

    def _default_predictions(self, domain: Domain) -> list[float]:
        return [0.0] * domain.num_actions

    def _prediction_states(self, tracker: DialogueStateTracker, domain: Domain, *_: Any, **__: Any) -> list[State]:
        states = tracker.past_states(domain)
        most = self.config.get(POLICY_MAX_HISTORY)
        return states if most is None else states[-most:]

    def _prediction(
        self,
        probabilities: list[float],
        events: list[Event] | None = None,
        optional_events: list[Event] | None = None,
        is_end_to_end_prediction: bool = False,  # noqa: FBT001, FBT002  # Rasa's signature
        is_no_user_prediction: bool = False,  # noqa: FBT001, FBT002
        diagnostic_data: dict[str, Any] | None = None,
        action_metadata: dict[str, Any] | None = None,
    ) -> PolicyPrediction:
        return PolicyPrediction(
            probabilities,
            type(self).__name__,
            self.priority,
            events,
            optional_events,
            is_end_to_end_prediction,
            is_no_user_prediction,
            diagnostic_data,
            action_metadata=action_metadata,
        )


class BuiltInPolicy(Policy):
    """A built-in Manent policy, which a project's classes can extend. Rasa has no such class.

    `predict_action_probabilities` calls the built-in policy.
    """

    predict_built_in: Any = None

    def predict_action_probabilities(self, tracker: DialogueStateTracker, domain: Domain, *_: Any, **__: Any) -> Any:
        """Predict as the built-in policy does."""
        return self.predict_built_in(tracker, domain)


def confidence_scores_for(action_name: str, value: float, domain: Domain) -> list[float]:
    """Return probabilities that are 0 except for one action."""
    scores = [0.0] * domain.num_actions
    scores[domain.index_for_action(action_name)] = value
    return scores
