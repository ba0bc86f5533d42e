"""Custom policies: classes with four methods, in the project or in an installed package.

`docs/extending.md` shows an example. `extensions/finding.py` finds the class by its name in `config.yml`. A model
contains only the files that the policy's `persist` returned. Classes that were written for Rasa are in
`rasa_policy.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from manent.core.domain import Domain
from manent.core.errors import Problem, ProjectError
from manent.core.events import Json, event_to_wire
from manent.core.tracker import Tracker
from manent.core.training_data import Where
from manent.dialogue.policies.prediction import Policy, Prediction
from manent.dialogue.states import History
from manent.dialogue.stories import Sequence as TrainingSequence
from manent.extensions.finding import BadExtension, Site, calling, create, find
from manent.extensions.model_code import guarded
from manent.extensions.options import options_of
from manent.extensions.points import POLICIES

Files = Mapping[str, bytes]

DEFAULT_PRIORITY = 1
HISTORY = 50
"""Number of the newest actions whose events a custom policy sees, unless its class sets `history`."""

_FILE = "config.yml"


class Conversation:
    """The view of a conversation that a custom policy receives. Each value is plain JSON data.

    Args:
        tracker: the conversation.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    @property
    def sender_id(self) -> str:
        """Id of the conversation."""
        return self._tracker.sender_id

    @property
    def slots(self) -> Json:
        """Slot → value."""
        return self._tracker.slots()

    @property
    def latest_message(self) -> Json:
        """The parse result of the latest message, with `text`, `intent` and `entities`.

        Empty before the first message.
        """
        message = self._tracker.state.latest_message
        return {"text": message.text, **message.parse_data} if message is not None else {}

    @property
    def latest_action(self) -> str | None:
        """Name of the latest action. After a message this is `action_listen`."""
        return self._tracker.latest_action_name

    @property
    def active_loop(self) -> str | None:
        """Name of the active form."""
        return self._tracker.active_loop_name

    @property
    def events(self) -> list[Json]:
        """The newest events of the session, oldest first, without events that were undone."""
        return [event_to_wire(event) for event in self._tracker.applied]


class CustomPolicy(Protocol):
    """The methods of a custom policy. It is created with its options from `config.yml`: `MyPolicy(options)`.

    If the class declares `options` (a subclass of `msgspec.Struct`), it receives an instance of that struct, and the
    options are checked before training. Without this declaration, it receives a dictionary. The `priority` option
    decides between predictions with equal confidence.
    """

    def train(self, stories: list[Json], domain: Json) -> None:
        """Train on stories: `{"name", "is_rule", "events"}`."""

    def predict(self, conversation: Conversation) -> Mapping[str, float]:
        """Return action → confidence in [0, 1]. Empty: no prediction."""

    def persist(self) -> Files:
        """Return the files to store in the model: name → content."""

    def load(self, files: Files) -> None:
        """Load the files that `persist` returned."""


class CustomKind(Protocol):
    """How a custom policy is trained and loaded."""

    def train(self, options: Json, stories: Sequence[TrainingSequence], domain: Domain) -> Files:
        """Return the files for the model."""

    def load(self, options: Json, files: Files, domain: Domain, built_in: Policy | None) -> Policy:
        """Return the policy. `built_in`: the built-in policy that the class extends."""


def find_kind(name: str, where: Where = Where()) -> CustomKind:  # noqa: B008 - immutable
    """Return the object that trains and loads the policy with this name in `config.yml`.

    Raises:
        ProjectError: the class cannot be imported or lacks a method.
    """
    try:
        found = find(POLICIES, name)
    except BadExtension as error:
        raise problem(name, where, error) from error
    if found is None:
        raise problem(name, where, BadExtension(name, "an unknown name", "a policy, or the path of a policy class"))
    if not isinstance(found, type):
        return _Located(found, name, where)
    return _Located(_Kind(found, name), name, where)


def problem(name: str, where: Where, error: BadExtension) -> ProjectError:
    """Return an error at the line of `config.yml` that names the policy."""
    return ProjectError(
        [
            Problem(
                file=where.file or _FILE,
                line=where.line,
                path="policies",
                code="config.custom-policy",
                found=f'"{name}": {error.found}',
                expected=error.expected,
                suggestion=error.advice,
            )
        ]
    )


class _Located:
    """Adds the line in `config.yml` to errors that a policy class raises."""

    def __init__(self, kind: CustomKind, name: str, where: Where) -> None:
        self._kind = kind
        self._name = name
        self._where = where

    def train(self, options: Json, stories: Sequence[TrainingSequence], domain: Domain) -> Files:
        try:
            return self._kind.train(options, stories, domain)
        except BadExtension as error:
            raise problem(self._name, self._where, error) from error

    def load(self, options: Json, files: Files, domain: Domain, built_in: Policy | None) -> Policy:
        try:
            return self._kind.load(options, files, domain, built_in)
        except BadExtension as error:
            raise problem(self._name, self._where, error) from error


class _Kind:
    """A class with the four methods of `CustomPolicy`."""

    def __init__(self, found: Any, name: str) -> None:
        self._found = found
        self._name = name

    def train(self, options: Json, stories: Sequence[TrainingSequence], domain: Domain) -> Files:
        policy = self._make(options)
        policy.train(
            [
                {
                    "name": story.name,
                    "is_rule": story.is_rule,
                    "events": [event_to_wire(event) for event in story.events],
                }
                for story in stories
            ],
            domain.original,
        )
        return dict(policy.persist())

    def load(self, options: Json, files: Files, domain: Domain, _: Policy | None) -> Policy:
        policy = self._make(options)
        with calling(self._name, "its files are loaded"), guarded(self._name):
            policy.load(files)
        priority = options.get("priority", getattr(self._found, "priority", DEFAULT_PRIORITY))
        return _Adapter(policy, self._name.rpartition(".")[2], int(priority), domain)

    def _make(self, options: Json) -> CustomPolicy:
        given = {name: value for name, value in options.items() if name != "priority"}
        checked = options_of(self._found, self._name, given, file=_FILE)
        made: CustomPolicy = create(self._name, self._found, checked, Site())
        return made


class _Adapter:
    yields = False

    def __init__(self, policy: CustomPolicy, name: str, priority: int, domain: Domain) -> None:
        self._policy = policy
        self.name = name
        self.priority = priority
        self.history_needed = int(getattr(policy, "history", HISTORY))
        self._index = domain.action_index

    def predict(self, tracker: Tracker, _: History) -> Prediction:
        """Ask the custom policy."""
        found = self._policy.predict(Conversation(tracker))
        unknown = [action for action in found if action not in self._index]
        if unknown:
            raise BadExtension(self.name, f"the unknown action {unknown[0]!r} in a prediction", "actions of the domain")
        return prediction_of(found, self.name, self.priority, self._index)


def prediction_of(found: Mapping[str, float], name: str, priority: int, index: Mapping[str, int]) -> Prediction:
    """Convert a mapping of actions to confidences into a prediction."""
    scores = {action: float(confidence) for action, confidence in found.items() if confidence > 0}
    action = max(scores, key=lambda each: (scores[each], -index[each]), default=None)
    confidence = scores.pop(action) if action is not None else 0.0
    return Prediction(action=action, confidence=confidence, policy=name, priority=priority, others=scores)
