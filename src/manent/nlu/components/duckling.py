"""DucklingEntityExtractor: finds dates, numbers, amounts and similar entities with a Duckling server.

The pipeline itself does no I/O. `Pipeline.services` lists the servers. For each server, `server/outside/duckling.py`
sends the request (`Service.form`), converts the response with `read_answer`, and passes the entities to
`Pipeline.parse` as `found`. As in Rasa, no entities are found if the server is unreachable.
"""

from collections.abc import Mapping
from typing import Any

from manent.core.config_options import NAMES, TEXT, number
from manent.core.events import Json
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message
from manent.nlu.services import Service

EXTRACTOR = "DucklingEntityExtractor"
URL_VARIABLE = "RASA_DUCKLING_HTTP_URL"
"""Environment variable that overrides the configured `url`.

This module does not read the environment; its caller does.
"""


class Duckling:
    """Adds to a message the entities that its service found. `service` describes the server and the request."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def process(self, message: Message) -> None:
        """Add the entities that the server returned."""
        message.entities += map(dict, message.found.get(self.service, ()))


def read_answer(answer: object, service: Service) -> list[Json]:
    """Convert a Duckling server's JSON into entities. Ignore values that do not have the expected structure."""
    entities = []
    for match in answer if isinstance(answer, list) else []:
        if not isinstance(match, Mapping) or not isinstance(match.get("value"), Mapping):
            continue
        dimension, start, end = match.get("dim"), match.get("start"), match.get("end")
        if not isinstance(dimension, str) or not isinstance(start, int) or not isinstance(end, int):
            continue
        if service.dimensions and dimension not in service.dimensions:
            continue
        entities.append(
            {
                "start": start,
                "end": end,
                "text": match.get("body"),
                "value": _value(match["value"]),
                "confidence": 1.0,
                "additional_info": dict(match["value"]),
                "entity": dimension,
                "extractor": EXTRACTOR,
            }
        )
    return entities


def _value(value: Mapping[str, Any]) -> Any:
    if value.get("type") == "interval":
        ends = {name: value.get(name) for name in ("to", "from")}
        return {name: end.get("value") if isinstance(end, Mapping) else None for name, end in ends.items()}
    return value.get("value")


def _train(options: Json, training: Training) -> Files:
    if not options["url"]:
        training.notes.append(f"{EXTRACTOR} has no `url`, so it finds no entities unless {URL_VARIABLE} is set.")
    return {}


def _load(options: Json, _: Files, context: Context) -> Component:
    return Duckling(
        Service(
            url=options["url"],
            dimensions=tuple(options["dimensions"] or ()),
            locale=str(options["locale"] or f"{context.language or 'en'}_XX"),
            timezone=options["timezone"],
            timeout_s=float(options["timeout"]),
        )
    )


DUCKLING = Kind(
    load=_load,
    train=_train,
    options={"url": None, "dimensions": None, "locale": None, "timezone": None, "timeout": 3},
    values={"url": TEXT, "dimensions": NAMES, "locale": TEXT, "timezone": TEXT, "timeout": number(0)},
)
