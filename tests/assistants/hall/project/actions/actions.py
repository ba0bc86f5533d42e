"""Custom actions of the hall: they return events of every kind."""

import datetime as dt

from rasa_sdk import Action
from rasa_sdk.events import (
    ActionExecuted,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    FollowupAction,
    ReminderCancelled,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
)


class Lost(Action):
    def name(self):
        return "action_lost"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="I am lost.")
        return [UserUtteranceReverted()]


class Check(Action):
    def name(self):
        return "action_check"

    def run(self, dispatcher, tracker, domain):
        return [SlotSet("ok", tracker.get_slot("kind") == "a")]


class Do(Action):
    def name(self):
        return "action_do"

    def run(self, dispatcher, tracker, domain):
        what = tracker.get_slot("what")
        dispatcher.utter_message(response="utter_set")
        return {
            "followup": lambda: [FollowupAction("utter_a")],
            "followup_form": lambda: [FollowupAction("sign_form")],
            "followup_listen": lambda: [FollowupAction("action_listen")],
            "followup_unknown": lambda: [FollowupAction("action_nowhere")],
            "undo": lambda: [ActionReverted()],
            "rewind": lambda: [UserUtteranceReverted()],
            "pause": lambda: [ConversationPaused()],
            "resume": lambda: [ConversationPaused(), ConversationResumed()],
            "reset": lambda: [AllSlotsReset(), SlotSet("flag", True)],
            "restart": lambda: [Restarted()],
            "session": lambda: [SessionStarted(), SlotSet("kind", "b")],
            "loop": lambda: [ActiveLoop("sign_form"), SlotSet("requested_slot", "reason")],
            "no_loop": lambda: [ActiveLoop(None)],
            "action": lambda: [ActionExecuted("utter_a"), BotUttered("as if")],
            "kind": lambda: [SlotSet("kind", "a"), SlotSet("level", 9), SlotSet("taken", ["x"])],
        }.get(what, list)()


class Remind(Action):
    def name(self):
        return "action_remind"

    def run(self, dispatcher, tracker, domain):
        what = tracker.get_slot("what")
        if tracker.get_intent_of_latest_message() == "forget":
            return [ReminderCancelled(name=what)] if what else [ReminderCancelled()]
        due = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=1)
        entities = [{"entity": "what", "value": "by reminder"}]
        stays = what == "stay"
        return [ReminderScheduled("ping", due, entities, name=what or "unnamed", kill_on_user_message=not stays)]


class Count(Action):
    def name(self):
        return "action_count"

    def run(self, dispatcher, tracker, domain):
        kinds = [event["event"] for event in tracker.events]
        dispatcher.utter_message(
            text="%d users, loop %s, latest %s %s, paused %s, followup %s"
            % (
                kinds.count("user"),
                tracker.active_loop.get("name"),
                tracker.latest_message.get("text"),
                tracker.latest_action_name,
                tracker.is_paused(),
                tracker.followup_action,
            )
        )
        return []
