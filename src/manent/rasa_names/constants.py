"""Stand-ins for `rasa.constants`."""

from manent.rasa_names.shared.constants import DOCS_BASE_URL, DOCS_URL_CONNECTORS

__all__ = ["DOCS_BASE_URL", "DOCS_URL_CONNECTORS"]
