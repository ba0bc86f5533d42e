"""Trains the learned policies on stories. Imported for training only."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from manent.core.domain import Domain
from manent.core.events import ActionExecuted, UserUttered
from manent.core.tracker import Tracker
from manent.dialogue.policies.features import KnownTexts, Weighted, context_features, state_features
from manent.dialogue.policies.learned import LearnedOptions, LearnedPolicy, LinearModel, cue
from manent.dialogue.policies.unexpected import UnexpectedIntentPolicy, UnexpectedOptions
from manent.dialogue.states import LISTEN, UNLIKELY, DialogState, Featurizer, history_of
from manent.dialogue.stories import Sequence as TrainingSequence
from manent.learn.softmax import build_features, fit

PENALTY = 0.02
_SURE_PENALTY = 0.005
"""L2 penalty of the model that detects unlikely messages.

It is smaller, so that the model fits the stories more closely.
"""
_ITERATIONS = 80
_MAX_EXAMPLES = 20_000
_LENGTHS = (1, 2, 3)
"""Each step of a story becomes an example with the whole history and one for each of these numbers of newest states.

So the policy also recognises the end of a story in a conversation that started differently.
"""

Example = tuple[tuple[DialogState, ...], str]


def train_learned(
    domain: Domain,
    featurizer: Featurizer,
    name: str,
    options: LearnedOptions,
    stories: Sequence[TrainingSequence],
    *,
    least_confidence: float = 0.0,
) -> LearnedPolicy:
    """Learn the next action from the stories.

    Args:
        domain: domain of the assistant.
        featurizer: computes the states.
        name: name of the policy in `config.yml`.
        options: options of the policy in `config.yml`.
        stories: the stories to learn from.
        least_confidence: `least` of the policy.
    """
    texts = KnownTexts(_texts(stories))
    examples = dict.fromkeys(_examples(domain, featurizer, stories, (*_LENGTHS, options.history)))
    least = options.e2e_confidence_threshold
    rows = [(state_features(states, texts, least_similarity=least), action) for states, action in _some(examples)]
    follows: dict[str, dict[str, None]] = {}
    for states, action in examples:
        follows.setdefault(cue(states[-1], texts, least, answers=states[-1].previous == LISTEN), {})[action] = None
    model = _fit(rows, [LISTEN], PENALTY)
    return LearnedPolicy(name, options, model, texts, follows, least=least_confidence)


def train_unexpected(
    domain: Domain, featurizer: Featurizer, options: UnexpectedOptions, stories: Sequence[TrainingSequence]
) -> UnexpectedIntentPolicy:
    """Train a policy that predicts the next intent."""
    texts = KnownTexts(_texts(stories))
    examples = [
        (states, states[-1].intent)
        for states, _ in dict.fromkeys(_examples(domain, featurizer, stories, (options.history,)))
        if states[-1].previous == LISTEN and states[-1].intent is not None
    ]
    rows = [(context_features(states, texts, least_similarity=0.5), intent) for states, intent in _some(examples)]
    model = _fit(rows, [], _SURE_PENALTY)
    lowest: dict[str, float] = {}
    for features, intent in rows:
        chances = model.chances(features)
        lowest[intent] = min(float(chances[model.labels.index(intent)] / chances.max()), lowest.get(intent, 1.0))
    return UnexpectedIntentPolicy(options, model, texts, lowest)


def _texts(stories: Iterable[TrainingSequence]) -> Iterator[str]:
    for story in stories:
        for event in story.events:
            if isinstance(event, UserUttered) and event.text is not None and not event.parse_data:
                yield event.text


def _examples(
    domain: Domain, featurizer: Featurizer, stories: Iterable[TrainingSequence], lengths: Sequence[int]
) -> Iterator[Example]:
    """Yield each action of each story, except the first action, with the newest states before it.

    Yield an action once for each length of history.
    """
    for story in stories:
        tracker = Tracker(sender_id="training", domain=domain)
        for event in story.events:
            if isinstance(event, ActionExecuted) and event.name != UNLIKELY and tracker.latest_action_name is not None:
                states = history_of(tracker, featurizer).shown()
                action = event.name or event.action_text or ""
                for length in dict.fromkeys(min(each, len(states), max(lengths)) for each in lengths):
                    yield tuple(states[-length:]), action
            tracker.update(event)


def _some(examples: Iterable[Example]) -> list[Example]:
    """Return the examples. If there are more than `_MAX_EXAMPLES`, return that many, evenly spread."""
    found = list(examples)
    return (
        found if len(found) <= _MAX_EXAMPLES else [found[len(found) * n // _MAX_EXAMPLES] for n in range(_MAX_EXAMPLES)]
    )


def _fit(rows: Sequence[tuple[Weighted, str]], always: Iterable[str], penalty: float) -> LinearModel:
    """Fit a linear model. With fewer than two labels, return a model without weights."""
    labels = list(dict.fromkeys([*always, *(label for _, label in rows)]))
    vocabulary: dict[str, int] = {}
    for features, _ in rows:
        for name in features:
            vocabulary.setdefault(name, len(vocabulary))
    if len(labels) < 2 or not rows:  # noqa: PLR2004  # a single label needs no weights
        return LinearModel(vocabulary, labels, np.zeros((len(vocabulary), len(labels)), np.float32),
                           np.zeros(len(labels), np.float32))  # fmt: skip
    numbers = {label: number for number, label in enumerate(labels)}
    data = build_features(
        [
            (
                np.array([vocabulary[name] for name in features], np.int64),
                np.array(list(features.values()), np.float32),
            )
            for features, _ in rows
        ],
        len(vocabulary),
    )
    truth = np.array([numbers[label] for _, label in rows], np.int64)
    model = fit(data, truth, len(labels), penalty=penalty, iterations=_ITERATIONS, seed=0)
    return LinearModel(vocabulary, labels, model.sparse, model.bias)
