"""Custom actions of the clinic: a validator, one that asks, and one that forgets."""

from rasa_sdk import Action
from rasa_sdk.events import AllSlotsReset, SlotSet
from rasa_sdk.forms import FormValidationAction, ValidationAction


class ValidateOrder(FormValidationAction):
    def name(self):
        return "validate_order_form"

    async def required_slots(self, domain_slots, dispatcher, tracker, domain):
        if str(tracker.get_slot("amount")) == "3":
            return [*domain_slots, "gift"]
        return domain_slots

    async def extract_gift(self, dispatcher, tracker, domain):
        if tracker.get_slot("requested_slot") != "gift":
            return {}
        intent = tracker.get_intent_of_latest_message()
        return {"gift": intent == "affirm"} if intent in ("affirm", "deny") else {}

    def validate_amount(self, value, dispatcher, tracker, domain):
        if str(value) == "9":
            dispatcher.utter_message(text="Nine is too many.")
            return {"amount": None}
        if str(value) == "7":
            return {"amount": 7, "color": "gold"}
        if str(value) == "8":
            return {"amount": 8, "requested_slot": None}
        return {"amount": value}


class ValidateSlots(ValidationAction):
    def validate_level(self, value, dispatcher, tracker, domain):
        return {"level": None if str(value) == "99" else value}

    def validate_tags(self, value, dispatcher, tracker, domain):
        return {"tags": sorted(value)}


class AskAnswer(Action):
    def name(self):
        return "action_ask_survey_form_answer"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="And? (asked before: %s)" % tracker.get_slot("requested_slot"))
        return []


class Reset(Action):
    def name(self):
        return "action_reset"

    def run(self, dispatcher, tracker, domain):
        return [AllSlotsReset(), SlotSet("outside", "in here")]
