"""Compares the messages on a page's WebSocket with the protocol's schema."""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import jsonschema_rs
from playwright.sync_api import Page, WebSocket

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs/protocol.schema.json").read_text())

EVENT = re.compile(r"42(?:/[^,]*,)?(\d*)(\[.*)", re.DOTALL)
ACKNOWLEDGEMENT = re.compile(r"43(?:/[^,]*,)?(\d+)(\[.*)", re.DOTALL)


class Wire:
    """All messages on the sockets of some pages, by the name of their definition."""

    def __init__(self) -> None:
        self.said: dict[str, list[Any]] = defaultdict(list)
        self.unknown: list[str] = []

    def listen(self, page: Page) -> None:
        """Record the messages of the page's next sockets."""
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        asked: dict[str, str] = {}

        def sent(frame: str | bytes) -> None:
            if found := EVENT.fullmatch(str(frame)):
                name, payload = json.loads(found[2])
                asked[found[1]] = name
                self._note(SCHEMA["x-requests"].get(name, {}).get("payload"), name, payload)

        def received(frame: str | bytes) -> None:
            if found := ACKNOWLEDGEMENT.fullmatch(str(frame)):
                (answer,) = json.loads(found[2])
                refusal = {"$ref": "#/$defs/Refusal"}
                name = asked[found[1]]
                self._note(SCHEMA["x-requests"][name]["answer"] if answer["ok"] else refusal, name, answer)
            elif found := EVENT.fullmatch(str(frame)):
                name, payload = json.loads(found[2])
                self._note(SCHEMA["x-events"].get(name), name, payload)

        socket.on("framesent", sent)
        socket.on("framereceived", received)

    def _note(self, definition: dict[str, str] | None, name: str, payload: Any) -> None:
        if definition is None:
            self.unknown.append(name)
        else:
            self.said[definition["$ref"]].append(payload)

    def mistakes(self) -> list[str]:
        """Return the violations of the schema, one line each."""
        found = [f"{name}: not in the schema" for name in self.unknown]
        for reference, payloads in self.said.items():
            validator = jsonschema_rs.validator_for({"$ref": reference, "$defs": SCHEMA["$defs"]})
            for payload in payloads:
                found += [f"{reference}: {error.message} in {payload}" for error in validator.iter_errors(payload)]
        return found

    def unseen(self) -> set[str]:
        """Return the fields of the schema that no message had, as `definition.field`."""
        fields = {
            f"{name}.{field}"
            for name, definition in SCHEMA["$defs"].items()
            for field in definition.get("properties", ())
        }
        seen: set[str] = set()
        for reference, payloads in self.said.items():
            for payload in payloads:
                seen |= _used(reference, payload)
        return fields - seen


def _used(reference: str, value: Any) -> set[str]:
    """Return the fields that a value has, including fields of nested definitions."""
    name = reference.removeprefix("#/$defs/")
    definition = SCHEMA["$defs"][name]
    used: set[str] = set()
    for part in definition.get("allOf", ()):
        used |= _used(part["$ref"], value)
    for part in definition.get("oneOf", ()):
        if SCHEMA["$defs"][part["$ref"].removeprefix("#/$defs/")]["properties"]["role"]["const"] == value["role"]:
            used |= _used(part["$ref"], value)
    for field, schema in definition.get("properties", {}).items():
        if field not in value:
            continue
        used.add(f"{name}.{field}")
        for inner in value[field] if schema.get("type") == "array" else [value[field]]:
            if reference_inside := schema.get("items", schema).get("$ref"):
                used |= _used(reference_inside, inner)
    return used
