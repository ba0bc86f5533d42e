"""Form validation as people wrote it for rasa-sdk 2.x, which edits the list of slots that it is handed."""

from typing import Any, Text

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction
from rasa_sdk.types import DomainDict


class ValidateSignupForm(FormValidationAction):
    """Asks for the age only when asking is allowed, and for a nickname that no form lists."""

    def name(self) -> Text:
        return "validate_signup_form"

    async def required_slots(
        self,
        slots_mapped_in_domain: list[Text],
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: DomainDict,
    ) -> list[Text]:
        if tracker.get_slot("may_ask_age") is False:
            slots_mapped_in_domain.remove("age")
        slots_mapped_in_domain.append("nickname")
        return slots_mapped_in_domain

    def validate_email(
        self, slot_value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[Text, Any]:
        if "@" in slot_value:
            return {"email": slot_value}
        dispatcher.utter_message(template="utter_wrong_email")
        return {"email": None}


class ValidatePollForm(FormValidationAction):
    """Calls the method by which SDK 2.x knew the slots of a form."""

    def name(self) -> Text:
        return "validate_poll_form"

    async def required_slots(
        self,
        slots_mapped_in_domain: list[Text],
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: DomainDict,
    ) -> list[Text]:
        return [*self.slots_mapped_in_domain(domain), "comment"]
