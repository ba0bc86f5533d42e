"""What an action has to work with: the tracker, saying responses, calling custom actions.

Built-in actions and forms are functions or generators over an `Acting`; they return their events and change nothing
themselves.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ActionError, RequestError
from manent.core.events import BotUttered, Event, Json, SlotSet, event_from_wire
from manent.core.tracker import Tracker
from manent.dialogue.responses import Responses, bot_event
from manent.dialogue.steps import Activity, CallAction, Env, Generate

log = logging.getLogger(__name__)

_OWN_KEYS = frozenset(
    ("response", "template", "text", "image", "custom", "attachment", "elements", "quick_replies", "buttons")
)
"""Keys of an action server's response that are part of the message rather than values for its templates."""


class ActionRejected(Exception):
    """The action declined to run: another one shall be predicted."""


class SlotValues(Mapping[str, Any]):
    """Every slot's value, without copying them."""

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
    """What the actions of one turn work with.

    Attributes:
        channel: name of the output channel.
        pending: events that an action's tracker shows though they are not in the log yet.
        external_nlg: response texts are made outside.
    """

    tracker: Tracker
    domain: Domain
    responses: Responses
    env: Env
    channel: str
    external_nlg: bool
    pending: tuple[Event, ...] = ()

    def values(self, trailing: Iterable[Event] = ()) -> Mapping[str, Any]:
        """Every slot's value after these further events."""
        changes = {event.name: event.value for event in trailing if isinstance(event, SlotSet)}
        known = self.tracker.state.values
        return SlotValues(self.domain, {**known, **changes} if changes else known)

    def say(
        self, response: str, arguments: Json | None = None, *, trailing: Sequence[Event] = ()
    ) -> Activity[list[Event]]:
        """Say a response; [] when the domain has no suitable variation of it."""
        if not self.external_nlg:
            return self.say_here(response, arguments, trailing=trailing)
        message = yield from self.message(response, arguments, trailing=trailing)
        return [] if message is None else [bot_event(message, utter_action=response)]

    def say_here(self, response: str, arguments: Json | None = None, *, trailing: Sequence[Event] = ()) -> list[Event]:
        """Say a response as `say` does, when its text is not made outside."""
        said = self.responses.constant(response)
        if said is None:
            said = self.responses.event(
                response,
                slots=self.values(trailing),
                arguments=arguments or {},
                channel=self.channel,
                rng=self.env.rng,
            )
        if said is None:
            log.warning("nothing is said: no variation of response %r suits", response)
            return []
        return [said]

    def message(
        self, response: str, arguments: Json | None = None, *, trailing: Sequence[Event] = ()
    ) -> Activity[Json | None]:
        """Make the message of a response, here or outside; None when no variation of it suits."""
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
            log.warning("nothing is said: no variation of response %r suits", response)
        return message

    def call(self, action: str, *, trailing: Sequence[Event] = ()) -> Activity[list[Event]]:
        """Run a custom action; return what it said and its events.

        Raises:
            ActionRejected: it declined to run.
            ActionError: it could not be run, or its answer is unreadable.
        """
        answer = yield CallAction(name=action, trailing=(*self.pending, *trailing))
        if answer.rejected:
            raise ActionRejected(action)
        try:
            events: list[Event] = []
            for response in answer.responses:
                said = yield from self._said(response, trailing)
                if said is not None:
                    events.append(said)
            for wire in answer.events:
                event = _read_event(action, wire)
                if event is not None:
                    events.append(event)
        except (RequestError, TypeError, AttributeError) as error:
            raise ActionError("action_unreadable", f"action {action!r} answered something unreadable: {error}") from (
                error
            )
        return events

    def _said(self, response: Json, trailing: Sequence[Event]) -> Activity[BotUttered | None]:
        """Make the bot event of one of an action server's responses (contract §9); None as of `message`."""
        given = {key: value for key, value in response.items() if value and key != "response"}
        name = response.get("response") or response.get("template")  # SDK 1.x sends `template` only
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
        if wire.get("event") not in _KNOWN:
            log.warning("action %r returned an unknown event %r; it is ignored", action, wire.get("event"))
            return None
        raise


_KNOWN = frozenset((*(kind.__struct_config__.tag for kind in get_args(Event)), "form", "form_validation"))
"""Names of events that `event_from_wire` reads: every kind's, and the legacy ones."""
