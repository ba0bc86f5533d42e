"""Stand-ins for `rasa.constants`, the location of these constants in Rasa 1."""

from manent.rasa_names.core.constants import DEFAULT_SERVER_PORT
from manent.rasa_names.shared.constants import (
    DEFAULT_NLU_FALLBACK_INTENT_NAME,
    DOCS_BASE_URL,
    DOCS_URL_ACTIONS,
    DOCS_URL_COMPONENTS,
    DOCS_URL_CONNECTORS,
    DOCS_URL_DOMAINS,
    DOCS_URL_MIGRATION_GUIDE,
    DOCS_URL_POLICIES,
    DOCS_URL_RULES,
    DOCS_URL_STORIES,
    DOCS_URL_TRAINING_DATA_NLU,
)

__all__ = [
    "DEFAULT_NLU_FALLBACK_INTENT_NAME",
    "DEFAULT_SERVER_PORT",
    "DOCS_BASE_URL",
    "DOCS_URL_ACTIONS",
    "DOCS_URL_COMPONENTS",
    "DOCS_URL_CONNECTORS",
    "DOCS_URL_DOMAINS",
    "DOCS_URL_MIGRATION_GUIDE",
    "DOCS_URL_POLICIES",
    "DOCS_URL_RULES",
    "DOCS_URL_STORIES",
    "DOCS_URL_TRAINING_DATA_NLU",
]
