"""Assistants made at random: stories, rules, forms, slots and retrieval intents, with policies that remember.

Runs under Rasa's Python as well: the standard library only.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from peer import talks

Json = dict[str, Any]

COUNT = 260
_TALKS = 4
_TURNS = 8


def names() -> list[str]:
    """Return the names of the assistants: numbers, which seed them."""
    return [str(number) for number in range(COUNT)]


def planned(name: str) -> list[list[str]]:
    """Return an assistant's conversations."""
    return talks.conversations(project(name), count=_TALKS, turns=_TURNS, seed=int(name))


def project(name: str) -> Json:
    """Return an assistant, as `talks.write_project` takes it."""
    return _Maker(random.Random(int(name))).make()  # noqa: S311 - no secret


@dataclass
class _Maker:
    """Makes one assistant."""

    picks: random.Random
    slots: Json = field(default_factory=dict)
    forms: Json = field(default_factory=dict)
    actions: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)

    def chance(self, share: float) -> bool:
        return self.picks.random() < share

    def make(self) -> Json:
        count = self.picks.randint(4, 9)
        self.intents = ["inform", *(f"say_{letter}" for letter in "abcdefgh"[: count - 1])]
        self.usual = {intent: f"utter_{self.picks.choice('abcdefgh')}" for intent in self.intents}
        self.has_retrieval = self.chance(0.3)
        for number in range(self.picks.randint(0, 3)):
            self.slots[f"slot_{number}"] = self.slot(number)
        for number in range(self.picks.choice([0, 1, 1, 2])):
            self.form(number)
        story_intents = self.picks.sample(self.intents, self.picks.randint(2, len(self.intents)))
        stories = self.stories(story_intents)
        rules = self.rules(story_intents)
        responses = {name: [{"text": name}] for name in sorted(self.responses)}
        if self.chance(0.5):
            responses["utter_default"] = [{"text": "default"}]
        intents: list[Any] = list(self.intents)
        nlu = [{"intent": intent, "examples": f"- {intent}\n"} for intent in self.intents]
        if self.has_retrieval:
            intents.append("faq")
            for key in ("one", "two"):
                responses[f"utter_faq/{key}"] = [{"text": key}]
                nlu.append({"intent": f"faq/{key}", "examples": f"- faq {key}\n"})
        return {
            "intents": intents,
            "entities": sorted({each["entity"] for slot in self.slots.values() for each in slot["mappings"]
                                if "entity" in each} | {"loose"}),
            "slots": self.slots,
            "forms": self.forms,
            "responses": responses,
            "actions": sorted(self.actions),
            "nlu": nlu,
            "stories": stories,
            "rules": rules,
            "policies": self.policies(),
        }  # fmt: skip

    def policies(self) -> list[Json]:
        memory: Json = {"name": self.picks.choice(["MemoizationPolicy", "AugmentedMemoizationPolicy"])}
        if self.chance(0.5):
            memory["max_history"] = self.picks.randint(1, 6)
        rules: Json = {"name": "RulePolicy"}
        if self.chance(0.15):
            rules["enable_fallback_prediction"] = False
        return [memory, rules] if self.chance(0.8) else [rules, memory]

    def slot(self, number: int) -> Json:
        kind = self.picks.choice(["text", "bool", "categorical", "text"])
        slot: Json = {"type": kind, "influence_conversation": self.chance(0.75)}
        if kind == "categorical":
            slot["values"] = ["red", "blue"]
        if kind == "bool":
            slot["mappings"] = [{"type": "custom"}]
            if self.chance(0.4):
                slot["initial_value"] = False
        else:
            slot["mappings"] = [{"type": "from_entity", "entity": f"entity_{number}"}]
            if kind == "text" and self.chance(0.2):
                slot["initial_value"] = "set"
        return slot

    def form(self, number: int) -> None:
        name = f"form_{number}"
        required = []
        for place in range(self.picks.randint(1, 3)):
            slot = f"{name}_{place}"
            mapping: Json = {"type": "from_entity", "entity": f"entity_{slot}"}
            if self.chance(0.2):
                mapping = {"type": "from_intent", "intent": self.picks.choice(self.intents), "value": True}
            if self.chance(0.6):
                mapping["conditions"] = [{"active_loop": name}]
            self.slots[slot] = {"type": "text", "influence_conversation": self.chance(0.3), "mappings": [mapping]}
            self.responses.add(f"utter_ask_{slot}")
            required.append(slot)
        self.forms[name] = {"required_slots": required}

    def stories(self, intents: list[str]) -> list[Json]:
        stories: list[Json] = []
        for number in range(self.picks.randint(2, 7)):
            steps: list[Json] = []
            if self.chance(0.15):
                steps.append(self.answer(self.picks.choice(intents)))
            for _ in range(self.picks.randint(1, 4)):
                steps += self.turn(intents)
            if number and self.chance(0.12):
                # The story before leads to this one.
                stories[-1]["steps"].append({"checkpoint": f"check_{number}"})
                steps.insert(0, {"checkpoint": f"check_{number}"})
            stories.append({"story": f"story {number}", "steps": steps})
        return stories

    def turn(self, intents: list[str]) -> list[Json]:
        intent = self.picks.choice(intents)
        steps = self.user(intent)
        if len(intents) > 1 and self.chance(0.1):
            steps = [{"or": [{"intent": each} for each in self.picks.sample(intents, 2)]}]
        if self.forms and self.chance(0.3):
            return steps + self.form_run(intents)
        if self.chance(0.2):
            steps += self.custom()
        steps.append(self.answer(intent))
        if self.chance(0.25):
            steps.append(self.answer(self.picks.choice(self.intents)))
        return steps

    def user(self, intent: str) -> list[Json]:
        step: Json = {"intent": intent}
        steps = [step]
        if self.chance(0.2):
            entities = [
                {each["entity"]: self.picks.choice(slot.get("values", ["x"]))}
                for slot in self.slots.values()
                for each in slot["mappings"]
                if "entity" in each and "conditions" not in each
            ]
            given = self.picks.choice([{"loose": "x"}, *entities])
            step["entities"] = [given]
            ((entity, value),) = given.items()
            steps += [
                {"slot_was_set": [{name: value}]}
                for name, slot in self.slots.items()
                if any(each.get("entity") == entity for each in slot["mappings"])
            ]
        return steps

    def form_run(self, intents: list[str]) -> list[Json]:
        form = self.picks.choice(sorted(self.forms))
        steps: list[Json] = [{"action": form}, {"active_loop": form}]
        if self.chance(0.25):
            aside = self.picks.choice(intents)
            steps += [{"intent": aside}, self.answer(aside)]
            if self.chance(0.7):
                steps.append({"action": form})
        if self.chance(0.8):
            steps += [{"active_loop": None}, self.answer(self.picks.choice(self.intents))]
        return steps

    def custom(self) -> list[Json]:
        settable = [name for name, slot in self.slots.items() if slot["type"] in ("bool", "categorical")]
        if not settable:
            return []
        name = self.picks.choice(settable)
        value: Any = self.picks.choice([True, False] if self.slots[name]["type"] == "bool" else ["red", "blue"])
        action = f"action_set_{name}__{str(value).lower()}"
        self.actions.add(action)
        return [{"action": action}, {"slot_was_set": [{name: value}]}]

    def answer(self, intent: str) -> Json:
        response = self.usual[intent] if self.chance(0.75) else f"utter_{self.picks.choice('abcdefgh')}"
        self.responses.add(response)
        return {"action": response}

    def rules(self, story_intents: list[str]) -> list[Json]:
        rules: list[Json] = []
        free = [intent for intent in self.intents if intent not in story_intents]
        for number, intent in enumerate(free):
            if self.chance(0.7):
                self.responses.add(self.usual[intent])
                rules.append({"rule": f"rule {number}", "steps": [{"intent": intent}, {"action": self.usual[intent]}]})
        for name in sorted(self.forms):
            if free and self.chance(0.3):
                intent = self.picks.choice(free)
                rules = [each for each in rules if each["steps"][0].get("intent") != intent]
                rules.append({"rule": f"open {name}",
                              "steps": [{"intent": intent}, {"action": name}, {"active_loop": name}]})  # fmt: skip
            if self.chance(0.3):
                rules.append({
                    "rule": f"close {name}",
                    "condition": [{"active_loop": name}],
                    "steps": [{"action": name}, {"active_loop": None}, {"slot_was_set": [{"requested_slot": None}]},
                              self.answer("inform")],
                })  # fmt: skip
        if self.has_retrieval:
            rules.append({"rule": "faq", "steps": [{"intent": "faq"}, {"action": "utter_faq"}]})
        return rules
