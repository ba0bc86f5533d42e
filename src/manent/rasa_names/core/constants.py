"""Stand-ins for `rasa.core.constants`."""

from manent.rasa_names.shared.constants import INTENT_MESSAGE_PREFIX
from manent.rasa_names.shared.core.constants import USER_INTENT_BACK, USER_INTENT_RESTART, USER_INTENT_SESSION_START

DEFAULT_REQUEST_TIMEOUT = 60 * 5
DEFAULT_SERVER_PORT = 5005
BEARER_TOKEN_PREFIX = "Bearer "  # noqa: S105  # the name of an authentication scheme

__all__ = [
    "BEARER_TOKEN_PREFIX",
    "DEFAULT_REQUEST_TIMEOUT",
    "DEFAULT_SERVER_PORT",
    "INTENT_MESSAGE_PREFIX",
    "USER_INTENT_BACK",
    "USER_INTENT_RESTART",
    "USER_INTENT_SESSION_START",
]
