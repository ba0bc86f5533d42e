"""Stand-ins for `rasa.shared.constants`."""

INTENT_MESSAGE_PREFIX = "/"
DOCS_BASE_URL = "https://rasa.com/docs/rasa"
DOCS_URL_CONNECTORS = f"{DOCS_BASE_URL}/connectors/"
UTTER_PREFIX = "utter_"
