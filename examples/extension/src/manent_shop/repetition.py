"""A policy: offers help when a visitor says the same thing twice."""

import msgspec


class RepetitionOptions(msgspec.Struct):
    action: str = "utter_help"


class RepetitionPolicy:
    options = RepetitionOptions

    def __init__(self, options):
        self.action = options.action

    def train(self, stories, domain): ...

    def predict(self, conversation):
        said = [event["text"] for event in conversation.events if event["event"] == "user"]
        if said[-1:] != said[-2:-1]:
            return {}
        following = {"action_listen": self.action, self.action: "action_listen"}
        action = following.get(conversation.latest_action)
        return {action: 1.0} if action else {}

    def persist(self):
        return {}

    def load(self, files): ...
