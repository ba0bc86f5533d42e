"""Reads responses (`utter_…` and their variations) from domain and NLU files. Called by `definition` and `reading`."""

from typing import Any

from manent.core.domain import Variation
from manent.core.events import Json
from manent.project.problems import Spot
from manent.project.yaml.documents import plain

VARIATION_KEYS = (
    "text",
    "custom",
    "buttons",
    "image",
    "channel",
    "condition",
    "metadata",
    "id",
    "button_type",
    "quick_replies",
    "attachment",
    "elements",
)


def read_response(name: str, spot: Spot) -> tuple[Variation, ...]:
    """Read a response's variations."""
    if not isinstance(spot.value, list):
        spot.error("responses.variations", f"a list of variations of {name}", 'Write `- text: "…"` below it')
        return ()
    if not spot.value:
        spot.warn("responses.variations", f"at least one variation of {name}", found="none")
    return tuple(variation for item in spot.items() if (variation := read_variation(item)) is not None)


def read_variation(spot: Spot) -> Variation | None:
    """Read one variation. Return None if it cannot be used."""
    if not isinstance(spot.value, dict):
        spot.error("responses.variation", "`text:`, `custom:` …", f"Write `- text: {_as_text(spot.value)}`")
        return None
    spot.only(VARIATION_KEYS, "responses.unknown-key", "a key that a variation can have")
    text = spot.get("text")
    custom = spot.get("custom")
    if (text is None or text.value is None) and (custom is None or not custom.value):
        spot.error(
            "responses.empty",
            '`text:` or `custom:` (write `text: ""` for a variation that has only buttons or an image)',
            found="a variation without text or custom",
        )
        return None
    if custom is not None and custom.value is not None and not isinstance(custom.value, dict):
        custom.error("responses.custom", "a mapping")
    attachment = spot.get("attachment")
    if attachment is not None and attachment.value is not None and not isinstance(attachment.value, dict):
        attachment.error("responses.attachment", "a mapping", "Write `attachment: {type: …, payload: …}`")
    metadata = _plain(spot, "metadata")
    conditions = _conditions(spot)
    if conditions is None:
        return None
    return Variation(
        text=text.text() if text is not None and text.value is not None else None,
        id=_text(spot, "id"),
        image=_text(spot, "image"),
        custom=_plain(spot, "custom"),
        buttons=_mappings(spot, "buttons", "a button with `title:` and `payload:`"),
        button_type=_text(spot, "button_type"),
        quick_replies=_mappings(spot, "quick_replies", "a quick reply with `title:` and `payload:`"),
        attachment=_plain(spot, "attachment"),
        elements=_elements(spot),
        channel=_text(spot, "channel"),
        metadata=metadata if isinstance(metadata, dict) else None,
        conditions=conditions,
    )


def _as_text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and "\n" not in value else '"…"'


def _text(spot: Spot, key: str) -> str | None:
    found = spot.get(key)
    return found.text() if found is not None and found.value is not None else None


def _plain(spot: Spot, key: str) -> Any:
    found = spot.get(key)
    return plain(found.value) if found is not None else None


def _mappings(spot: Spot, key: str, expected: str) -> tuple[Json, ...]:
    found = spot.get(key)
    if found is None:
        return ()
    mappings = []
    for item in found.items():
        if isinstance(item.value, dict):
            mappings.append(plain(item.value))
        else:
            item.error(f"responses.{key}", expected)
    return tuple(mappings)


def _elements(spot: Spot) -> tuple[Any, ...]:
    found = spot.get("elements")
    if found is None or found.value is None:
        return ()
    return tuple(plain(found.value)) if isinstance(found.value, list) else (plain(found.value),)


def _conditions(spot: Spot) -> tuple[Json, ...] | None:
    """Return a variation's conditions, or None if a condition can never be met."""
    found = spot.get("condition")
    if found is None:
        return ()
    conditions = []
    for item in found.items():
        if not isinstance(item.value, dict) or "name" not in item.value:
            item.error("responses.condition", "`type: slot`, `name:` and `value:`")
            continue
        kind = item.get("type")
        if kind is not None and kind.value != "slot":
            kind.warn("responses.condition-type", '"slot" (this variation is never used)')
            return None
        conditions.append({"type": "slot"} | plain(item.value))
    return tuple(conditions)
