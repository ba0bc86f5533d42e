"""Errors of asyncpg and the network become errors of the store, whichever class they have."""

import asyncio

import asyncpg
import pytest

from manent.core.errors import StoreError
from manent.stores.postgresql.errors import translated

ERRORS = [
    (
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        "store_unreachable",
    ),
    (asyncpg.InterfaceError("connection is closed"), "store_unreachable"),
    (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), "store_unreachable"),
    (asyncpg.CannotConnectNowError("the database system is starting up"), "store_unreachable"),
    (asyncpg.DiskFullError("no space left on device"), "store_full"),
    (asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"), "store_readonly"),
    (asyncio.IncompleteReadError(b"", 5), "store_unreachable"),
    (ConnectionResetError(104, "Connection reset by peer"), "store_unreachable"),
    (TimeoutError(), "store_locked"),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS])
def test_error_has_a_code_of_the_store(error: Exception, code: str) -> None:
    """Each error is raised as a StoreError with a code, and keeps its cause."""
    with pytest.raises(StoreError) as raised, translated():
        raise error

    assert raised.value.code == code
    assert raised.value.__cause__ is error


def test_every_exception_of_asyncpg_is_translated() -> None:
    """No exception class that asyncpg exports for errors passes untranslated."""
    classes = [one for one in vars(asyncpg.exceptions).values() if isinstance(one, type) and issubclass(one, Exception)]
    for error_class in classes:
        if issubclass(error_class, Warning):
            continue
        with pytest.raises(StoreError), translated():
            raise error_class("anything")
