"""Stand-ins for `rasa.shared.core.constants`."""

ACTION_LISTEN_NAME = "action_listen"
ACTION_RESTART_NAME = "action_restart"
ACTION_SESSION_START_NAME = "action_session_start"
ACTION_DEFAULT_FALLBACK_NAME = "action_default_fallback"
USER_INTENT_RESTART = "restart"
USER_INTENT_BACK = "back"
USER_INTENT_SESSION_START = "session_start"
