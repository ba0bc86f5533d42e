"""Custom actions of the kiosk: its validators say what they were shown."""

from rasa_sdk import Action
from rasa_sdk.events import FollowupAction, SlotSet


def shown(tracker):
    """Return the events since the latest user message, and the loop."""
    lines = []
    for event in tracker.events:
        kind = event["event"]
        if kind == "user":
            lines = [event.get("text")]
        elif kind == "slot":
            lines.append("%s=%s" % (event["name"], event["value"]))
        elif kind in ("action", "active_loop", "action_execution_rejected", "followup"):
            lines.append("%s %s" % (kind, event.get("name")))
        else:
            lines.append(kind)
    loop = tracker.active_loop or {}
    return "%s | %s %s | %s" % (
        ", ".join(map(str, lines)),
        loop.get("name"),
        tracker.get_slot("requested_slot"),
        tracker.latest_action_name,
    )


class ValidateFirst(Action):
    def name(self):
        return "validate_first_form"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="first: " + shown(tracker))
        if tracker.get_slot("size") == "wrong":
            return [SlotSet("size", None)]
        if tracker.get_slot("size") == "same":
            return [SlotSet("size", "same")]
        if tracker.get_slot("size") == "both":
            return [SlotSet("colour", "any"), SlotSet("likes", True)]
        return []


class ValidateSecond(Action):
    def name(self):
        return "validate_second_form"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="second: " + shown(tracker))
        if tracker.get_slot("note") == "/give":
            return [SlotSet("note", None), SlotSet("requested_slot", "colour")]
        if tracker.get_slot("colour") == "done":
            return [SlotSet("requested_slot", None)]
        return []


class ValidateMappings(Action):
    def name(self):
        return "action_validate_slot_mappings"

    def run(self, dispatcher, tracker, domain):
        if tracker.get_slot("extra") == "loud":
            dispatcher.utter_message(text="mappings: " + shown(tracker))
            return [SlotSet("extra", "LOUD"), SlotSet("likes", False)]
        return [SlotSet("extra", None)] if tracker.get_slot("extra") == "none" else []


class FetchCode(Action):
    def name(self):
        return "action_fetch_code"

    def run(self, dispatcher, tracker, domain):
        codes = [e["value"] for e in tracker.latest_message.get("entities", []) if e["entity"] == "code"]
        return [SlotSet("code", codes[-1])] if codes else []


class Clear(Action):
    def name(self):
        return "action_clear"

    def run(self, dispatcher, tracker, domain):
        return [SlotSet("size", None), SlotSet("colour", None), SlotSet("likes", True)]


class Prefill(Action):
    def name(self):
        return "action_prefill"

    def run(self, dispatcher, tracker, domain):
        return [SlotSet("size", "prefilled")]


class AskColour(Action):
    def name(self):
        return "action_ask_colour"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="ask: " + shown(tracker))
        return [SlotSet("code", "asked")]


class AskExtra(AskColour):
    def name(self):
        return "action_ask_extra"


class Hop(Action):
    def name(self):
        return "action_hop"

    def run(self, dispatcher, tracker, domain):
        return [FollowupAction("second_form")]
