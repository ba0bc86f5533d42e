"""FallbackClassifier: sets the intent `nlu_fallback` if no intent or more than one intent is likely."""

from manent.core.config_options import THRESHOLD
from manent.core.events import Json
from manent.nlu.component import Component, Context, Kind
from manent.nlu.files import Files
from manent.nlu.message import Message

FALLBACK_INTENT = "nlu_fallback"
_TWO = 2


class Fallback:
    """The component compares the best confidence with a threshold and with the second-best confidence."""

    def __init__(self, threshold: float, ambiguity: float) -> None:
        self._threshold = threshold
        self._ambiguity = ambiguity

    def process(self, message: Message) -> None:
        """If the best intent is not clear, put `nlu_fallback` first, with the threshold as its confidence."""
        if not self._is_unclear(message):
            return
        intent = {"name": FALLBACK_INTENT, "confidence": self._threshold}
        message.intent = intent
        if message.intent_ranking is not None:
            message.intent_ranking = [dict(intent), *message.intent_ranking]

    def _is_unclear(self, message: Message) -> bool:
        best = float(message.intent["confidence"]) if message.intent else 0.0
        if best < self._threshold:
            return True
        ranking = message.intent_ranking or []
        return len(ranking) >= _TWO and ranking[0]["confidence"] - ranking[1]["confidence"] < self._ambiguity


def _load(options: Json, _: Files, __: Context) -> Component:
    return Fallback(float(options["threshold"]), float(options["ambiguity_threshold"]))


FALLBACK = Kind(
    load=_load,
    options={"threshold": 0.3, "ambiguity_threshold": 0.1},
    values={"threshold": THRESHOLD, "ambiguity_threshold": THRESHOLD},
)
