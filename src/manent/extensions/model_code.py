"""Prevents models from running code: rejects pickles that refer to functions or classes.

Custom components read their own files from the model, and many components unpickle these files. Without this check,
anyone who can replace the model could run code in the server. While a component loads its files, a pickle can therefore
contain only plain values and arrays. Any other pickle is rejected, unless the project trusts its models with
`trust_model_code: true` in `endpoints.yml`. A model cannot set this option.

Python calls audit hooks with each name that a pickle refers to, even if a library (joblib, dill, NumPy) reads the
pickle. A hook cannot be removed, so it is added when the first component with files is loaded, and it does nothing
outside of `guarded`.
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
"""Module → names that a pickle can refer to. Calling these names, with any arguments, does not run other code."""


class _Guard(threading.local):
    """The state of the check in the current thread.

    `refused`: names that have been rejected since `guarded` was entered.
    """

    def __init__(self) -> None:
        self.is_on = False
        self.refused: list[str] = []


class _Refused(Exception):
    """Stops reading a pickle."""


_guard = _Guard()
_trust = {"is_trusted": False, "is_watching": False}


def trust_model_code(*, is_trusted: bool) -> None:
    """Set whether components can run code from the model, for this process. By default, they cannot."""
    _trust["is_trusted"] = is_trusted


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Reject pickles with code in this thread.

    Args:
        name: name of the component that is called, for the message.

    Raises:
        ModelError: `model_code`: a pickle contains values that are not plain. The error is raised even if the component
            caught it, because the component would then run without its files.
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
