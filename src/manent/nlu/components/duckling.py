"""DucklingEntityExtractor: dates, numbers, amounts… from a Duckling server.

The pipeline does no I/O: `Pipeline.services` says whom to ask what, the runtime asks (a POST of `Service.form`, as a
form), turns the answer into entities with `read_answer`, and hands them to `Pipeline.parse` as `found`
(`server/outside/duckling.py`). A server that can't be reached means no entities, as with Rasa.
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
"""Environment variable that wins over the configured `url`; whoever reads the environment applies it."""


class Duckling:
    """Adds to a message what its service found; `service` says whom to ask."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def process(self, message: Message) -> None:
        """Add the entities that the runtime brought."""
        message.entities += map(dict, message.found.get(self.service, ()))


def read_answer(answer: object, service: Service) -> list[Json]:
    """Turn a Duckling server's JSON into entities; whatever has another shape is left out."""
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
        training.notes.append(f"{EXTRACTOR}: no `url`; it finds nothing unless {URL_VARIABLE} names a server.")
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
