"""Turns recent dialogue states into features, and compares texts by character n-grams.

A feature is a string. Training learns a weight for each feature. `learned.py` and `unexpected.py` predict from these
features.
"""

import math
from collections.abc import Container, Iterable, Sequence

from manent.dialogue.states import DialogState

_DECAY = 0.7
"""The weight of a state, as a fraction of the weight of the next newer state."""

Weighted = dict[str, float]


class KnownTexts:
    """The user texts of end-to-end stories. An object finds the text that is most similar to a message."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(dict.fromkeys(texts))
        grams = [_grams(text) for text in self.texts]
        self._sizes = [len(each) for each in grams]
        self._places: dict[str, list[int]] = {}
        for number, each in enumerate(grams):
            for gram in each:
                self._places.setdefault(gram, []).append(number)

    def nearest(self, text: str) -> tuple[int, float]:
        """Return the index of the most similar text, and the cosine of the two sets of n-grams.

        Return (-1, 0.0) if no text shares an n-gram with the message.
        """
        grams = _grams(text)
        shared: dict[int, int] = {}
        for gram in grams:
            for number in self._places.get(gram, ()):
                shared[number] = shared.get(number, 0) + 1
        best, similarity = -1, 0.0
        for number, count in shared.items():
            cosine = count / math.sqrt(len(grams) * self._sizes[number])
            if cosine > similarity:
                best, similarity = number, cosine
        return best, similarity


def _grams(text: str) -> frozenset[str]:
    """Return the words of a text, and their character 3- and 4-grams."""
    grams: set[str] = set()
    for word in text.casefold().split():
        padded = f" {word} "
        grams.add(padded)
        for size in (3, 4):
            grams.update(padded[start : start + size] for start in range(len(padded) - size + 1))
    return frozenset(grams)


def state_features(
    states: Sequence[DialogState],
    texts: KnownTexts,
    *,
    least_similarity: float,
    known: Container[str] | None = None,
) -> Weighted:
    """Return the features of the newest states with their weights. The norm of the weights is 1.

    Args:
        states: oldest first, the current one last.
        texts: user texts of end-to-end stories.
        least_similarity: minimum cosine, in [0, 1], at which a message counts as one of the texts.
        known: the features that the training data contain. Other features are removed before the norm is computed, so
            an entity or slot that no story contains does not reduce the weight of known features. None: keep all
            features.
    """
    features: Weighted = {}
    weight = 1.0
    for back, state in enumerate(reversed(states)):
        for name in _of_state(state, texts, least_similarity):
            features[f"{back}{name}"] = weight
            if back:
                features.setdefault(f"ago{name}", weight)
        weight *= _DECAY
    current = states[-1]
    said = said_in(current, texts, least_similarity)
    features[f"now={current.previous}|{said}"] = 1.0
    features[f"now={current.previous}|{said}|{current.loop}|{current.entities}"] = 1.0
    features[f"now={current.previous}|{said}|{[name for name, _ in current.slots]}"] = 1.0
    if len(states) > 1:
        before = states[-2]
        features[f"two={before.previous}|{current.previous}|{said}"] = 1.0
    if known is not None:
        features = {name: value for name, value in features.items() if name in known}
    norm = math.sqrt(sum(value * value for value in features.values()))
    return {name: value / norm for name, value in features.items()}


def context_features(
    states: Sequence[DialogState],
    texts: KnownTexts,
    *,
    least_similarity: float,
    known: Container[str] | None = None,
) -> Weighted:
    """Return the features of the turns before the latest message, without that message.

    The arguments are the same as for `state_features`.
    """
    current = states[-1]
    silent = DialogState(previous=current.previous, loop=current.loop)
    return state_features([*states[:-1], silent], texts, least_similarity=least_similarity, known=known)


def said_in(state: DialogState, texts: KnownTexts, least_similarity: float) -> str:
    """Return the feature of the latest message: its intent, or the index of the most similar known text."""
    return f"{state.intent}{_text_number(state, texts, least_similarity)}"


def _of_state(state: DialogState, texts: KnownTexts, least_similarity: float) -> Iterable[str]:
    yield f"p={state.previous}"
    if state.intent is not None:
        yield f"i={state.intent}"
    if state.text is not None:
        yield f"t={_text_number(state, texts, least_similarity)}"
    for entity in state.entities:
        yield f"e={entity}"
    if state.loop is not None:
        yield f"l={state.loop}"
    for name, vector in state.slots:
        for place, value in enumerate(vector):
            if value:
                yield f"s={name}:{place}"


def _text_number(state: DialogState, texts: KnownTexts, least_similarity: float) -> str:
    if state.text is None:
        return ""
    number, similarity = texts.nearest(state.text)
    return f"#{number}" if similarity >= least_similarity else ""
