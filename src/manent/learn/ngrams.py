"""N-grams of words and characters as 64-bit hashes, and sorted tables of these hashes.

Each text is converted to an array of code points once. The hash of any substring can be computed from the prefix sums
of a polynomial hash. Hashing all n-grams of all sizes therefore needs only a few array operations, which take 30 µs for
ten words. A dictionary of strings would take 60 µs. With 100,000 n-grams it would also take 15 MB of memory and 60 ms
to load. The NLU featurizers and the dialogue policies use this module.
"""

import functools
import itertools
import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

Analyzer = Literal["word", "char", "char_wb"]

MAX_TEXT = 4096
"""Maximum number of code points that are read from a text. More would cost time without improving the features."""

_BASE = 0x9E3779B97F4A7C15  # the bits of the golden ratio; the number is odd, so it has an inverse modulo 2**64
_SCRAMBLE = np.uint64(0xD6E8FEB86659FD93)
_LENGTH = 0xA0761D6478BD642F
_SPACE = 32


def _powers(base: int, count: int) -> Hashes:
    values = np.empty(count, np.uint64)
    value = 1
    for index in range(count):
        values[index] = value
        value = value * base % 2**64
    return values


_POWERS = _powers(_BASE, MAX_TEXT)
_INVERSES = _powers(pow(_BASE, -1, 2**64), MAX_TEXT)
_LENGTHS = np.array([size * _LENGTH % 2**64 for size in range(MAX_TEXT + 1)], np.uint64)


@dataclass(slots=True)
class HashedText:
    """A text from which n-grams can be hashed.

    Attributes:
        prefix: (length + 1,) prefix sums of the polynomial hash.
        spaces: positions of spaces. A text made of words starts and ends with a space.
        inside: (length + 1,) number of spaces before each position.
    """

    prefix: Hashes
    spaces: IntArray
    inside: IntArray

    @property
    def length(self) -> int:
        """Return the number of code points."""
        return len(self.prefix) - 1


def hash_text(text: str) -> HashedText:
    """Prepare a text.

    Use only its first `MAX_TEXT` code points. For word n-grams the text must have the form ` word word `.
    """
    codes = np.frombuffer(text[:MAX_TEXT].encode("utf-32-le", "surrogatepass"), np.uint32)
    size = len(codes)
    prefix = np.zeros(size + 1, np.uint64)
    scrambled = (codes + np.uint64(1)) * _SCRAMBLE
    scrambled ^= scrambled >> np.uint64(29)
    scrambled *= _POWERS[:size]
    scrambled.cumsum(out=prefix[1:])
    is_space = codes == _SPACE
    inside = np.zeros(size + 1, np.int64)
    is_space.cumsum(out=inside[1:])
    return HashedText(prefix, is_space.nonzero()[0], inside)


def join_words(words: Iterable[str]) -> str:
    """Return these words as one text, in the form that word and `char_wb` n-grams need."""
    return f" {' '.join(words)} "


def hash_ngrams(text: HashedText, analyzer: Analyzer, smallest: int, largest: int) -> Hashes:
    """Hash all n-grams of a text. Repeated n-grams are repeated in the result. The order of the result is undefined.

    Args:
        text: from `hash_text(join_words(…))`.
        analyzer: `word`; `char` (across spaces); `char_wb` (within words, each with a space on both sides).
        smallest: size of the shortest n-grams, ≥ 1.
        largest: size of the longest n-grams, ≥ `smallest`.
    """
    found = []
    prefix, length = text.prefix, text.length
    if analyzer == "word":
        spaces = text.spaces
        for size in range(smallest, min(largest, len(spaces) - 1) + 1):
            start, end = spaces[:-size] + 1, spaces[size:]
            found.append((prefix[end] - prefix[start]) * _INVERSES[start] + _LENGTHS[end - start])
    else:
        for size in range(smallest, min(largest, length) + 1):
            hashes = (prefix[size:] - prefix[: length - size + 1]) * _INVERSES[: length - size + 1]
            hashes += _LENGTHS[size]
            # N-grams of size 1 and 2 have no inner characters. In a single word, no n-gram crosses a space.
            if analyzer == "char_wb" and size > 2 and len(text.spaces) > 2:  # noqa: PLR2004
                hashes = hashes[text.inside[size - 1 : length] == text.inside[1 : length - size + 2]]
            found.append(hashes)
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


class HashedWord(NamedTuple):
    """A word, prepared for hashing its word n-grams.

    Attributes:
        polynomial: hash of the word.
        single: n-gram hash of the word alone.
        head: the term that the word adds to a pair's hash if it is the pair's first word.
        power: factor for the second word's polynomial in that hash.
        tail: the term for the word's length if it is the pair's second word.
    """

    polynomial: int
    single: int
    head: int
    power: int
    tail: int


@functools.lru_cache(maxsize=8192)
def hash_word(word: str) -> HashedWord:
    """Prepare a word for `hash_single` and `hash_pairs`. Cached, because several featurizers use the same words."""
    signs = word[:MAX_TEXT]
    length, powers = len(signs), _POWER_LIST
    polynomial = sum(map(operator.mul, map(_scramble, signs), powers)) & _MASK
    return HashedWord(
        polynomial=polynomial,
        single=(polynomial + length * _LENGTH) & _MASK,
        head=(polynomial + powers[length] * _BLANK + length * _LENGTH) & _MASK,
        power=powers[length + 1],
        tail=(length + 1) * _LENGTH,
    )


def hash_single(word: HashedWord) -> int:
    """Return a word's hash, which is the same as in `hash_ngrams`."""
    return word.single


def hash_pairs(words: Sequence[HashedWord]) -> list[int]:
    """Return the hashes of adjacent pairs of words.

    For a few words, this is ten times as fast as `hash_ngrams`, which returns the same hashes.
    """
    return [
        (first.head + first.power * second.polynomial + second.tail) & _MASK
        for first, second in itertools.pairwise(words)
    ]


def hash_inside(word: str, smallest: int, largest: int) -> list[int]:
    """Hash a word's `char_wb` n-grams. The result is that of `hash_ngrams`, but several times faster."""
    signs = f" {word} "[:MAX_TEXT]
    columns = [*zip(*map(_hash_sign, signs, itertools.repeat(min(largest, len(signs)))), strict=True)]
    hashes = [*columns[0]]
    found = hashes if smallest == 1 else []
    for size, column in enumerate(columns[1:], 2):
        hashes = [shorter + sign & _MASK for shorter, sign in zip(hashes, column[size - 1 :], strict=False)]
        if size >= smallest:
            found = found + hashes
    return found


@functools.lru_cache(maxsize=1024)
def _hash_sign(sign: str, largest: int) -> tuple[int, ...]:
    """Return the part of an n-gram's hash that a character contributes at each position, up to size `largest`."""
    scrambled = _scramble(sign)
    return tuple((scrambled * power + _LENGTH) & _MASK for power in _POWER_LIST[:largest])


@functools.lru_cache(maxsize=1024)
def _scramble(sign: str) -> int:
    value = (ord(sign) + 1) * int(_SCRAMBLE) & _MASK
    return value ^ value >> 29


_MASK = 2**64 - 1
_POWER_LIST: list[int] = [*_POWERS.tolist(), pow(_BASE, MAX_TEXT, 2**64), pow(_BASE, MAX_TEXT + 1, 2**64)]
_BLANK = _scramble(" ")


@dataclass(frozen=True, slots=True)
class NgramTable:
    """The n-grams of the training data.

    Attributes:
        hashes: (n-grams,) ascending. The last item is the greatest possible number, which is not the hash of an n-gram.
        weights: (n-grams,) inverse document frequencies, ≥ 1.
        unknown: weight of an n-gram that is not in the training data.
    """

    hashes: Hashes
    weights: FloatArray
    unknown: float

    def places(self) -> dict[int, int]:
        """The index of each n-gram by its hash. It is used to look up a few n-grams without arrays."""
        return dict(zip(self.hashes.tolist(), range(len(self.hashes)), strict=True))

    def lookup(self, hashes: Hashes) -> tuple[IntArray, FloatArray]:
        """Return the features of a text.

        A repeated n-gram is returned repeatedly. Unknown n-grams have no feature, but the norm includes them. The
        features of a text with unknown words therefore have a small norm, which makes a classifier unsure about the
        text.

        Returns:
            Indices into the table and their values. The norm of the values is ≤ 1.
        """
        known, values, squares = self.find(hashes)
        return known, values * np.float32(1.0 / (math.sqrt(squares) or 1.0))

    def find(self, hashes: Hashes) -> tuple[IntArray, FloatArray, float]:
        """Look up n-grams as `lookup` does, without dividing by the norm.

        Returns:
            Indices, weights, and the square of the norm.
        """
        table = self.hashes
        if not len(hashes) or not len(table):
            return _NO_INDICES, _NO_VALUES, len(hashes) * self.unknown**2
        places = table.searchsorted(hashes)
        # The last hash of the table is the greatest possible number, so no index is beyond the end.
        known = places[table[places] == hashes]
        values = self.weights[known]
        return known, values, float(values @ values) + (len(hashes) - len(known)) * self.unknown**2


_NO_INDICES = np.zeros(0, np.int64)
_NO_VALUES = np.zeros(0, np.float32)
_LAST = np.uint64(2**64 - 1)


def build_table(
    texts: Sequence[Hashes], *, min_df: float = 1, max_df: float = 1.0, max_features: int | None = None
) -> NgramTable:
    """Collect the n-grams of training texts and weight them by rarity.

    Args:
        texts: the n-gram hashes of each text.
        min_df: minimum number of texts (int) or share of texts (float in [0, 1]) in which an n-gram must occur.
        max_df: maximum number or share of texts in which an n-gram may occur.
        max_features: maximum number of n-grams. The most frequent n-grams are kept.

    Source: tf-idf with smoothing as in Manning et al., Introduction to Information Retrieval, 6.2; binary counts.
    """
    total = len(texts)
    occurrences = [np.unique(hashes) for hashes in texts]
    seen = np.concatenate(occurrences) if occurrences else np.zeros(0, np.uint64)
    hashes, counts = np.unique(seen, return_counts=True)
    least = min_df * total if isinstance(min_df, float) else min_df
    most = max_df * total if isinstance(max_df, float) else max_df
    keep = (counts >= least) & (counts <= most)
    hashes, counts = hashes[keep], counts[keep]
    if max_features is not None and len(hashes) > max_features:
        keep = np.sort(np.argsort(-counts, kind="stable")[:max_features])
        hashes, counts = hashes[keep], counts[keep]
    if len(hashes):
        hashes, counts = np.append(hashes, _LAST), np.append(counts, total)
    weights = np.log((1 + total) / (1 + counts)) + 1
    return NgramTable(hashes, weights.astype(np.float32), math.log(1 + total) + 1)
