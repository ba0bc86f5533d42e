"""Serializes the state of components: JSON for words, safetensors for arrays."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from manent.core.errors import ModelError

Files = Mapping[str, bytes]
Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="deterministic")


def dump_json(value: object) -> bytes:
    """Return a value as JSON. The bytes are always the same for the same value."""
    return _encoder.encode(value)


def load_json(content: bytes, kind: type[T]) -> T:
    """Read JSON as the given type.

    Raises:
        ModelError: the JSON does not have the structure of the type.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(error) from error


def dump_arrays(arrays: Arrays) -> bytes:
    """Serialize arrays by name."""
    from safetensors.numpy import save

    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def load_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Read arrays by name.

    Raises:
        ModelError: the content is not valid.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(content))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> ModelError:
    return ModelError(
        "model_unusable", f"cannot read the NLU part of the model ({error}); train again with `manent train`"
    )
