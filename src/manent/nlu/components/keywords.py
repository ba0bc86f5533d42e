"""KeywordIntentClassifier: the first training example that a message contains as whole words determines the intent."""

import re

from manent.core.events import Json
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files, dump_json, load_json
from manent.nlu.message import Message


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


def _train(_: Json, training: Training) -> Files:
    intents: dict[str, str] = {}
    ambiguous = set()
    for example in training.examples:
        if intents.setdefault(example.text, example.intent) != example.intent:
            ambiguous.add(example.text)
    for text in sorted(ambiguous):
        training.notes.append(f"KeywordIntentClassifier ignores {text!r}, because it is an example of several intents.")
        del intents[text]
    return {"keywords.json": dump_json(list(intents.items()))}


def _load(options: Json, files: Files, _: Context) -> Component:
    intents = dict(load_json(files["keywords.json"], list[tuple[str, str]]))
    return Keywords(intents, case_sensitive=bool(options["case_sensitive"]))


KEYWORDS = Kind(load=_load, train=_train, options={"case_sensitive": True}, reads=("examples",))
