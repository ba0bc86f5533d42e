"""DIETClassifier and CRFEntityExtractor.

The options of these components decide whether they use the built-in linear classifier, the built-in entity extractor,
or both.
"""

from manent.core.config_options import FLAG, NAMES, NEURAL, SEED, either, mapped, whole
from manent.core.events import Json
from manent.learn import confidence
from manent.nlu.classifier import Settings
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.components.entities import EntityExtractor, load_entities, train_entities
from manent.nlu.components.intents import IntentClassifier, load_intents, train_intents
from manent.nlu.files import Files
from manent.nlu.message import Message

DIET_NAME = "DIETClassifier"
CRF_NAME = "CRFEntityExtractor"


class Diet:
    """Classifies the intent, then extracts entities with the intent probabilities."""

    def __init__(self, intents: IntentClassifier | None, entities: EntityExtractor | None) -> None:
        self._intents = intents
        self._entities = entities

    def process(self, message: Message) -> None:
        """Set the intent and add the entities."""
        self.classify(message)
        if self._entities is not None:
            self._entities.process(message)

    def classify(self, message: Message) -> None:
        """Set only the intent."""
        if self._intents is not None:
            self._intents.process(message)


def _train_diet(options: Json, training: Training) -> Files:
    files: dict[str, bytes] = {}

    if options["intent_classification"]:
        training.tell("DIETClassifier: intents")
        seed = options["random_seed"] or 0
        files |= train_intents(training, Settings(featurizers=options["featurizers"], seed=seed, scale=confidence.DIET))
    if options["entity_recognition"]:
        training.tell("DIETClassifier: entities")
        files |= train_entities(options, training, use_intents=bool(options["intent_classification"]))
    return files


def _load_diet(options: Json, files: Files, context: Context) -> Component:
    return Diet(
        load_intents(options, files, context) if "classifier.json" in files else None,
        load_entities(DIET_NAME, files, context) if "labels.json" in files else None,
    )


def _train_crf(options: Json, training: Training) -> Files:
    return train_entities({**options, "random_seed": 0}, training, use_intents=False)


def _load_crf(_: Json, files: Files, context: Context) -> Component:
    return load_entities(CRF_NAME, files, context)


def _load_mitie(_: Json, files: Files, context: Context) -> Component:
    return load_entities(MITIE_NAME, files, context)


MITIE_NAME = "MitieEntityExtractor"

_BY_COMMA = either(FLAG, mapped(FLAG))
"""Value of `split_entities_by_comma`: a single flag for all entities, or a separate flag for each entity."""

DIET = Kind(
    load=_load_diet,
    train=_train_diet,
    options={
        "intent_classification": True,
        "entity_recognition": True,
        "random_seed": None,
        "ranking_length": 10,
        "renormalize_confidences": False,
        "BILOU_flag": True,
        "split_entities_by_comma": True,
        "featurizers": [],
    },
    values={
        "random_seed": SEED,
        "ranking_length": whole(0),
        "split_entities_by_comma": _BY_COMMA,
        "featurizers": NAMES,
    },
    ignored=NEURAL,
    reads=("examples",),
    version=4,
)
CRF = Kind(
    load=_load_crf,
    train=_train_crf,
    options={"BILOU_flag": True, "split_entities_by_comma": True},
    values={"split_entities_by_comma": _BY_COMMA},
    ignored=frozenset({"features", "max_iterations", "L1_c", "L2_c", "featurizers"}),
    reads=("examples",),
    version=2,
)
MITIE_ENTITIES = Kind(
    load=_load_mitie,
    train=_train_crf,
    options={"BILOU_flag": True, "split_entities_by_comma": True},
    values={"split_entities_by_comma": _BY_COMMA},
    ignored=frozenset({"num_threads"}),
    reads=("examples",),
    version=2,
)
