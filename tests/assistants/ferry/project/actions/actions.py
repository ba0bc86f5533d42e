"""Custom actions of the ferry: some stand in for built-in ones."""

from rasa_sdk import Action
from rasa_sdk.events import ActionExecuted, Restarted, SessionStarted, SlotSet, UserUtteranceReverted
from rasa_sdk.interfaces import ActionExecutionRejection


class Helmsman(Action):
    def name(self):
        return "action_helmsman"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(response="utter_default")
        if tracker.get_intent_of_latest_message() == "no":
            raise ActionExecutionRejection(self.name())
        return [UserUtteranceReverted()]


class Look(Action):
    def name(self):
        return "action_look"

    def run(self, dispatcher, tracker, domain):
        return [SlotSet("sea", "rough" if tracker.get_slot("sea") == "calm" else "CALM")]


class SessionStart(Action):
    def name(self):
        return "action_session_start"

    def run(self, dispatcher, tracker, domain):
        metadata = tracker.get_slot("session_started_metadata")
        started = [SessionStarted(), SlotSet("ticket", (metadata or {}).get("ticket", "none"))]
        return [*started, ActionExecuted("action_listen")]


class Restart(Action):
    def name(self):
        return "action_restart"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="Anchor up.")
        return [Restarted()]


class ValidateBoard(Action):
    def name(self):
        return "validate_board_form"

    def run(self, dispatcher, tracker, domain):
        if tracker.get_slot("passenger") == "nobody":
            return [SlotSet("passenger", None)]
        if tracker.get_slot("passenger") == "captain":
            return [SlotSet("cabin", True), SlotSet("requested_slot", None)]
        if tracker.get_slot("cabin") and not tracker.get_slot("count"):
            return [SlotSet("requested_slot", "ticket"), SlotSet("count", 1)]
        return []


class AskAffirmation(Action):
    def name(self):
        return "action_default_ask_affirmation"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="Do you mean it?", buttons=[{"title": "Aye", "payload": "/yes"}])
        return []
