"""Converts a domain of format 2.0 to format 3.1 in memory. Called by `reading` and `migration`.

In format 2.0 the mappings of slots are part of forms, and an entity fills the slot of the same name automatically
(contract §1.1). After the conversion, `Domain.is_legacy` and `Domain.legacy_forms` are the only traces of format 2.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from manent.core.events import Json
from manent.core.training_data import Where
from manent.project.domain.merging import RawDomain, item_options
from manent.project.domain.slots import ANY_LABEL
from manent.project.problems import Spot
from manent.project.yaml.building import append, put
from manent.project.yaml.documents import Map, Seq, plain

_FORM_OPTIONS = ("required_slots", "ignored_intents")
_NEEDS_NO_REQUEST = ("from_entity", "from_trigger_intent")
"""Mapping types that fill a slot even if the form is asking for another slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        is_legacy: whether the domain was in format 2.0.
        forms: the original `forms` section, for action servers that use SDK 2.x.
        triggers: intent → the action that it always triggers (`triggers:` of MappingPolicy), and its line.
    """

    is_legacy: bool = False
    forms: Json | None = None
    triggers: dict[str, tuple[str, Where]] = field(default_factory=dict)


def convert_domain(raw: RawDomain) -> Conversion:
    """Convert a merged domain in place if it is in format 2.0.

    The domain is in format 2.0 if no file declares version 3.0 or higher, no slot has `mappings`, and at least one
    entry is valid only in format 2.0.
    """
    triggers = dict(_triggers(raw))
    if not is_legacy(raw):
        return Conversion(triggers=triggers)
    forms = {name: plain(spot.value) for name, spot in raw.forms.items()} | {name: {} for name in raw.listed_forms}
    form_slots = {name: dict(_form_slots(spot)) for name, spot in raw.forms.items()}
    raw.forms = {name: _new_form(spot, form_slots[name]) for name, spot in raw.forms.items()}
    _declare_missing_slots(raw, form_slots)
    setting = raw.config.get("store_entities_as_slots") if raw.config is not None else None
    is_autofilling = setting is None or setting.value is not False
    raw.slots = {
        name: _new_slot(name, spot, _mappings(name, spot, raw, form_slots, is_autofilling=is_autofilling))
        for name, spot in raw.slots.items()
    }
    return Conversion(is_legacy=True, forms=forms or None, triggers=triggers)


def is_legacy(raw: RawDomain) -> bool:
    """Return whether a merged domain is in format 2.0."""
    if raw.version is not None and raw.version >= (3, 0):
        return False
    slots = [spot.value for spot in raw.slots.values() if isinstance(spot.value, dict)]
    if any("mappings" in slot for slot in slots):
        return False
    return bool(slots or raw.listed_forms or any(_is_old_form(spot.value) for spot in raw.forms.values()))


def _is_old_form(form: Any) -> bool:
    if not isinstance(form, dict):
        return form is None
    return not isinstance(form.get("required_slots"), list)


def _triggers(raw: RawDomain) -> Iterator[tuple[str, tuple[str, Where]]]:
    for name, item in raw.intents.items():
        options = item_options(item)
        spot = options.get("triggers") if options is not None else None
        if spot is not None and (action := spot.name("the name of an action")) is not None:
            yield name, (action, spot.where)


# --- forms ----------------------------------------------------------------------------------------------------------


def _form_slots(form: Spot) -> Iterator[tuple[str, list[Spot]]]:
    """Yield a form's slots with their mappings. Accept both notations of format 2.x."""
    if not isinstance(form.value, dict):
        if form.value is not None:
            form.error("forms.definition", "`required_slots:` with slots and their mappings")
        return
    required = form.get("required_slots")
    if required is not None and isinstance(required.value, list):
        for item in required.items():
            if (name := item.name("the name of a slot")) is not None:
                yield name, []
        return
    for name, spot in (required if required is not None else form).entries():
        if required is None and name in _FORM_OPTIONS:
            continue
        yield name, [spot] if isinstance(spot.value, dict) else list(spot.items("a list of mappings"))


def _new_form(form: Spot, slots: dict[str, list[Spot]]) -> Spot:
    new = Map(form.line)
    names = Seq(form.line)
    for name, mappings in slots.items():
        names.append(name)
        names.lines.append(mappings[0].line if mappings else form.line)
    put(new, "required_slots", names, form.line)
    ignored = form.get("ignored_intents")
    if ignored is not None:
        put(new, "ignored_intents", ignored.value, ignored.line)
    return replace(form, value=new)


def _declare_missing_slots(raw: RawDomain, form_slots: dict[str, dict[str, list[Spot]]]) -> None:
    """Declare slots that are named only in a form, with the type text.

    Rasa's migration tool leaves them without a type.
    """
    for form, slots in form_slots.items():
        for name in slots:
            if name not in raw.slots and not raw.is_broken:
                spot = raw.forms[form]
                spot.warn(
                    "forms.undeclared-slot",
                    "a slot that is listed under `slots:`",
                    "Add the slot; until then, it is read as a slot of type text",
                    found=f'the slot "{name}"',
                )
                new = Map(spot.line)
                put(new, "type", "text", spot.line)
                raw.slots[name] = replace(spot, value=new, path=f"slots.{name}")


# --- slots ----------------------------------------------------------------------------------------------------------


def _new_slot(name: str, spot: Spot, mappings: Seq) -> Spot:
    if not isinstance(spot.value, dict):
        return spot
    new = Map(spot.line)
    for key, entry in spot.entries():
        if key != "auto_fill":
            put(new, key, entry.value, entry.line)
    if new.get("type") == "unfeaturized" or str(new.get("type")).endswith(".UnfeaturizedSlot"):
        new["type"] = "any"
        put(new, "influence_conversation", False, new.lines["type"])
    put(new, "mappings", mappings, spot.line)
    return replace(spot, value=new, path=f"slots.{name}")


def _mappings(
    name: str,
    spot: Spot,
    raw: RawDomain,
    form_slots: dict[str, dict[str, list[Spot]]],
    *,
    is_autofilling: bool,
) -> Seq:
    """Return the mappings of a slot.

    The mappings of all forms come first, then the mappings that fill the slot automatically.
    """
    found = Seq(spot.line)
    for form, slots in form_slots.items():
        for mapping in slots.get(name, ()):
            _add_mapping(found, name, form, mapping)
    auto_fill = spot.get("auto_fill")
    if name in raw.entities:
        if is_autofilling and (auto_fill is None or auto_fill.flag() is not False):
            append(found, {"type": "from_entity", "entity": name, ANY_LABEL: True}, spot.line)
        else:
            _add_implicit(found, name, raw, form_slots)
    if not found:
        append(found, {"type": "custom"}, spot.line)
    return found


def _add_mapping(found: Seq, slot: str, form: str, mapping: Spot) -> None:
    if not isinstance(mapping.value, dict):
        mapping.error("slots.mapping", "a mapping such as `type: from_text`")
        return
    condition: Json = {"active_loop": form}
    if mapping.value.get("type") not in _NEEDS_NO_REQUEST:
        condition["requested_slot"] = slot
    for other in found:
        if {key: value for key, value in other.items() if key != "conditions"} == mapping.value:
            if condition not in other["conditions"]:
                append(other["conditions"], condition, mapping.line)
            return
    new = Map(mapping.line)
    for key, entry in mapping.entries():
        put(new, key, entry.value, entry.line)
    conditions = Seq(mapping.line)
    append(conditions, condition, mapping.line)
    put(new, "conditions", conditions, mapping.line)
    found.append(new)
    found.lines.append(mapping.line)


def _add_implicit(found: Seq, slot: str, raw: RawDomain, form_slots: dict[str, dict[str, list[Spot]]]) -> None:
    """Add a mapping for a slot that the form does not list.

    If an action asks for the slot while the form is active, the entity of the same name fills the slot.
    """
    conditions: list[Json] = [
        {"active_loop": form, "requested_slot": slot}
        for form, slots in form_slots.items()
        if slot not in slots and raw.actions
    ]
    if conditions:
        append(found, {"type": "from_entity", "entity": slot, "conditions": conditions}, found.line)
