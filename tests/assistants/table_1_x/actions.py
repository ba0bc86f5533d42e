"""Actions of the table bot, for rasa-sdk 1.x."""

from rasa_sdk.forms import FormAction


class TableForm(FormAction):
    """Asks for cuisine, number of people and a note."""

    def name(self):
        return "table_form"

    @staticmethod
    def required_slots(tracker):
        return ["cuisine", "number", "note"]

    def slot_mappings(self):
        return {
            "cuisine": self.from_entity(entity="cuisine", not_intent="chitchat"),
            "number": self.from_entity(entity="number", intent=["inform", "request_table"]),
            "note": [self.from_intent(intent="deny", value="none"), self.from_text(not_intent=["affirm", "chitchat"])],
        }

    def validate_cuisine(self, value, dispatcher, tracker, domain):
        if value.lower() in ("italian", "greek", "french", "mexican"):
            return {"cuisine": value}
        dispatcher.utter_message(template="utter_wrong_cuisine")
        return {"cuisine": None}

    def submit(self, dispatcher, tracker, domain):
        return []
