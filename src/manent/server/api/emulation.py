"""Converts NLU results to the formats that clients of other services expect (`/model/parse?emulation_mode=…`)."""

import uuid
from collections.abc import Callable, Mapping

from manent.core.events import Json


def to_wit(parse: Json) -> Json:
    """Return an NLU result in the format of Wit.ai."""
    entities: Json = {}
    for entity in parse.get("entities") or []:
        name, role = entity["entity"], entity.get("role") or entity["entity"]
        entities.setdefault(f"{name}:{role}", []).append(
            {
                "name": name,
                "role": role,
                "start": entity.get("start"),
                "end": entity.get("end"),
                "body": _body(parse, entity),
                "value": entity.get("value"),
                "confidence": entity.get("confidence_entity"),
                "entities": [],
            }
        )
    intent = parse.get("intent") or {}
    ranked = parse.get("intent_ranking") or [intent]
    return {
        "text": parse.get("text"),
        "intents": [{"name": each.get("name"), "confidence": each.get("confidence")} for each in ranked],
        "entities": entities,
    }


def to_luis(parse: Json) -> Json:
    """Return an NLU result in the format of LUIS."""
    intent = parse.get("intent") or {}
    ranked = parse.get("intent_ranking") or [intent]
    values: Json = {}
    instances: Json = {}
    for entity in parse.get("entities") or []:
        key = entity.get("role") or entity["entity"]
        values.setdefault(key, []).append(entity.get("value"))
        start, end = entity.get("start") or 0, entity.get("end") or 0
        instances.setdefault(key, []).append(
            {
                "role": entity.get("role"),
                "type": entity["entity"],
                "text": entity.get("value"),
                "startIndex": start,
                "length": end - start,
                "score": entity.get("confidence_entity"),
                "modelType": entity.get("extractor"),
            }
        )
    return {
        "query": parse.get("text"),
        "prediction": {
            "normalizedQuery": parse.get("text"),
            "topIntent": intent.get("name"),
            "intents": {str(_null(each.get("name"))): {"score": each.get("confidence")} for each in ranked},
            "entities": {"$instance": instances, **values},
        },
    }


def to_dialogflow(parse: Json) -> Json:
    """Return an NLU result in the format of Dialogflow."""
    intent = parse.get("intent") or {}
    parameters: Json = {}
    for entity in parse.get("entities") or []:
        parameters.setdefault(entity["entity"], []).append(entity.get("value"))
    return {
        "responseId": str(uuid.uuid4()),
        "queryResult": {
            "queryText": parse.get("text"),
            "action": intent.get("name"),
            "parameters": parameters,
            "fulfillmentText": "",
            "fulfillmentMessages": [],
            "outputContexts": [],
            "intent": {"name": intent.get("name"), "displayName": intent.get("name")},
            "intentDetectionConfidence": intent.get("confidence") or 0.0,
        },
    }


EMULATIONS: Mapping[str, Callable[[Json], Json]] = {"WIT": to_wit, "LUIS": to_luis, "DIALOGFLOW": to_dialogflow}


def _body(parse: Json, entity: Json) -> str | None:
    start, end = entity.get("start"), entity.get("end")
    return (parse.get("text") or "")[start:end] if start is not None and end is not None else None


def _null(name: str | None) -> str:
    return "null" if name is None else name
