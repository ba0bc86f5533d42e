"""Actions after the form: subscribe, and start again."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict


class Subscribe(Action):
    """Subscribes the user. A real assistant would call the service of its mailing list here."""

    def name(self) -> str:
        return "action_subscribe"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        dispatcher.utter_message(response="utter_subscribed")
        if tracker.get_slot("notifications"):
            dispatcher.utter_message(response="utter_notifications_on")
        if tracker.get_slot("age") is not None:
            dispatcher.utter_message(response="utter_age_noted")
        return [SlotSet("subscribed", True)]


class ResetSubscription(Action):
    """Deletes all answers, so that the form asks all questions again."""

    def name(self) -> str:
        return "action_reset_subscription"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        answers = ("email", "frequency", "notifications", "may_ask_age", "age")
        return [SlotSet(slot, None) for slot in answers] + [SlotSet("subscribed", False)]
