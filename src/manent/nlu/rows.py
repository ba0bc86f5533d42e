"""What single words contribute to scores, worked out once a word and kept in one array.

A classifier or an extractor that is a sum over words asks for the rows of a message's words in one operation, instead
of adding up one small array a word.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_FIRST_ROWS = 512


class WordRows:
    """Rows by word; when `limit` words are kept, all but the first ones are forgotten.

    The same word always has the same row, whenever and however often it is worked out.
    """

    def __init__(
        self, width: int, describe: Callable[[str], FloatArray], *, first: Sequence[str] = (), limit: int = 8192
    ) -> None:
        """Work out the rows of the words that come first.

        Args:
            width: of a row.
            describe: makes the row of a word: (width,).
            first: words that are never forgotten, fewer than `limit`.
            limit: words to keep, at least as many as a message has.
        """
        self._describe = describe
        self._limit = limit
        self._rows = np.empty((_FIRST_ROWS, width), np.float32)
        self._places: dict[str, int] = {}
        for word in first:
            self._add(word)
        self._first = dict(self._places)

    def take(self, words: Sequence[str]) -> FloatArray:
        """Return the rows of some words: (words, width)."""
        places = self._places
        try:
            return self._rows.take([places[word] for word in words], axis=0)
        except KeyError:
            pass
        if len(places) + len(words) > self._limit:
            places = self._places = dict(self._first)
        for word in words:
            if word not in places:
                self._add(word)
        return self._rows.take([places[word] for word in words], axis=0)

    def _add(self, word: str) -> None:
        place = len(self._places)
        if place == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[place] = self._describe(word)
        self._places[word] = place
