"""Custom actions of the market: single values for lists, texts while slots are filled, chains of actions."""

from rasa_sdk import Action
from rasa_sdk.events import ActiveLoop, AllSlotsReset, FollowupAction, SlotSet


class Code(Action):
    def name(self):
        return "action_code"

    def run(self, dispatcher, tracker, domain):
        notes = [each["value"] for each in tracker.latest_message.get("entities", []) if each["entity"] == "note"]
        return [SlotSet("code", "noted"), SlotSet("basket", notes[0])] if notes else []


class ValidateMappings(Action):
    def name(self):
        return "action_validate_slot_mappings"

    def run(self, dispatcher, tracker, domain):
        if tracker.latest_message["intent"]["name"] in ("buy", "sell", "refuse"):
            dispatcher.utter_message(text="I see %s." % tracker.get_slot("basket"))
        return [SlotSet("happy", True)] if tracker.get_slot("happy") == "null-like" else []


class Weigh(Action):
    def name(self):
        return "action_weigh"

    def run(self, dispatcher, tracker, domain):
        return [SlotSet("price", len(tracker.get_slot("basket") or [])), SlotSet("basket", "melon")]


class Tidy(Action):
    def name(self):
        return "action_tidy"

    def run(self, dispatcher, tracker, domain):
        return [AllSlotsReset(), SlotSet("basket", tracker.get_slot("fruit")), SlotSet("fruit", None)]


class Jump(Action):
    def name(self):
        return "action_jump"

    def run(self, dispatcher, tracker, domain):
        if tracker.active_loop.get("name") == "buy_form":
            return [ActiveLoop("sell_form"), SlotSet("requested_slot", "mine"), FollowupAction("sell_form")]
        if tracker.get_slot("happy"):
            return [FollowupAction("action_weigh")]
        return [FollowupAction("buy_form"), SlotSet("note", "jumped")]


class ValidateSell(Action):
    def name(self):
        return "validate_sell_form"

    def run(self, dispatcher, tracker, domain):
        if tracker.get_slot("note") == "skip":
            return [SlotSet("note", "skipped"), SlotSet("requested_slot", "fruit")]
        if tracker.get_slot("note") == "other":
            return [SlotSet("note", None), FollowupAction("utter_ok")]
        if tracker.get_slot("note") == "leave":
            return [ActiveLoop(None), SlotSet("note", "left")]
        return []


class AskMine(Action):
    def name(self):
        return "action_ask_sell_form_mine"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(response="utter_ask_fruit")
        return [SlotSet("basket", "asked")]
