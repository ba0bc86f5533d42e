"""Caches how much each word contributes to a message's scores, as rows of a single array.

A classifier or extractor can then fetch the rows of all words of a message in one operation, instead of adding small
arrays word by word.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_MORE_ROWS = 511


class WordRows:
    """Rows by word.

    When `limit` words are stored, all words except `first` are dropped. This is safe, because a word's row can be
    computed again and is always the same.

    The function that computes rows is an argument of each call. If it were an attribute, it would create a reference
    cycle with its owner, and a replaced model would stay in memory until the next garbage collection.

    Attributes:
        array: shape (places, width). The first row is for missing words. `find` may replace the array.
    """

    def __init__(
        self,
        blank: FloatArray,
        describe: Callable[[str], FloatArray],
        *,
        first: Sequence[str] = (),
        rows: FloatArray | None = None,
        limit: int = 8192,
    ) -> None:
        """Create a cache that contains the rows of the first words.

        Args:
            blank: the first row: (width,).
            describe: returns the row of a word: (width,). Called for the first words.
            first: words that are never dropped, fewer than `limit`.
            rows: their rows: (words, width). None: compute them.
            limit: maximum number of words. The limit must not be less than the number of words in a message.
        """
        self._limit = limit
        self.array = np.empty((len(first) + _MORE_ROWS, len(blank)), np.float32)
        self.array[0] = blank
        self._places: dict[str, int] = {}
        if rows is None:
            for word in first:
                self._add(word, describe)
        else:
            self.array[1 : len(first) + 1] = rows
            self._places = {word: place for place, word in enumerate(first, 1)}
        self._first = dict(self._places)

    def take(self, words: Sequence[str], describe: Callable[[str], FloatArray]) -> FloatArray:
        """Return the rows of these words: (words, width). `describe`: see `find`."""
        places = self.find(words, describe)
        return self.array.take(places, axis=0)

    def find(self, words: Sequence[str], describe: Callable[[str], FloatArray]) -> list[int]:
        """Return the row index of each word.

        Args:
            words: the words.
            describe: returns the row of a word: (width,). It is called for the words that are not stored.
        """
        places = self._places
        found = [*map(places.get, words)]
        if None not in found:
            return found  # type: ignore[return-value]  # mypy does not see that the test excludes None
        if len(places) + len(words) > self._limit:
            places = self._places = dict(self._first)
        for word in words:
            if word not in places:
                self._add(word, describe)
        return [places[word] for word in words]

    def _add(self, word: str, describe: Callable[[str], FloatArray]) -> None:
        place = len(self._places) + 1
        if place == len(self.array):
            self.array = np.concatenate([self.array, np.empty_like(self.array)])
        self.array[place] = describe(word)
        self._places[word] = place
