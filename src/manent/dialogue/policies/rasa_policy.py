"""Runs policies that were written for Rasa 3: subclasses of `Policy`, or of a built-in policy.

`extensions/points.py` names `adapt` as the adapter of such classes.
"""

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ManentError
from manent.core.events import Json, event_from_wire
from manent.core.tracker import Tracker
from manent.dialogue.policies.custom import HISTORY, prediction_of
from manent.dialogue.policies.prediction import Policy, Prediction
from manent.dialogue.states import DialogState, Featurizer, History
from manent.dialogue.stories import Sequence as TrainingSequence
from manent.extensions.finding import BadExtension
from manent.extensions.model_code import guarded
from manent.rasa_names.core.policies.policy import BuiltInPolicy, PolicyPrediction, SupportedData
from manent.rasa_names.core.policies.policy import Policy as RasaPolicy
from manent.rasa_names.engine.graph import ExecutionContext, GraphSchema
from manent.rasa_names.engine.recipes.default_recipe import DefaultV1Recipe
from manent.rasa_names.engine.storage.resource import Resource
from manent.rasa_names.engine.storage.storage import ModelStorage
from manent.rasa_names.shared.core.domain import Domain as RasaDomain
from manent.rasa_names.shared.core.domain import State
from manent.rasa_names.shared.core.generator import TrackerWithCachedStates
from manent.rasa_names.shared.core.trackers import DialogueStateTracker

Files = Mapping[str, bytes]


def adapt(found: type) -> "RasaPolicyKind":
    """Return the object that trains and loads a policy that was written for Rasa.

    Raises:
        BadExtension: the class was written for Rasa 1 or 2, or is not registered.
    """
    name = f"{found.__module__}.{found.__qualname__}"
    if not issubclass(found, RasaPolicy):
        raise BadExtension(name, "a class that does not extend Policy", "a subclass of Policy")
    registration = DefaultV1Recipe.registration_of(found)
    if registration is None:
        raise BadExtension(
            name,
            "a policy without `@DefaultV1Recipe.register(…)`, as in Rasa 1 and 2",
            "a policy of Rasa 3",
            advice="Write it with the four methods of docs/extending.md#a-policy, or as for Rasa 3",
        )
    return RasaPolicyKind(found, name, is_trainable=registration.is_trainable)


@dataclass(frozen=True, slots=True)
class RasaPolicyKind:
    """A class that was written for Rasa 3.

    Attributes:
        original: the class.
        name: its path.
    """

    original: Any
    name: str
    is_trainable: bool

    @property
    def extends(self) -> str:
        """Name of the built-in policy that the class extends. "": none."""
        return str(self.original.extends)

    def train(self, options: Json, stories: Sequence[TrainingSequence], domain: Domain) -> Files:
        """Call `create` and `train`, and return the files that the policy stored."""
        if not self.is_trainable or self.original.train in (RasaPolicy.train, BuiltInPolicy.train):
            return {}
        storage = ModelStorage()
        policy = self._call("create", lambda: self._make(self.original.create, options, storage, "train"))
        wanted = policy.supported_data()
        trackers = [
            _training_tracker(story, domain)
            for story in stories
            if wanted == SupportedData.ML_AND_RULE_DATA or story.is_rule == (wanted == SupportedData.RULE_DATA)
        ]
        self._call("train", lambda: _finished(policy.train(trackers, RasaDomain(domain)), "train"))
        return storage.files()

    def load(self, options: Json, files: Files, domain: Domain, built_in: Policy | None) -> Policy:
        """Call `load`, and return the policy."""
        label = self.name.rpartition(".")[2]
        predicts = self.original.predict_action_probabilities
        if built_in is not None and predicts is BuiltInPolicy.predict_action_probabilities:
            return _Renamed(built_in, label)
        storage = ModelStorage(files)

        def make() -> Any:
            return self._make(self.original.load, options, storage, "run")

        def load() -> Any:
            if not files:
                return make()
            with guarded(self.name):
                return make()

        policy = self._call("load", load)
        return _Adapter(policy, label, storage, domain, built_in)

    def _make(self, how: Callable[..., Any], options: Json, storage: ModelStorage, node: str) -> Any:
        config = {**self.original.get_default_config(), **options}
        surroundings = ExecutionContext(GraphSchema({}), node_name=f"{node}_{self.name}")
        return how(config, storage, Resource(f"train_{self.name}"), surroundings)

    def _call(self, method: str, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except ManentError:
            raise
        except Exception as error:  # the project's code can raise anything
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise BadExtension(
                self.name,
                f"{type(error).__name__} in `{method}`: {error} (line {place.lineno} of {place.filename})",
                f"a `{method}` that raises no error",
            ) from error


def _training_tracker(story: TrainingSequence, domain: Domain) -> TrackerWithCachedStates:
    tracker = Tracker(sender_id=story.name, domain=domain)
    for event in story.events:
        tracker.update(event)
    states = _states_of(tracker, Featurizer(domain))
    return TrackerWithCachedStates(tracker, states, is_rule_tracker=story.is_rule)


def _states_of(tracker: Tracker, featurizer: Featurizer) -> Callable[[], list[State]]:
    """Return a function that computes the states of a conversation, which few policies read."""

    def compute() -> list[State]:
        history = History(featurizer)
        history.follow(tracker)
        return [_as_rasa_state(state, tracker.domain) for state in (*history.full, history.current())]

    return compute


def _as_rasa_state(state: DialogState, domain: Domain) -> State:
    user = {"intent": state.intent, "text": state.text, "entities": state.entities}
    previous = "action_name" if state.previous in domain.action_index else "action_text"
    parts: State = {
        "user": {name: value for name, value in user.items() if value},
        "slots": dict(state.slots),
        "prev_action": {previous: state.previous} if state.previous else {},
        "active_loop": {"name": state.loop} if state.loop else {},
    }
    return {name: part for name, part in parts.items() if part}


def _finished(returned: Any, method: str) -> Any:
    if hasattr(returned, "__await__"):
        returned.close()
        raise TypeError(f"`{method}` is asynchronous; Manent calls the methods of policies directly")
    return returned


class _Renamed:
    """A built-in policy under the name of the class that extends it."""

    def __init__(self, policy: Policy, name: str) -> None:
        self._policy = policy
        self.name = name
        self.priority = policy.priority
        self.history_needed = policy.history_needed
        self.yields = policy.yields

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict as the built-in policy does."""
        return msgspec.structs.replace(self._policy.predict(tracker, history), policy=self.name)


class _Adapter:
    """A loaded policy."""

    yields = False

    def __init__(self, policy: Any, name: str, storage: ModelStorage, domain: Domain, built_in: Policy | None) -> None:
        self._policy = policy
        self._storage = storage  # the policy can read from its folder as long as the policy exists
        self._domain = RasaDomain(domain)
        self._featurizer = Featurizer(domain)
        self._index = domain.action_index
        self._built_in = built_in
        self.name = name
        self.priority = int(policy.priority)
        self.history_needed = max(HISTORY, built_in.history_needed if built_in is not None else 0)
        asked = inspect.signature(policy.predict_action_probabilities).parameters
        given: Json = {"rule_only_data": {"rule_only_slots": [], "rule_only_loops": []}, "precomputations": None}
        self._asked = {name: value for name, value in given.items() if name in asked}

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Call `predict_action_probabilities`."""
        made: list[tuple[PolicyPrediction, Prediction]] = []
        if self._built_in is not None:
            self._policy.predict_built_in = lambda *_: self._as_rasa(tracker, history, made)
        seen = DialogueStateTracker(tracker, _states_of(tracker, self._featurizer))
        found = _finished(
            self._policy.predict_action_probabilities(seen, self._domain, **self._asked),
            "predict_action_probabilities",
        )
        for given, prediction in made:
            if found is given:
                return msgspec.structs.replace(prediction, policy=self.name, priority=self.priority)
        return self._as_prediction(found if isinstance(found, PolicyPrediction) else PolicyPrediction(list(found)))

    def _as_prediction(self, found: PolicyPrediction) -> Prediction:
        names = self._domain.action_names_or_texts
        if len(found.probabilities) != len(names):
            raise BadExtension(
                self.name, f"{len(found.probabilities)} probabilities", f"{len(names)}, one for each action"
            )
        if found.optional_events:
            raise BadExtension(self.name, "optional_events in a prediction", "`events`, or none")
        scores = dict(zip(names, found.probabilities, strict=True))
        return msgspec.structs.replace(
            prediction_of(scores, self.name, self.priority, self._index),
            is_no_user=found.is_no_user_prediction,
            is_end_to_end=found.is_end_to_end_prediction,
            hide_turn=found.hide_rule_turn,
            events=tuple(event_from_wire(event.as_dict()) for event in found.events),
        )

    def _as_rasa(
        self, tracker: Tracker, history: History, made: list[tuple[PolicyPrediction, Prediction]]
    ) -> PolicyPrediction:
        """Return the prediction of the built-in policy, and remember the prediction."""
        assert self._built_in is not None  # noqa: S101  # only policies that extend a built-in policy ask for it
        prediction = self._built_in.predict(tracker, history)
        probabilities = [0.0] * len(self._index)
        for action, confidence in prediction.others.items():
            probabilities[self._index[action]] = confidence
        if prediction.action is not None:
            probabilities[self._index[prediction.action]] = prediction.confidence
        given = PolicyPrediction(
            probabilities,
            self.name,
            self.priority,
            is_end_to_end_prediction=prediction.is_end_to_end,
            is_no_user_prediction=prediction.is_no_user,
            hide_rule_turn=prediction.hide_turn,
        )
        made.append((given, prediction))
        return given
