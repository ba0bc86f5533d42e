"""KeywordIntentClassifier: the first training example that a message contains as whole words determines the intent."""

import re
from collections.abc import Iterator
from itertools import islice

from manent.core.events import Json
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files, dump_json, load_json
from manent.nlu.message import Message

_SHOWN = 6


class Keywords:
    """Examples and their intents, in the order of the training data."""

    def __init__(self, intents: dict[str, str], *, case_sensitive: bool) -> None:
        flags = 0 if case_sensitive else re.IGNORECASE
        self._patterns = [(_compile(keyword, flags), intent) for keyword, intent in intents.items()]

    def process(self, message: Message) -> None:
        """Set the intent, with confidence 1, if the message contains a keyword.

        If it contains no keyword, keep the intent that an earlier classifier has set.
        """
        for pattern, intent in self._patterns:
            if pattern.search(message.text):
                message.intent = {"name": intent, "confidence": 1.0}
                return
        if message.intent is None:
            message.intent = {"name": None, "confidence": 0.0}


def _compile(keyword: str, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(rf"\b{keyword}\b", flags)
    except re.error:
        # Rasa uses examples as regular expressions, and fails on "what (exactly?". Here, such an example is matched
        # literally.
        return re.compile(rf"\b{re.escape(keyword)}\b", flags)


def _train(options: Json, training: Training) -> Files:
    intents: dict[str, str] = {}
    ambiguous = set()
    for example in training.examples:
        intent = example.intent.partition("/")[0]
        if intents.setdefault(example.text, intent) != intent:
            ambiguous.add(example.text)
    for text in sorted(ambiguous):
        training.notes.append(f"KeywordIntentClassifier ignores {text!r}, because it is an example of several intents.")
        del intents[text]
    contained = dict(_contained(intents, case_sensitive=bool(options["case_sensitive"])))
    if contained:
        listed = ", ".join(f"{text!r} (in {other!r})" for text, other in islice(contained.items(), _SHOWN))
        more = ", …" if len(contained) > _SHOWN else ""
        training.notes.append(
            f"KeywordIntentClassifier ignores examples that an example of another intent contains: {listed}{more}."
        )
    for text in contained:
        del intents[text]
    return {"keywords.json": dump_json(list(intents.items()))}


def _contained(intents: dict[str, str], *, case_sensitive: bool) -> Iterator[tuple[str, str]]:
    """Yield each keyword that is part of a keyword of another intent, and that other keyword."""
    flags = 0 if case_sensitive else re.IGNORECASE

    def key(text: str) -> str:
        return text if case_sensitive else text.lower()

    longest = max(map(len, intents), default=0)
    containing: dict[str, dict[str, str]] = {}  # part of a keyword → the first keyword of each intent that contains it
    for text, intent in intents.items():
        for part in _word_spans(key(text), longest):
            containing.setdefault(part, {}).setdefault(intent, text)
    for text, intent in intents.items():
        if re.escape(text).replace("\\ ", " ") == text:
            others = (other for of, other in containing.get(key(text), {}).items() if of != intent)
        else:
            pattern = _compile(text, flags)
            others = (other for other, of in intents.items() if of != intent and pattern.search(other))
        if (other := next(others, None)) is not None:
            yield text, other


def _word_spans(text: str, longest: int) -> Iterator[str]:
    """Yield the parts of a text between two word boundaries, up to a length."""
    edges = [match.start() for match in re.finditer(r"\b", text)]
    for place, start in enumerate(edges):
        for end in edges[place + 1 :]:
            if end - start > longest:
                break
            yield text[start:end]


def _load(options: Json, files: Files, _: Context) -> Component:
    intents = dict(load_json(files["keywords.json"], list[tuple[str, str]]))
    return Keywords(intents, case_sensitive=bool(options["case_sensitive"]))


KEYWORDS = Kind(load=_load, train=_train, options={"case_sensitive": True}, reads=("examples",))
