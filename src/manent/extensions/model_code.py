"""Keeps code out of models: refuses pickles that name functions or classes while a component loads its files.

A model contains data. A component of a project reads its own files as it likes, and many unpickle them: anyone who can
replace the model could then run code in the server. So a pickle may contain plain values and arrays. One that names
anything else is refused, unless the project trusts its models: `trust_model_code: true` in `endpoints.yml`. The model
itself cannot say so.

Python reports each name that a pickle asks for to audit hooks, whichever library reads it (pickle, joblib, dill,
NumPy). A hook cannot be removed, so it is added when the first component with files is loaded, and does nothing outside
of `guarded`.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

from manent.core.errors import ModelError

_HARMLESS = {
    "_codecs": {"encode"},
    "builtins": {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "range", "set"}
    | {"slice", "str", "tuple"},
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.numeric": {"_frombuffer"},
}
"""Module → names that a pickle may ask for. Calling them with any arguments runs no other code."""


class _Guard(threading.local):
    """What the current thread does. `refused`: the names that were refused since `guarded` was entered."""

    def __init__(self) -> None:
        self.is_on = False
        self.refused: list[str] = []


class _Refused(Exception):
    """Stops the reading of a pickle."""


_guard = _Guard()
_trust = {"is_trusted": False, "is_watching": False}


def trust_model_code(*, is_trusted: bool) -> None:
    """Set whether components may run code from the model, for this process. At first they may not."""
    _trust["is_trusted"] = is_trusted


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Refuse code from the model in this thread.

    Args:
        name: name of the component that is called, for the message.

    Raises:
        ModelError: `model_code`: a pickle named something else than plain values. This is raised even if the component
            caught the error: it would otherwise run without its files.
    """
    if _trust["is_trusted"] or _guard.is_on:
        yield
        return
    _watch()
    _guard.is_on, _guard.refused = True, []
    try:
        yield
    except Exception as error:
        if _guard.refused:
            raise _refusal(name) from error
        raise
    else:
        if _guard.refused:
            raise _refusal(name)
    finally:
        _guard.is_on = False


def _watch() -> None:
    if not _trust["is_watching"]:
        _trust["is_watching"] = True
        sys.addaudithook(_refuse_names)


def _refuse_names(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "pickle.find_class" or not _guard.is_on:
        return
    module, name = arguments
    if name not in _HARMLESS.get(module, ()):
        _guard.refused.append(f"{module}.{name}")
        raise _Refused(f"the model names {module}.{name}")


def _refusal(name: str) -> ModelError:
    return ModelError(
        "model_code",
        f"{name} unpickles {_guard.refused[0]} from the model, and a pickle can run any code. If only people you trust "
        "can write model files, add `trust_model_code: true` to endpoints.yml; otherwise store JSON or arrays",
    )
