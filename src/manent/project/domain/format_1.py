"""Converts a domain of format 1.x to format 2.0, in memory.

Called by `reading`, before `format_2`. Format 1.x differs from format 2.0 in three ways. Variations of responses may be
plain texts. Sessions do not expire unless the domain sets an expiry time. The action `respond_faq` answers the
retrieval intent `faq`. All other differences between 1.x and 3.x also exist between 2.0 and 3.x.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from manent.core.training_data import ActionStep, Stories, Story
from manent.project.domain.merging import RawDomain, item_name, item_options
from manent.project.domain.slots import SLOT_CLASSES
from manent.project.problems import Report, Spot
from manent.project.yaml.building import append, put
from manent.project.yaml.documents import Map, Seq

_RESPOND = "respond_"
_RASA = ("rasa.", "rasa_core.")
_NEVER = 0
"""Default `session_expiration_time` of a domain without `session_config`."""


def may_be_format_1(raw: RawDomain) -> bool:
    """Return whether a merged domain can be in format 1.x: it contains nothing that exists only in later formats."""
    slots = (spot.value for spot in raw.slots.values())
    return raw.version is None and not any(isinstance(slot, dict) and "mappings" in slot for slot in slots)


def convert_domain_1(raw: RawDomain, retrieval: Iterable[str], report: Report) -> None:
    """Rewrite a merged domain in place.

    Args:
        raw: a merged domain in format 1.x.
        retrieval: retrieval intents. Their actions get the names that later formats use.
        report: receives problems.
    """
    raw.responses = {name: _with_mappings(spot) for name, spot in raw.responses.items()}
    raw.slots = {name: _with_short_type(spot) for name, spot in raw.slots.items()}
    names = _new_names(retrieval)
    raw.actions = {name: spot for name, spot in raw.actions.items() if name not in names}
    raw.intents = {name: _with_new_trigger(spot, names) for name, spot in raw.intents.items()}
    raw.session = _session(raw.session or Spot(Map(0), "", 0, "session_config", report))


def rename_retrieval_actions(stories: Stories, retrieval: Iterable[str]) -> Stories:
    """Return the stories with the names that later formats use for retrieval actions: `utter_faq` for `respond_faq`."""
    names = _new_names(retrieval)
    return replace(stories, stories=tuple(_renamed(story, names) for story in stories.stories))


def _new_names(retrieval: Iterable[str]) -> dict[str, str]:
    return {f"{_RESPOND}{intent}": f"utter_{intent}" for intent in retrieval}


def _renamed(story: Story, names: dict[str, str]) -> Story:
    steps = tuple(
        replace(step, name=names[step.name]) if isinstance(step, ActionStep) and step.name in names else step
        for step in story.steps
    )
    return replace(story, steps=steps)


def _with_mappings(response: Spot) -> Spot:
    """Return a response in which each variation that is a plain text is written as `text: …`."""
    if not isinstance(response.value, list) or not any(isinstance(item, str) for item in response.value):
        return response
    variations = Seq(response.line)
    for item in response.items():
        append(variations, {"text": item.value} if isinstance(item.value, str) else item.value, item.line)
    return replace(response, value=variations)


def _with_short_type(slot: Spot) -> Spot:
    """Return a slot with Rasa's short name for its type instead of the path of Rasa's class."""
    kind = slot.value.get("type") if isinstance(slot.value, dict) else None
    short = SLOT_CLASSES.get(kind.rpartition(".")[2]) if isinstance(kind, str) and kind.startswith(_RASA) else None
    return _with(slot, "type", short) if short is not None else slot


def _with(spot: Spot, key: str, value: Any) -> Spot:
    """Return a copy of a mapping in which a key has this value. Add the key if it is missing."""
    new = Map(spot.line)
    for name, entry in spot.entries():
        put(new, name, entry.value, entry.line)
    put(new, key, value, new.lines.get(key, spot.line))
    return replace(spot, value=new)


def _with_new_trigger(intent: Spot, names: dict[str, str]) -> Spot:
    options = item_options(intent)
    trigger = options.get("triggers") if options is not None else None
    if options is None or trigger is None or trigger.value not in names:
        return intent
    item = Map(intent.line)
    new = _with(options, "triggers", names[trigger.value])
    put(item, item_name(intent, "the name of an intent") or "", new.value, options.line)
    return replace(intent, value=item)


def _session(session: Spot) -> Spot:
    """Return the session's settings. In 1.x, a session without an expiration time never expires."""
    if not isinstance(session.value, dict) or session.value.get("session_expiration_time") is not None:
        return session
    return _with(session, "session_expiration_time", _NEVER)
