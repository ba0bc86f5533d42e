"""After a crash, a turn continues from its committed events and ends as without the crash."""

from collections.abc import Callable

import pytest

from manent.core.events import Event
from manent.dialogue.model import DialogueModel
from manent.dialogue.steps import CallAction, Step
from unit.dialogue.talking import Answer, Talk, line, slot


class ServerDiedError(Exception):
    """The server's process has ended."""


def _script(talk: Talk) -> list[Callable[[], object]]:
    """A conversation with custom actions, forms, an interruption and a fallback."""
    return [
        lambda: talk.intent("fetch", person="Ann"),
        lambda: talk.intent("order"),
        lambda: talk.intent("chat"),
        lambda: talk.intent("inform", size="big"),
        lambda: talk.intent("inform", amount=2),
        lambda: talk.intent("stop"),
        lambda: talk.intent("affirm"),
        lambda: talk.intent("odd"),
        lambda: talk.intent("deny"),
        lambda: talk.intent("fetch"),
    ]


ACTIONS = {
    "action_fetch": lambda *_: Answer(events=(slot("vip", True),), responses=({"text": "fetched"},)),
    "validate_order_form": lambda *_: Answer(),
}


class Mortal(Talk):
    """A conversation whose server ends before it performs the n-th external step."""

    dies_at = -1

    def perform(self, step: Step) -> object:
        """Perform a step, or end the server."""
        if len(self.calls) == self.dies_at + 1:
            self.dies_at = -1
            self.calls.pop()
            raise ServerDiedError
        assert isinstance(step, CallAction)
        return super().perform(step)

    def recover(self) -> None:
        """Start again with only the log."""
        self.tracker = self.replayed()
        turn = self.turn()
        self.drive(turn, turn.resume("collector"))


def _lines(events: list[Event]) -> list[str]:
    return [line(event) for event in events]


def _undisturbed(shop: DialogueModel) -> Talk:
    talk = Talk(shop, ACTIONS)
    for step in _script(talk):
        step()
    return talk


def test_script_goes_outside_often(shop: DialogueModel) -> None:
    """The conversation has enough external steps for the tests below."""
    assert len(_undisturbed(shop).calls) == 12


@pytest.mark.parametrize("dies_at", range(12))
def test_crash_before_any_step_outside(shop: DialogueModel, dies_at: int) -> None:
    """Whichever external step the crash interrupts, the final log is the same."""
    whole = _undisturbed(shop)
    talk = Mortal(shop, ACTIONS)
    talk.dies_at = dies_at
    for step in _script(talk):
        try:
            step()
        except ServerDiedError:
            talk.recover()

    assert talk.dies_at == -1, "it did not die"
    assert _lines(talk.events) == _lines(whole.events)
    assert talk.tracker.slots() == whole.tracker.slots()


def test_same_action_is_called_again(shop: DialogueModel) -> None:
    """The step that has no result is performed again, with the same events."""
    talk = Mortal(shop, ACTIONS)
    talk.intent("order")
    talk.dies_at = len(talk.calls)
    with pytest.raises(ServerDiedError):
        talk.intent("inform", size="big")
    before = list(talk.calls)
    talk.recover()

    again = talk.calls[len(before)]
    assert isinstance(again, CallAction)
    assert again.name == "validate_order_form"
    assert _lines(list(again.trailing))[-2:] == ["order_form", "size = 'big'"]
