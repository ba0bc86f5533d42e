"""Static word vectors, which describe the meaning of words before any training.

Training and parsing share one object. `models/vectors.py` opens the installed files; this module reads no files.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manent.core.errors import ModelError

FloatArray = NDArray[np.float32]

SIZE = 256
"""Number of dimensions of a vector."""

_CACHED_WORDS = 20_000
"""Number of words whose vectors are cached (1 kB each)."""

_WORD_START = "\u2581"  # the tokenizer's character for a space before a word
_MIN_WORD = 3
"""Length of the shortest whole word in the vocabulary, in characters."""

_MAX_WORD = 64
"""Maximum number of a word's characters that are used. The rest of a longer word is ignored."""


class WordVectors:
    """Vectors by word, independent of capital letters.

    For a visitor, `Weather` and `weather` are the same word. In the original vectors, the cosine similarity of these
    spellings is only 0.48, and that of `RATE` and `rate` is 0.38.

    Args:
        matrix: the vector of each piece of a word: (pieces, 256), float16. It may be memory-mapped.
        open_tokenizer: returns the `tokenizers.Tokenizer` that splits words into these pieces. It is called for the
            first word that needs the tokenizer.
        sha256: hash of the vectors. Models store it.
    """

    def __init__(self, matrix: NDArray[np.float16], open_tokenizer: Callable[[], Any], sha256: str) -> None:
        self.sha256 = sha256
        self._pieces = matrix
        self._make_tokenizer = open_tokenizer
        self._tokenizer: Any = None
        self._cutter: Any = None
        self.word = functools.lru_cache(maxsize=_CACHED_WORDS)(self._word)

    def text(self, words: Sequence[str]) -> FloatArray:
        """Return the mean vector of the pieces of all words, scaled to norm 1: (256,).

        The mean is zero if no word is known.
        """
        total = np.add.reduce([self.word(word) for word in words]) if words else _ZEROS
        return scale(total)

    def words(self, words: Sequence[str]) -> FloatArray:
        """Return each word's vector, scaled to norm 1: (words, 256)."""
        return np.array([scale(self.word(word)) for word in words], np.float32).reshape(len(words), SIZE)

    def vocabulary(self) -> tuple[list[str], list[str]]:
        """Return the tokenizer's whole words in two lists: words in plain Latin letters, words with other letters."""
        marked = [piece[1:] for piece in self._open_tokenizer().get_vocab() if piece.startswith(_WORD_START)]
        words = sorted({piece.lower() for piece in marked if len(piece) >= _MIN_WORD and piece.isalpha()})
        return [word for word in words if word.isascii()], [word for word in words if not word.isascii()]

    def prepare(self) -> None:
        """Open the tokenizer when the model is loaded (60 ms), so that no message waits for it."""
        self._open_tokenizer()

    def _open_tokenizer(self) -> Any:
        if self._tokenizer is None:
            self._tokenizer = self._make_tokenizer()
            self._cutter = self._tokenizer.model
        return self._tokenizer

    def _word(self, word: str) -> FloatArray:
        text = word[:_MAX_WORD].lower()
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        tokenizer = self._open_tokenizer()
        if text:
            # A word is not divided if it is a piece of the vocabulary in lower case, capitalised or in upper case.
            for form in (text, text.capitalize(), text.upper()):
                whole = tokenizer.token_to_id(_WORD_START + form)
                if whole is not None:
                    return np.asarray(self._pieces[whole], np.float32)
        if text.isalnum():
            # This gives the same result as `encode` in half the time. This is possible because the text cannot contain
            # special tokens (`<s>`).
            pieces = [piece.id for piece in self._cutter.tokenize(_WORD_START + text)]
        else:
            pieces = tokenizer.encode(text, add_special_tokens=False).ids
        return np.asarray(np.add.reduce(self._pieces.take(pieces, axis=0), dtype=np.float32)) if pieces else _ZEROS


_ZEROS = np.zeros(SIZE, np.float32)


def scale(vector: FloatArray) -> FloatArray:
    """Scale a vector to norm 1. A zero vector stays zero."""
    norm = float(vector @ vector) ** 0.5
    return vector / np.float32(norm) if norm else vector


def check_vectors(vectors: WordVectors, sha256: str) -> None:
    """Check that a model runs with the vectors it was trained with.

    Raises:
        ModelError: `vectors_changed`: other vectors are installed.
    """
    if vectors.sha256 != sha256:
        raise ModelError(
            "vectors_changed",
            f"the model was trained with word vectors {sha256[:12]}…, but {vectors.sha256[:12]}… are installed; "
            f"train again, or install the wordllama version of the training",
        )
