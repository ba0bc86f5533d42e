"""SpacyNLP and SpacyEntityExtractor, which find entities if spaCy and its language model are installed."""

import functools
import importlib
import importlib.util
from typing import Any

from manent.core.config_options import NAMES, TEXT
from manent.core.errors import ModelError
from manent.core.events import Json
from manent.nlu.component import Component, Context, Idle, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message

EXTRACTOR = "SpacyEntityExtractor"


class SpacyEntities:
    """Extracts entities with a spaCy model."""

    def __init__(self, model: str, dimensions: frozenset[str]) -> None:
        self._model = model
        self._dimensions = dimensions

    def process(self, message: Message) -> None:
        """Add the entities that spaCy finds."""
        for found in open_model(self._model)(message.text).ents:
            if not self._dimensions or found.label_ in self._dimensions:
                message.entities.append(
                    {
                        "entity": found.label_,
                        "value": found.text,
                        "start": found.start_char,
                        "end": found.end_char,
                        "confidence": None,
                        "extractor": EXTRACTOR,
                    }
                )


@functools.cache
def open_model(name: str) -> Any:
    """Load a spaCy model.

    Raises:
        ModelError: spaCy or the model is not installed.
    """
    try:
        return importlib.import_module("spacy").load(name)
    except (ImportError, OSError) as error:
        raise ModelError(
            "spacy_missing",
            f"the pipeline needs spaCy's model {name!r}: run `pip install spacy && python -m spacy download {name}`, "
            f"or remove SpacyEntityExtractor from config.yml and train again",
        ) from error


def _train_nlp(options: Json, training: Training) -> Files:
    if importlib.util.find_spec("spacy") is None:
        model = options["model"] or "spaCy"
        training.notes.append(f"SpacyNLP: Manent's own tokens and word vectors are used instead of those of {model}.")
    return {}


def _load_nlp(options: Json, _: Files, context: Context) -> Component:
    context.spacy_model = options["model"]
    return Idle()


def _train_entities(_: Json, training: Training) -> Files:
    if importlib.util.find_spec("spacy") is None:
        training.notes.append(
            f"{EXTRACTOR}: spaCy is not installed, so no entities are found. Install spaCy and its model, then train "
            "again."
        )
        return {"missing": b""}
    return {}


def _load_entities(options: Json, files: Files, context: Context) -> Component:
    model = context.spacy_model
    if "missing" in files or model is None:
        return Idle()
    return SpacyEntities(model, frozenset(options["dimensions"] or ()))


SPACY = Kind(
    load=_load_nlp,
    train=_train_nlp,
    options={"model": None},
    values={"model": TEXT},
    ignored=frozenset({"case_sensitive"}),
)
SPACY_ENTITIES = Kind(
    load=_load_entities, train=_train_entities, options={"dimensions": None}, values={"dimensions": NAMES}
)
