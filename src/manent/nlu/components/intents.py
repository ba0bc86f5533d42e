"""The intent classifiers LogisticRegressionClassifier, SklearnIntentClassifier and MitieIntentClassifier.

All of them use the linear classifier of `classifier.py`. DIETClassifier (`joint_classifier.py`) uses this module, too.
"""

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from manent.core.config_options import NAMES, SEED, whole
from manent.core.events import Json
from manent.learn.confidence import LOGISTIC
from manent.nlu.classifier import Settings, TextClassifier, join_words, load_classifier, train_classifier
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message


class IntentClassifier:
    """Sets a message's intent and ranking."""

    def __init__(self, classifier: TextClassifier, options: Json) -> None:
        self._classifier = classifier
        self._length = int(options.get("ranking_length", 10)) or len(classifier.labels)
        self._renormalise = bool(options.get("renormalize_confidences", False))

    def process(self, message: Message) -> None:
        """Set the intent, unless the training data contain no intents."""
        if not self._classifier.labels:
            return
        ranking, message.scores = self._classifier.rank(message, self._length)
        message.classifier = self._classifier
        if self._renormalise:
            total = sum(value for _, value in ranking)
            ranking = [(name, value / total) for name, value in ranking]
        message.intent_ranking = [{"name": name, "confidence": value} for name, value in ranking]
        message.intent = dict(message.intent_ranking[0])


def train_intents(training: Training, settings: Settings) -> dict[str, bytes]:
    """Train on the examples that have an intent.

    Examples of a retrieval intent (`faq/ask_x`) are examples of `faq`. Set `training.chances` for the entity extractor
    that follows.
    """
    rows = [index for index, example in enumerate(training.examples) if example.intent]
    names = [training.examples[index].intent.split("/", 1)[0] for index in rows]
    messages = [training.messages[index] for index in rows]
    made = join_examples(messages, names, training.context.intent_split, settings.seed)
    messages += [message for message, _ in made]
    names += [name for _, name in made]
    files, chances = train_classifier(messages, names, training.context, settings)
    training.chances = np.zeros((len(training.examples), chances.shape[1]), np.float32)
    found = chances[: len(rows)]
    training.chances[rows] = found / found.sum(axis=1, keepdims=True)
    return files


def join_examples(
    messages: Sequence[Message], names: Sequence[str], split: str | None, seed: int
) -> list[tuple[Message, str]]:
    """Create examples of multi-intents (`greet+order`) by joining examples of their parts.

    Args:
        messages: tokenised examples.
        names: intents of the examples.
        split: separator between the parts of a multi-intent. None: there are no multi-intents.
        seed: the same seed gives the same examples.

    Returns:
        The new examples and their names. If all parts of a multi-intent are intents, it gets as many examples as the
        average intent.
    """
    if not split:
        return []
    examples: dict[str, list[Message]] = defaultdict(list)
    for message, name in zip(messages, names, strict=True):
        examples[name].append(message)
    draw = random.Random(seed)  # noqa: S311  # not used for secrets
    made = []
    for name in sorted(examples):
        parts = name.split(split)
        if len(parts) > 1 and all(part in examples for part in parts):
            for _ in range(-(-len(messages) // len(examples))):
                chosen = [draw.choice(examples[part]) for part in draw.sample(parts, len(parts))]
                made.append((join_words([word for message in chosen for word in message.words]), name))
    return made


def load_intents(options: Json, files: Files, context: Context) -> IntentClassifier:
    """Load the files of `train_intents`."""
    return IntentClassifier(load_classifier(files, context), options)


def _load(options: Json, files: Files, context: Context) -> Component:
    return load_intents(options, files, context)


def _train_logistic(options: Json, training: Training) -> Files:
    settings = Settings(
        featurizers=options["featurizers"],
        pairs=False,
        scale=LOGISTIC,
        seed=options["random_state"] or 0,
        iterations=int(options["max_iter"]),
    )
    return train_intents(training, settings)


def _train_dense(options: Json, training: Training) -> Files:
    return train_intents(training, Settings(featurizers=options["featurizers"], pairs=False))


LOGISTIC_REGRESSION = Kind(
    load=_load,
    train=_train_logistic,
    options={"max_iter": 100, "random_state": 42, "ranking_length": 10, "featurizers": []},
    values={"max_iter": whole(1), "random_state": SEED, "ranking_length": whole(0), "featurizers": NAMES},
    ignored=frozenset({"solver", "tol"}),
    reads=("examples",),
    version=4,
)
SKLEARN = Kind(
    load=_load,
    train=_train_dense,
    options={"ranking_length": 10, "featurizers": []},
    values={"ranking_length": whole(0), "featurizers": NAMES},
    ignored=frozenset({"C", "kernels", "gamma", "max_cross_validation_folds", "scoring_function", "num_threads"}),
    reads=("examples",),
    version=4,
)
MITIE = Kind(
    load=_load,
    train=_train_dense,
    options={"featurizers": []},
    values={"featurizers": NAMES},
    ignored=frozenset({"num_threads"}),
    reads=("examples",),
    version=4,
)
