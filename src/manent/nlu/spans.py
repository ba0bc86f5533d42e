"""Converts annotations to tags (one per token), and sequences of tags to spans.

A tag is `O`, or it consists of a position, a dash and a label. The position is `B` (first token of a span), `I`
(inside), `L` (last) or `U` (the only token). Without BILOU, the position is always `I`. A label consists of entity,
role and group, or of several such triples if entities share a span.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manent.core.training_data import EntityMention

BoolArray = NDArray[np.bool_]

OUTSIDE = "O"
_BETWEEN_PARTS = "\t"
_BETWEEN_LABELS = "\n"

Split = bool | Mapping[str, bool]
"""Value of the option `split_entities_by_comma`: a flag for all entities, or a flag for each entity.

Entities without a flag are split.
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of the tokens `first` to `last - 1` with its labels `(entity, role, group)`.

    An empty string stands for a missing role or group.
    """

    first: int
    last: int
    labels: tuple[tuple[str, str, str], ...]


def tag_tokens(tokens: Sequence[tuple[int, int]], mentions: Sequence[EntityMention], *, bilou: bool) -> list[str]:
    """Convert annotations to tags. If spans overlap partly, only the first one is used."""
    tags = [OUTSIDE] * len(tokens)
    spans: dict[tuple[int, int], list[str]] = {}
    for mention in mentions:
        label = _BETWEEN_PARTS.join((mention.entity, mention.role or "", mention.group or ""))
        labels = spans.setdefault((mention.start, mention.end), [])
        if label not in labels:
            labels.append(label)
    for (first, last), labels in spans.items():
        places = [place for place, (start, end) in enumerate(tokens) if start < last and end > first]
        if places and all(tags[place] == OUTSIDE for place in places):
            for place in places:
                tags[place] = f"{_position(place, places, bilou=bilou)}-{_BETWEEN_LABELS.join(labels)}"
    return tags


def _position(place: int, places: Sequence[int], *, bilou: bool) -> str:
    if not bilou:
        return "I"
    if len(places) == 1:
        return "U"
    return "B" if place == places[0] else "L" if place == places[-1] else "I"


def read_spans(path: Sequence[str], text: str, tokens: Sequence[tuple[int, int]], split: Split) -> list[Span]:
    """Convert a sequence of tags to spans.

    Args:
        path: one tag per token.
        text: the message.
        tokens: positions of the tokens in the text.
        split: whether a comma ends an entity. If False, equal entities on both sides of a comma are joined.
    """
    spans: list[tuple[str, int, int]] = []
    for place, tag in enumerate(path):
        if tag == OUTSIDE:
            continue
        position, label = tag[0], tag[2:]
        if spans and spans[-1][0] == label and spans[-1][2] == place:
            between = text[tokens[place - 1][1] : tokens[place][0]]
            comma = "," in between
            # Without BILOU, adjacent tokens with equal labels form one span. With BILOU, the position decides.
            joins = not _splits(label, split) if comma else position in "IL"
            if joins:
                spans[-1] = (label, spans[-1][1], place + 1)
                continue
        spans.append((label, place, place + 1))
    return [Span(first, last, tuple(map(_parts, label.split(_BETWEEN_LABELS)))) for label, first, last in spans]


def _splits(label: str, split: Split) -> bool:
    if isinstance(split, Mapping):
        return bool(split.get(_parts(label)[0], True))
    return bool(split)


def _parts(label: str) -> tuple[str, str, str]:
    entity, role, group = label.split(_BETWEEN_LABELS, maxsplit=1)[0].split(_BETWEEN_PARTS)
    return entity, role, group


def find_constraints(names: Sequence[str], *, bilou: bool) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Return three arrays of flags.

    The first (tags, tags) defines whether tag j may follow tag i. The second and third (tags,) define whether a tag may
    be the first or the last tag of a sentence.
    """
    count = len(names)
    if not bilou:
        return np.ones((count, count), np.bool_), np.ones(count, np.bool_), np.ones(count, np.bool_)
    opens = np.array([name[0] in "BI" for name in names])
    goes_on = np.array([name[0] in "IL" for name in names])
    label = np.array([name[2:] for name in names])
    allowed = (opens[:, None] == goes_on[None]) & (~opens[:, None] | (label[:, None] == label[None]))
    return allowed, ~goes_on, ~opens
