"""Opens the installed word vectors, which are two files of the package wordllama.

Manent never imports the package. Importing the package takes 105 MB and 0.6 s, while reading its files takes 48 MB and
0.1 s. The composition root, training and the command line pass `open_vectors` to the pipeline.
"""

import ctypes
import functools
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manent.core.errors import ModelError
from manent.nlu.vectors import WordVectors

_PACKAGE = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"

_SAMPLES = 64
_SAMPLE_SIZE = 4096
"""Size in bytes of each sample that is hashed."""


@functools.cache
def open_vectors() -> WordVectors:
    """Return the installed vectors. Every call returns the same object.

    Raises:
        ModelError: `vectors_missing`: the word vectors are not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    folder = Path(found.origin).parent if found is not None and found.origin else None
    if folder is None or not (folder / _WEIGHTS).is_file() or not (folder / _TOKENIZER).is_file():
        raise ModelError(
            "vectors_missing",
            "the word vectors are not installed; run `pip install --force-reinstall wordllama==0.2.2.post0`",
        )
    weights = folder / _WEIGHTS
    return WordVectors(_map_matrix(weights), functools.partial(_open_tokenizer, folder / _TOKENIZER), _hash(weights))


def _hash(path: Path) -> str:
    """Return a SHA-256 over the file's size and samples from the whole file.

    Any two sets of vectors differ everywhere, so samples are sufficient. Hashing all 16 MB would add 20 ms to every
    start.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(size.to_bytes(8, "little"))
        for place in range(0, size, max(1, size // _SAMPLES)):
            file.seek(place)
            digest.update(file.read(_SAMPLE_SIZE))
    return digest.hexdigest()


def _map_matrix(path: Path) -> NDArray[np.float16]:
    """Map the only matrix of a safetensors file into memory.

    The file contains the length of the header (8 bytes), the header as JSON, and the data.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    entry = next(value for name, value in header.items() if name != "__metadata__")
    mapped = np.memmap(path, np.float16, "r", 8 + size + entry["data_offsets"][0], tuple(entry["shape"]))
    return mapped.view(np.ndarray)  # use an ndarray on the same memory, because indexing a memmap takes 5 µs longer


def _open_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    _trim_memory()
    return tokenizer


def _trim_memory() -> None:
    """Return unused memory (9 of 25 MB) to the system after the tokenizer's JSON has been parsed.

    This has an effect only with glibc.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
