"""Stand-ins for `rasa.shared.core.constants`."""

ACTION_LISTEN_NAME = "action_listen"
ACTION_RESTART_NAME = "action_restart"
ACTION_SESSION_START_NAME = "action_session_start"
ACTION_DEFAULT_FALLBACK_NAME = "action_default_fallback"
USER_INTENT_RESTART = "restart"
USER_INTENT_BACK = "back"
USER_INTENT_SESSION_START = "session_start"
USER_INTENT_OUT_OF_SCOPE = "out_of_scope"
DEFAULT_INTENTS = [
    USER_INTENT_RESTART,
    USER_INTENT_BACK,
    USER_INTENT_OUT_OF_SCOPE,
    USER_INTENT_SESSION_START,
    "nlu_fallback",
]
ACTION_BACK_NAME = "action_back"
ACTION_DEACTIVATE_LOOP_NAME = "action_deactivate_loop"
ACTION_DEFAULT_ASK_AFFIRMATION_NAME = "action_default_ask_affirmation"
ACTION_DEFAULT_ASK_REPHRASE_NAME = "action_default_ask_rephrase"
ACTION_REVERT_FALLBACK_EVENTS_NAME = "action_revert_fallback_events"
ACTION_TWO_STAGE_FALLBACK_NAME = "action_two_stage_fallback"
ACTION_UNLIKELY_INTENT_NAME = "action_unlikely_intent"
REQUESTED_SLOT = "requested_slot"
ACTIVE_LOOP = "active_loop"
LOOP_NAME = "name"
LOOP_INTERRUPTED = "is_interrupted"
LOOP_REJECTED = "rejected"
PREVIOUS_ACTION = "prev_action"
SLOTS = "slots"
USER = "user"
FOLLOWUP_ACTION = "followup_action"
SHOULD_NOT_BE_SET = "should_not_be_set"
RULE_ONLY_SLOTS = "rule_only_slots"
RULE_ONLY_LOOPS = "rule_only_loops"
