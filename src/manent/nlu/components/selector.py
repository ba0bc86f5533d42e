"""ResponseSelector: selects a retrieval intent's response (`faq/ask_name`) for a message."""

from typing import Any

import msgspec

from manent.core.config_options import NAMES, NEURAL, TEXT, whole
from manent.core.events import Json
from manent.learn.confidence import DIET
from manent.nlu.classifier import Settings, TextClassifier, load_classifier, train_classifier
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files, dump_json, load_json
from manent.nlu.message import Message

_NO_RESPONSE: Json = {"responses": None, "confidence": 0.0, "intent_response_key": None, "utter_action": "utter_None"}


class _Meta(msgspec.Struct, kw_only=True):
    """State of the selector.

    `responses`: key (`faq/ask_name`) → variations. `keys`: the key of each label, if response texts are the labels.
    """

    intents: list[str]
    responses: dict[str, list[dict[str, Any]]]
    keys: dict[str, str]


class Selector:
    """Ranks the responses of one retrieval intent.

    With the name `default`, it ranks the responses of all retrieval intents.
    """

    def __init__(self, classifier: TextClassifier | None, meta: _Meta, options: Json) -> None:
        self._classifier = classifier
        self._meta = meta
        self._key = str(options["retrieval_intent"] or "default")
        self._length = int(options["ranking_length"])

    def process(self, message: Message) -> None:
        """Add the selected response to the message's `response_selector`."""
        selected = message.response_selector
        if selected is None:
            selected = message.response_selector = {"all_retrieval_intents": list(self._meta.intents)}
        selected[self._key] = self._select(message)

    def _select(self, message: Message) -> Json:
        if self._classifier is None:
            return {"response": dict(_NO_RESPONSE), "ranking": []}
        best, _ = self._classifier.rank(message, self._length or len(self._classifier.labels))
        ranking = [
            {"confidence": value, "intent_response_key": self._meta.keys.get(label, label)} for label, value in best
        ]
        key = ranking[0]["intent_response_key"]
        response = {
            "responses": self._meta.responses.get(str(key)),
            "confidence": ranking[0]["confidence"],
            "intent_response_key": key,
            "utter_action": f"utter_{key}",
        }
        return {"response": response, "ranking": ranking}


def _train(options: Json, training: Training) -> Files:
    wanted = options["retrieval_intent"]
    rows = [
        index
        for index, example in enumerate(training.examples)
        if "/" in example.intent and wanted in (None, "", example.intent.split("/", 1)[0])
    ]
    intents = sorted({example.intent.split("/", 1)[0] for example in training.examples if "/" in example.intent})
    names = [training.examples[index].intent for index in rows]
    responses = {key: _variations(key, training) for key in sorted(set(names))}
    if wanted and not rows:
        training.notes.append(f"ResponseSelector: there are no examples of the retrieval intent {wanted!r}.")
    files: dict[str, bytes] = {}
    keys: dict[str, str] = {}
    if rows:
        if options["use_text_as_label"]:
            # Responses with the same text cannot be distinguished, so they become one label.
            texts = {key: str(next(iter(found), {}).get("text") or key) for key, found in responses.items()}
            keys = {text: key for key, text in reversed(texts.items())}
            names = [texts[name] for name in names]
        settings = Settings(featurizers=options["featurizers"], background=False, scale=DIET)
        files, _ = train_classifier([training.messages[index] for index in rows], names, training.context, settings)
    files["selector.json"] = dump_json(_Meta(intents=intents, responses=responses, keys=keys))
    return files


def _variations(key: str, training: Training) -> list[Json]:
    found = training.data.responses.get(f"utter_{key}")
    if found is None:
        declared = training.context.domain.original.get("responses")
        found = declared.get(f"utter_{key}") if isinstance(declared, dict) else None
    return list(found or ())


def _load(options: Json, files: Files, context: Context) -> Component:
    classifier = load_classifier(files, context) if "classifier.json" in files else None
    return Selector(classifier, load_json(files["selector.json"], _Meta), options)


SELECTOR = Kind(
    load=_load,
    train=_train,
    options={
        "retrieval_intent": None,
        "use_text_as_label": False,
        "ranking_length": 10,
        "featurizers": [],
    },
    values={"retrieval_intent": TEXT, "ranking_length": whole(0), "featurizers": NAMES},
    ignored=NEURAL
    | {
        "BILOU_flag",
        "entity_recognition",
        "intent_classification",
        "random_seed",
        "renormalize_confidences",
        "split_entities_by_comma",
    },
    reads=("examples", "responses"),
    version=4,
)
