"""Actions that behave in every way an action can: well, slowly, badly, and on purpose so."""

import asyncio
import sys
import time
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection


class Echo(Action):
    """Says the last message, and sets a slot to it; plain `def`, as most actions are written."""

    def name(self) -> str:
        return "action_echo"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        dispatcher.utter_message(text=tracker.latest_message.get("text"))
        return [SlotSet("heard", tracker.latest_message.get("text"))]


class EchoAsync(Action):
    """The same, in `async def`."""

    def name(self) -> str:
        return "action_echo_async"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        await asyncio.sleep(0)
        dispatcher.utter_message(text=tracker.latest_message.get("text"))
        return [SlotSet("heard", tracker.latest_message.get("text"))]


class Counts(Action):
    """Says a number, which is no text."""

    def name(self) -> str:
        return "action_counts"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        dispatcher.utter_message(text=len(tracker.events))  # type: ignore[arg-type]
        return []


class Vandal(Action):
    """Changes everything that it is handed, and says how many intents and events there were."""

    def name(self) -> str:
        return "action_vandal"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        dispatcher.utter_message(text=f"{len(domain['intents'])} {len(tracker.events)}")
        domain["intents"].clear()
        tracker.events.clear()
        tracker.slots["basket"].append("stolen")
        return []


class Sleeps(Action):
    """Blocks its thread for as long as the message says, inside `async def`, where it should not."""

    def name(self) -> str:
        return "action_sleeps"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        time.sleep(float(tracker.latest_message["text"]))  # noqa: ASYNC251  # the very mistake under test
        return []


class Raises(Action):
    """Fails."""

    def name(self) -> str:
        return "action_raises"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        raise ValueError("no such luck")


class Exits(Action):
    """Wants to end the process."""

    def name(self) -> str:
        return "action_exits"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        sys.exit(3)


class Rejects(Action):
    """Declines to run."""

    def name(self) -> str:
        return "action_rejects"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        raise ActionExecutionRejection(self.name())


class Unsayable(Action):
    """Returns what JSON has no word for."""

    def name(self) -> str:
        return "action_unsayable"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        return [SlotSet("heard", object())]


class NoEvent(Action):
    """Returns an event that nobody knows."""

    def name(self) -> str:
        return "action_no_event"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        return [{"event": "earthquake", "magnitude": 7}]
