"""EntitySynonymMapper: replaces entity values with their synonyms."""

from manent.core.events import Json
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files, dump_json, load_json
from manent.nlu.message import Message

NAME = "EntitySynonymMapper"


class Synonyms:
    """Lower-cased spelling → value."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def process(self, message: Message) -> None:
        """Replace the values of entities, and add the mapper to their `processors`."""
        for entity in message.entities:
            value = self._values.get(str(entity.get("value")).lower())
            if value is not None:
                entity["value"] = value
                entity["processors"] = [*entity.get("processors", ()), NAME]


def _train(_: Json, training: Training) -> Files:
    values: dict[str, str] = {}
    # Each spelling of an annotated text maps to its first spelling, so that "bonn" becomes "Bonn". A synonym or a value
    # in the annotation overrides this mapping.
    for example in training.examples:
        for mention in example.entities:
            text = example.text[mention.start : mention.end]
            if mention.value == text:
                values.setdefault(text.lower(), text)
    values.update({spelling.lower(): value for spelling, value in training.data.synonyms.items()})
    for example in training.examples:
        for mention in example.entities:
            text = example.text[mention.start : mention.end]
            if mention.value != text:
                values[text.lower()] = str(mention.value)
    return {"synonyms.json": dump_json(values)}


def _load(_: Json, files: Files, __: Context) -> Component:
    return Synonyms(load_json(files["synonyms.json"], dict[str, str]))


SYNONYMS = Kind(load=_load, train=_train, reads=("examples", "synonyms"))
