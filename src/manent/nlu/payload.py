"""Parses payloads: messages that name their intent, such as `/intent{"entity": "value"}`. Buttons and tests send them.

The pipeline returns the result of a payload without running its components (contract: "Order and message handling").
"""

import logging
import re
from typing import Any

from manent.core import finite
from manent.core.domain import DEFAULT_INTENTS, Domain
from manent.core.events import Json

EXTRACTOR = "RegexMessageHandler"

_PAYLOAD = re.compile(
    r"/(?P<intent>[^{@/][^{@]*)(?:@(?P<confidence>[0-9]*\.?[0-9]+))?(?P<object>\{.*\})?(?P<rest>.*)", re.DOTALL
)
_log = logging.getLogger(__name__)


def parse_payload(text: str, domain: Domain) -> Json | None:
    """Read `/intent[@confidence][{json}]`.

    Args:
        text: the message. Surrounding spaces are ignored.
        domain: defines the accepted intents. If the domain contains no intents (a model without a domain), all intents
            are accepted. Entities that the domain does not declare are dropped.

    Returns:
        A parse result with `text, intent, entities, intent_ranking`, or None if the message is not a payload. A payload
        with a response key (`/faq/price`) has the retrieval intent, and `response_selector` names the response.
    """
    stripped = text.strip()
    if not stripped.startswith("/"):
        return None
    match = _PAYLOAD.fullmatch(stripped)
    if match is None:
        return None
    name = match["intent"].strip()
    if not name or not _is_known(name, domain):
        return None
    if match["rest"].strip():
        # Visitors' texts are not logged.
        _log.warning("text after the entities of a payload /%s is ignored", name)
    confidence = min(float(match["confidence"]), 1.0) if match["confidence"] else 1.0
    entities = _entities(match["object"], match.span("object"), domain) if match["object"] else []
    retrieval = _retrieval_of(name, domain)
    intent: Json = {"name": retrieval or name, "confidence": confidence}
    result: Json = {"text": stripped, "intent": intent, "entities": entities, "intent_ranking": [dict(intent)]}
    if retrieval is not None:
        intent["full_retrieval_intent_name"] = name
        selected = {"confidence": confidence, "intent_response_key": name, "utter_action": f"utter_{name}"}
        result["response_selector"] = {
            "all_retrieval_intents": [retrieval],
            retrieval: {
                "response": selected,
                "ranking": [{"confidence": confidence, "intent_response_key": name}],
            },
        }
    return result


def _retrieval_of(name: str, domain: Domain) -> str | None:
    """Return the retrieval intent and the selected response for a name such as `faq/price`."""
    base, slash, _ = name.partition("/")
    intent = domain.intents.get(base)
    return base if slash and name not in domain.intents and intent is not None and intent.is_retrieval else None


def _is_known(name: str, domain: Domain) -> bool:
    if not domain.intents or name in domain.intents or name in DEFAULT_INTENTS:
        return True
    return _retrieval_of(name, domain) is not None


def _entities(source: str, span: tuple[int, int], domain: Domain) -> list[Json]:
    try:
        values = finite.loads(source)
    except (ValueError, RecursionError):
        _log.warning("the entities of a payload are not a JSON object; they are ignored")
        return []
    if not isinstance(values, dict):
        return []
    return [
        {"entity": name, "value": value, "start": span[0], "end": span[1], "extractor": EXTRACTOR}
        for name, given in values.items()
        if name in domain.entities or not domain.intents
        for value in _each(given)
    ]


def _each(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]
