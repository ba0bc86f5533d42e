"""Validation of the newsletter form: accepted answers, and the questions that the form asks."""

import re
from typing import Any

from rasa_sdk import FormValidationAction, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

FREQUENCIES = ("once a week", "twice a week")
YOUNGEST, OLDEST = 4, 120


class ValidateNewsletterForm(FormValidationAction):
    """Checks each answer. If it sets a slot to None, the form asks for the slot again.

    A value may be None: Rasa also validates slots that an action has set to None just before the form began.
    """

    def name(self) -> str:
        return "validate_newsletter_form"

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[str]:
        """Leave out the age if the user does not want to be asked for it."""
        if tracker.get_slot("may_ask_age") is False:
            return [slot for slot in domain_slots if slot != "age"]
        return domain_slots

    def validate_email(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        if value is None or re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", value):
            return {"email": value}
        dispatcher.utter_message(response="utter_wrong_email")
        return {"email": None}

    def validate_frequency(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        # Because of the synonyms in data/nlu.yml, "weekly" is already "once a week" here.
        if value is None or value in FREQUENCIES:
            return {"frequency": value}
        dispatcher.utter_message(response="utter_wrong_frequency")
        return {"frequency": None}

    def validate_age(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        if value is None:
            return {"age": None}
        if str(value).isdigit() and YOUNGEST <= int(value) <= OLDEST:
            return {"age": int(value)}
        dispatcher.utter_message(response="utter_wrong_age")
        return {"age": None}
