"""Ctrl-C stays Ctrl-C."""

import contextlib
import importlib
import signal
import threading
from pathlib import Path

import pytest

from manent.cli.interrupts import interruptible
from manent.cli.main import INTERRUPTED, main
from manent.cli.progress import Steps


def library_that_is_interrupted() -> None:
    """Do as libraries in C do that are interrupted while they are imported."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("this is probably a bad installation") from None


def test_error_after_ctrl_c_is_ctrl_c() -> None:
    """What a library made of it is not shown to who pressed it; afterwards the handler is Python's again."""
    with pytest.raises(KeyboardInterrupt), interruptible():
        library_that_is_interrupted()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_swallowed_ctrl_c_is_found_at_the_next_check(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that never heard of it does not write its model."""

    def deaf(_: str) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Steps, "show", lambda _self, step: deaf(step))

    assert main(["train"]) == INTERRUPTED
    assert not (shop / "models").exists()


def test_other_errors_stay_what_they_are() -> None:
    """Without Ctrl-C an error is itself, in other threads, too."""
    raised: list[type[BaseException]] = []

    def work() -> None:
        try:
            with interruptible():
                importlib.import_module("manent.nothing_of_this_name")
        except BaseException as error:  # noqa: BLE001  # to be looked at
            raised.append(type(error))

    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert raised == [ModuleNotFoundError, ModuleNotFoundError]


def test_handler_of_somebody_else_stays() -> None:
    """Where Ctrl-C is already somebody's, it is left alone."""
    mine = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, mine)
