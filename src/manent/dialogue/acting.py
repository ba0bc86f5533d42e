"""`Acting` gives actions access to the tracker, the responses and custom actions.

Built-in actions and forms are functions or generators over an `Acting`. They return events and do not change the
tracker.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ActionError, RequestError
from manent.core.events import EVENT_KINDS, BotUttered, Event, Json, SlotSet, event_from_wire
from manent.core.tracker import Tracker
from manent.dialogue.responses import Responses, bot_event
from manent.dialogue.steps import Activity, CallAction, Done, Env, Generate

log = logging.getLogger(__name__)

_OWN_KEYS = frozenset(
    ("response", "template", "text", "image", "custom", "attachment", "elements", "quick_replies", "buttons")
)
"""Keys of an action server's response that become part of the message.

The other keys are values for the templates of the response.
"""

_NOT_DEFINED = frozenset({"action_unknown", "action_endpoint_missing"})
"""Codes of errors that mean that no code of the project defines the action."""


class ActionRejected(Exception):
    """The action refused to run. Another action is predicted."""


class SlotValues(Mapping[str, Any]):
    """A view of the values of all slots. It copies nothing."""

    __slots__ = ("_domain", "_initial", "_values")

    def __init__(self, domain: Domain, values: Mapping[str, Any]) -> None:
        self._domain = domain
        self._initial = domain.initial_slots
        self._values = values

    def __getitem__(self, name: str) -> Any:
        initial = self._initial[name]
        return self._domain.kept(name, self._values.get(name, initial))

    def __iter__(self) -> Iterator[str]:
        return iter(self._initial)

    def __len__(self) -> int:
        return len(self._initial)


class Acting(msgspec.Struct, kw_only=True):
    """Gives the actions of one turn access to the conversation.

    Attributes:
        channel: name of the output channel.
        pending: events that are not in the log yet. The tracker that an action receives contains these events.
        external_nlg: whether an NLG server generates response texts.
    """

    tracker: Tracker
    domain: Domain
    responses: Responses
    env: Env
    channel: str
    external_nlg: bool
    pending: tuple[Event, ...] = ()

    def values(self, trailing: Iterable[Event] = ()) -> Mapping[str, Any]:
        """Return the values that all slots have after these events are applied."""
        changes = {event.name: event.value for event in trailing if isinstance(event, SlotSet)}
        known = self.tracker.state.values
        return SlotValues(self.domain, {**known, **changes} if changes else known)

    def say(
        self, response: str, arguments: Json | None = None, *, trailing: Sequence[Event] = ()
    ) -> Activity[list[Event]]:
        """Return the bot event for a response, or an empty list if none of the response's variations matches."""
        if not self.external_nlg:
            return self.say_here(response, arguments, trailing=trailing)
        message = yield from self.message(response, arguments, trailing=trailing)
        return [] if message is None else [bot_event(message, utter_action=response)]

    def say_here(self, response: str, arguments: Json | None = None, *, trailing: Sequence[Event] = ()) -> list[Event]:
        """Return the bot event for a response, like `say`, but never use an NLG server."""
        event = self.responses.constant(response)
        if event is None:
            event = self.responses.event(
                response,
                slots=self.values(trailing),
                arguments=arguments or {},
                channel=self.channel,
                rng=self.env.rng,
            )
        if event is None:
            log.warning("no message sent: no variation of response %r matches", response)
            return []
        return [event]

    def message(
        self, response: str, arguments: Json | None = None, *, trailing: Sequence[Event] = ()
    ) -> Activity[Json | None]:
        """Create the message for a response, in this process or with the NLG server.

        Return None if no variation matches.
        """
        given = arguments or {}
        if self.external_nlg:
            generated: Json = yield Generate(
                response=response, arguments=given, channel=self.channel, trailing=(*self.pending, *trailing)
            )
            return generated
        message = self.responses.message(
            response, slots=self.values(trailing), arguments=given, channel=self.channel, rng=self.env.rng
        )
        if message is None:
            log.warning("no message sent: no variation of response %r matches", response)
        return message

    def call(self, action: str, *, trailing: Sequence[Event] = ()) -> Activity[list[Event]]:
        """Run a custom action. Return the messages of the action, followed by its events.

        Raises:
            ActionRejected: the action refused to run.
            ActionError: the action failed, or its response is invalid.
        """
        answer = yield CallAction(name=action, trailing=(*self.pending, *trailing))
        if answer.rejected:
            raise ActionRejected(action)
        try:
            events: list[Event] = []
            for response in answer.responses:
                message = yield from self._bot_event(response, trailing)
                if message is not None:
                    events.append(message)
            for wire in answer.events:
                event = _read_event(action, wire)
                if event is not None:
                    events.append(event)
        except (RequestError, TypeError, AttributeError) as error:
            raise ActionError("action_unreadable", f"invalid response of action {action!r}: {error}") from error
        return events

    def call_or(self, action: str, built_in: "Callable[[Acting], Done]") -> Activity[list[Event]]:
        """Run a custom action that replaces a built-in one. If the project does not define it, run the built-in one.

        Raises:
            ActionRejected: the action refused to run.
            ActionError: the action failed, or its response is invalid.
        """
        try:
            return (yield from self.call(action))
        except ActionError as error:
            if error.code not in _NOT_DEFINED:
                raise
            log.warning("the domain lists %s under actions, but no code defines it; the built-in action runs", action)
        did = built_in(self)
        return did if isinstance(did, list) else (yield from did)

    def _bot_event(self, response: Json, trailing: Sequence[Event]) -> Activity[BotUttered | None]:
        """Create the bot event for one entry of `responses` in an action server's response (contract §9).

        Return None if no variation of the named response matches.
        """
        given = {key: value for key, value in response.items() if value and key != "response"}
        name = response.get("response") or response.get("template")  # rasa-sdk 1.x sends only `template`
        if not name:
            return bot_event({key: value for key, value in given.items() if key != "template"})
        arguments = {key: value for key, value in response.items() if key not in _OWN_KEYS}
        base = yield from self.message(name, arguments, trailing=trailing)
        if base is None:
            return None
        message = {**base, **given}
        if "buttons" in given:
            message["buttons"] = [*(base.get("buttons") or ()), *given["buttons"]]
        return bot_event(message, utter_action=name)


def _read_event(action: str, wire: Json) -> Event | None:
    try:
        return event_from_wire(wire)
    except RequestError:
        if wire.get("event") not in EVENT_KINDS:
            log.warning("action %r returned the unknown event %r; the event is ignored", action, wire.get("event"))
            return None
        raise
