"""Projects as JSON-compatible values, and conversations that play their stories one after another.

Runs under Rasa's Python as well: the standard library only.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

DATA_KEYS = ("nlu", "stories", "rules")
POLICY_KEY = "policies"


def write_project(project: Json, root: Path) -> None:
    """Write a project's files: `config.yml`, `domain.yml` and `data/data.yml`, whose values are JSON.

    Args:
        project: keys of the domain and of the training data, and `policies`, side by side.
        root: an existing folder.
    """
    data = {"version": "3.1", **{key: project[key] for key in DATA_KEYS if key in project}}
    domain = {"version": "3.1", **{key: value for key, value in project.items() if key not in (*DATA_KEYS, POLICY_KEY)}}
    config = {
        "recipe": "default.v1",
        "language": "en",
        "assistant_id": "peer",
        "pipeline": [{"name": "KeywordIntentClassifier"}],
        "policies": project[POLICY_KEY],
    }
    (root / "data").mkdir(exist_ok=True)
    for name, content in (("config.yml", config), ("domain.yml", domain), ("data/data.yml", data)):
        # Rasa finds training data by lines that begin with a bare key.
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in content.items()]
        (root / name).write_text("".join(lines), encoding="utf-8")


def action_events(name: str) -> list[Json]:
    """Return what the custom action `action_set_<slot>__<value>` answers; other custom actions do nothing."""
    slot, found, value = name.removeprefix("action_set_").partition("__")
    if not found:
        return []
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    return [{"event": "slot", "name": slot, "value": parsed}]


def conversations(project: Json, *, count: int, turns: int, seed: int) -> list[list[str]]:
    """Return conversations, each a list of messages.

    Args:
        project: as `write_project` takes it.
        count: how many.
        turns: messages in each, at least.
        seed: the same one gives the same conversations.
    """
    picks = random.Random(seed)  # noqa: S311 - picks stories
    stories = [*_paths(project, picks), *([_rule_messages(each)] for each in project.get("rules", ()))]
    talks = []
    for _ in range(count):
        talk: list[str] = []
        while len(talk) < turns:
            if picks.random() < 0.1:
                talk.append(f"/{picks.choice(_intents(project))}")
            for step in picks.choice(stories):
                talk += _messages(project, step, picks)
        talks.append(talk)
    return talks


def _intents(project: Json) -> list[str]:
    return [each if isinstance(each, str) else next(iter(each)) for each in project["intents"]]


def _paths(project: Json, picks: random.Random) -> list[list[Json]]:
    """Return the steps of each story, with those of one that its last checkpoint leads to."""
    stories = [each["steps"] for each in project.get("stories", ())]
    paths = []
    for steps in stories:
        path = list(steps)
        for _ in range(3):
            last = path[-1].get("checkpoint")
            following = [each for each in stories if last is not None and each[0].get("checkpoint") == last]
            if not following:
                break
            path += picks.choice(following)
        paths.append(path)
    return paths


def _rule_messages(rule: Json) -> Json:
    """Return the step of a rule that is a message, or one that says nothing."""
    return next((step for step in rule["steps"] if "intent" in step or "or" in step), {})


def _messages(project: Json, step: Json, picks: random.Random) -> Iterator[str]:
    if "or" in step:
        step = picks.choice(step["or"])
    if "intent" in step:
        yield _message(step)
    elif step.get("active_loop"):
        for slot in project["forms"][step["active_loop"]]["required_slots"]:
            if picks.random() < 0.1:
                yield f"/{picks.choice(_intents(project))}"
            yield _answer(project, slot, picks)


def _message(step: Json) -> str:
    values: Json = {}
    for entity in step.get("entities", ()):
        values |= {entity: "x"} if isinstance(entity, str) else entity
    return f"/{step['intent']}" + (json.dumps(values) if values else "")


def _answer(project: Json, slot: str, picks: random.Random) -> str:
    """Return a message that fills a slot."""
    mapping = picks.choice(project["slots"][slot]["mappings"])
    intent = mapping.get("intent") or next((each for each in _intents(project) if each.startswith("inform")), None)
    intent = (intent[0] if isinstance(intent, list) else intent) or picks.choice(_intents(project))
    if mapping["type"] == "from_entity":
        values = project["slots"][slot].get("values", ["x"])
        return f"/{intent}" + json.dumps({mapping["entity"]: picks.choice(values)})
    return f"/{intent}"


def parse(message: str) -> Json:
    """Return what the NLU makes of a message of these conversations, which are all `/intent{entities}`."""
    name, brace, values = message.removeprefix("/").partition("{")
    entities = [{"entity": entity, "value": value} for entity, value in json.loads(brace + values or "{}").items()]
    return {"text": message, "intent": {"name": name, "confidence": 1.0}, "entities": entities}
