"""Static word vectors: what words mean before any training. A file of wordllama's wheel, memory-mapped.

Training and parsing share this; wordllama itself is never imported (105 MB and 0.6 s against 48 MB and 0.1 s). The
tokenizer that cuts words into the vectors' pieces is loaded when the first word needs it.
"""

import ctypes
import functools
import hashlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manent.core.errors import ModelError

FloatArray = NDArray[np.float32]

SIZE = 256
"""Dimensions of a vector."""

_PACKAGE = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_CACHED_WORDS = 20_000
"""Words whose vectors are kept (1 kB each)."""

_SAMPLES, _SAMPLE = 64, 4096
"""Samples of the file that are hashed, and their size in bytes."""

_WORD_START = "\u2581"  # the tokenizer's mark of a blank before a word
_SHORT = 2

_MAX_WORD = 64
"""Characters of a word that count; a longer one is no word."""


class WordVectors:
    """Vectors by word, however it is written: of capitals the vectors know too much.

    `Weather` and `weather` have a cosine of 0.48 there, `RATE` and `rate` 0.38; a visitor means the same. One object
    serves the whole process (see `load_vectors`).
    """

    def __init__(self, folder: Path) -> None:
        self.file = _WEIGHTS
        self._folder = folder
        self._pieces = _map_matrix(folder / _WEIGHTS)
        self._tokenizer: Any = None
        self._cutter: Any = None
        self.word = functools.lru_cache(maxsize=_CACHED_WORDS)(self._word)

    @functools.cached_property
    def sha256(self) -> str:
        """Hash of the vectors' file, which a model remembers: of its size and of samples from all over it.

        Hashing all 16 MB takes 20 ms of each start, to tell apart what differs everywhere.
        """
        digest = hashlib.sha256()
        with (self._folder / _WEIGHTS).open("rb") as file:
            size = file.seek(0, 2)
            digest.update(size.to_bytes(8, "little"))
            for place in range(0, size, max(1, size // _SAMPLES)):
                file.seek(place)
                digest.update(file.read(_SAMPLE))
        return digest.hexdigest()

    def text(self, words: Sequence[str]) -> FloatArray:
        """Return the mean of the pieces of all words, scaled to norm 1; zeros when nothing is known: (256,)."""
        total = np.add.reduce([self.word(word) for word in words]) if words else _ZEROS
        return scale(total)

    def words(self, words: Sequence[str]) -> FloatArray:
        """Return each word's vector, scaled to norm 1: (words, 256)."""
        return np.array([scale(self.word(word)) for word in words], np.float32).reshape(len(words), SIZE)

    def vocabulary(self) -> tuple[list[str], list[str]]:
        """List whole words that the tokenizer knows: those in plain Latin letters, and those with other letters."""
        marked = [piece[1:] for piece in self._open_tokenizer().get_vocab() if piece.startswith(_WORD_START)]
        words = sorted({piece.lower() for piece in marked if len(piece) > _SHORT and piece.isalpha()})
        return [word for word in words if word.isascii()], [word for word in words if not word.isascii()]

    def prepare(self) -> None:
        """Open the tokenizer now (60 ms), so that no message has to wait for it."""
        self._open_tokenizer()

    def _open_tokenizer(self) -> Any:
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(self._folder / _TOKENIZER))
            self._cutter = self._tokenizer.model
            _give_memory_back()
        return self._tokenizer

    def _word(self, word: str) -> FloatArray:
        text = word[:_MAX_WORD].lower()
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        tokenizer = self._open_tokenizer()
        if text:
            # A word that is a piece, in small letters or as a name is written, is cut into that piece.
            for form in (text, text.capitalize(), text.upper()):
                whole = tokenizer.token_to_id(_WORD_START + form)
                if whole is not None:
                    return np.asarray(self._pieces[whole], np.float32)
        if text.isalnum():
            # What `encode` comes to where no mark of the tokenizer's own (`<s>`) can be, in half of its time.
            pieces = [piece.id for piece in self._cutter.tokenize(_WORD_START + text)]
        else:
            pieces = tokenizer.encode(text, add_special_tokens=False).ids
        return np.asarray(np.add.reduce(self._pieces.take(pieces, axis=0), dtype=np.float32)) if pieces else _ZEROS


_ZEROS = np.zeros(SIZE, np.float32)


def _give_memory_back() -> None:
    """Return what reading the tokenizer's JSON left over to the system, where the C library can: 9 of 25 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def scale(vector: FloatArray) -> FloatArray:
    """Scale a vector to norm 1; zeros stay."""
    norm = float(vector @ vector) ** 0.5
    return vector / np.float32(norm) if norm else vector


@functools.cache
def load_vectors() -> WordVectors:
    """Open the installed vectors.

    Raises:
        ModelError: they are not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    folder = Path(found.origin).parent if found is not None and found.origin else None
    if folder is None or not (folder / _WEIGHTS).is_file() or not (folder / _TOKENIZER).is_file():
        raise ModelError(
            "vectors_missing",
            "The word vectors are not installed. `pip install --force-reinstall wordllama==0.2.2.post0` helps.",
        )
    return WordVectors(folder)


def check_vectors(vectors: WordVectors, sha256: str) -> None:
    """Make sure that a model runs with the vectors that it was trained with.

    Raises:
        ModelError: they are others.
    """
    if vectors.sha256 != sha256:
        raise ModelError(
            "vectors_changed",
            f"The model was trained with other word vectors ({sha256[:12]}…) than are installed "
            f"({vectors.sha256[:12]}…). Train again, or install the wordllama version that it was trained with.",
        )


def _map_matrix(path: Path) -> NDArray[np.float16]:
    """Map the one matrix of a safetensors file: 8 bytes of header length, the header as JSON, the data."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    entry = next(value for name, value in header.items() if name != "__metadata__")
    mapped = np.memmap(path, np.float16, "r", 8 + size + entry["data_offsets"][0], tuple(entry["shape"]))
    return mapped.view(np.ndarray)  # the same memory; indexing a memmap takes 5 µs more
