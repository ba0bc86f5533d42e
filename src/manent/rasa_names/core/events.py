"""Stand-ins for `rasa.core.events`, the location of the events in Rasa 1."""

from manent.rasa_names.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    Event,
    FollowupAction,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)

__all__ = [
    "ActionExecuted",
    "ActionExecutionRejected",
    "ActionReverted",
    "ActiveLoop",
    "AllSlotsReset",
    "BotUttered",
    "ConversationPaused",
    "ConversationResumed",
    "Event",
    "FollowupAction",
    "Restarted",
    "SessionStarted",
    "SlotSet",
    "UserUtteranceReverted",
    "UserUttered",
]
