"""The custom actions, as one module and in the manner of rasa-sdk 2.x: a validator that edits its argument."""

import re
from typing import Any, Dict, List, Text

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction
from rasa_sdk.types import DomainDict


class ValidateNewsletterForm(FormValidationAction):
    def name(self) -> Text:
        return "validate_newsletter_form"

    async def required_slots(
        self,
        slots_mapped_in_domain: List[Text],
        dispatcher: "CollectingDispatcher",
        tracker: "Tracker",
        domain: "DomainDict",
    ) -> List[Text]:
        if tracker.get_slot("may_ask_age") is False:
            slots_mapped_in_domain.remove("age")
        return slots_mapped_in_domain

    def validate_email(
        self, slot_value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Dict[Text, Any]:
        if slot_value is None or re.match(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}$", slot_value):
            return {"email": slot_value}
        dispatcher.utter_message(template="utter_wrong_email")
        return {"email": None}

    def validate_frequency(
        self, slot_value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Dict[Text, Any]:
        if slot_value in (None, "once a week", "twice a week"):
            return {"frequency": slot_value}
        dispatcher.utter_message(template="utter_wrong_frequency")
        return {"frequency": None}

    def validate_age(
        self, slot_value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Dict[Text, Any]:
        if slot_value is None:
            return {"age": None}
        if str(slot_value).isdigit() and 4 <= int(slot_value) <= 120:
            return {"age": int(slot_value)}
        dispatcher.utter_message(template="utter_wrong_age")
        return {"age": None}


class ActionSubscribe(Action):
    def name(self) -> Text:
        return "action_subscribe"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[Dict[Text, Any]]:
        dispatcher.utter_message(template="utter_subscribed")
        if tracker.get_slot("notifications"):
            dispatcher.utter_message(template="utter_notifications_on")
        if tracker.get_slot("age") is not None:
            dispatcher.utter_message(template="utter_age_noted")
        return [SlotSet("subscribed", True)]


class ActionResetSubscription(Action):
    def name(self) -> Text:
        return "action_reset_subscription"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[Dict[Text, Any]]:
        answers = ["email", "frequency", "notifications", "may_ask_age", "age"]
        return [SlotSet(slot, None) for slot in answers] + [SlotSet("subscribed", False)]
