"""Background loops continue after every error, and each failure is logged and counted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import pytest

from manent.core.errors import StoreError
from manent.runtime import loops
from manent.runtime.background.publishing import Publisher
from manent.runtime.background.rate_sharing import RateSharing
from manent.runtime.background.reminders import Reminders
from manent.runtime.background.retention import Retention
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.wakeups import Wakeups
from manent.runtime.identity.revocations import Revocations
from manent.runtime.leases import Leases
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.broker import Outgoing
from manent.runtime.rate_limits import Rates
from manent.stores.memory import MemoryStore
from manent.stores.rate_limits import open_rate_limits
from support.small_talk import home, until

ERRORS = [
    StoreError("store_unreachable", "the database cannot be reached"),
    asyncpg.InternalClientError("cannot switch to state 11"),
    OSError("broken pipe"),
    ValueError("anything"),
    asyncio.CancelledError(),
]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after milliseconds."""
    monkeypatch.setattr(loops, "FIRST_RETRY_S", 0.001)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_loop_survives_every_error(error: BaseException) -> None:
    """After any error of a round, even a cancelled future, the loop continues and counts the failure."""
    rounds = 0

    async def work() -> float:
        nonlocal rounds
        rounds += 1
        if rounds < 4:
            raise error
        return 60.0

    metrics = Metrics()
    loop = Loop("test", work, metrics=metrics)
    loop.open()
    await until(lambda: rounds == 4)
    await asyncio.sleep(0)
    assert metrics.background_failures == {"test": 3}
    assert metrics.background_failing == {}
    await loop.close()


async def test_failing_loop_is_logged_at_growing_intervals(caplog: pytest.LogCaptureFixture) -> None:
    """Of twenty failures in a row, the 1st, 2nd, 4th, 8th and 16th are logged, the first one with its traceback."""
    rounds = 0

    async def work() -> float:
        nonlocal rounds
        rounds += 1
        if rounds > 20:
            return 60.0
        raise ValueError("anything")

    loop = Loop("test", work, metrics=Metrics(), max_retry_s=0.001)
    with caplog.at_level(logging.INFO, "manent.background"):
        loop.open()
        await until(lambda: "works again" in caplog.text)
        await loop.close()

    failed = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [vars(record)["failures"] for record in failed] == [1, 2, 4, 8, 16]
    assert [record.exc_info is not None for record in failed] == [True, False, False, False, False]


async def test_pauses_grow_up_to_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause after a failure doubles with each failure in a row, up to a limit."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async def work() -> float:
        raise ValueError("anything")

    monkeypatch.setattr(asyncio, "sleep", noted)
    loop = Loop("test", work, metrics=Metrics(), max_retry_s=0.004)
    loop.open()
    while len(pauses) < 5:
        await sleep(0)
    await loop.close()

    assert pauses[:5] == [0.001, 0.002, 0.004, 0.004, 0.004]


async def test_close_just_after_a_wake_ends_the_loop() -> None:
    """A loop that is woken and closed at the same time ends."""

    async def round_() -> float:
        return 60.0

    loop = Loop("tested", round_, metrics=Metrics())
    loop.open()
    await asyncio.sleep(0.01)
    loop.wake()
    await asyncio.sleep(0)  # its wait for the wake ends
    async with asyncio.timeout(30):
        await loop.close()


async def test_wake_ends_a_pause() -> None:
    """`wake` ends a pause of one hour."""
    rounds = 0

    async def work() -> float:
        nonlocal rounds
        rounds += 1
        return 3600.0

    loop = Loop("test", work, metrics=Metrics())
    loop.open()
    await until(lambda: rounds == 1)
    loop.wake()
    await until(lambda: rounds == 2)
    await loop.close()


class Broker:
    """A broker that accepts everything."""

    async def connect(self) -> None:
        """Do nothing."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


Part = Conversations | Leases | RateSharing | Reminders | Retention | Revocations | Publisher | Wakeups


def _parts(conversations: Conversations, metrics: Metrics) -> dict[str, Callable[[], Part]]:
    store = conversations.engine.store
    table = open_rate_limits(store)
    assert table is not None
    return {
        "recovery": lambda: conversations,
        "leases": lambda: Leases(store, metrics=metrics, duration_s=0.1),
        "rate_limits": lambda: RateSharing(Rates(), store, table, metrics=metrics),
        "reminders": lambda: Reminders(conversations),
        "retention": lambda: Retention(store, 0.00001, metrics=metrics),
        "revocations": lambda: Revocations(store, metrics=metrics),
        "wakeups": lambda: Wakeups(conversations),
        "publishing_search": lambda: Publisher(
            store,
            Broker(),
            owner="host",
            metrics=metrics,
        ),
    }


@pytest.mark.parametrize(
    ("loop", "statement"),
    [
        ("recovery", "lease_owners"),
        ("leases", "renew_leases"),
        ("rate_limits", "run_operation"),
        ("reminders", "due_reminders"),
        ("retention", "purge"),
        ("revocations", "revocations"),
        ("wakeups", "news"),
        ("publishing_search", "behind"),
    ],
)
async def test_every_loop_survives_a_statement_that_raises(
    loop: str, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a statement of a loop raises any error, the loop continues, and the metrics show its failures."""
    store = MemoryStore()
    await store.open()
    conversations = home(store)
    metrics = conversations.engine.metrics
    works: Callable[..., Awaitable[object]] = getattr(store, statement)
    calls = 0
    fails = False

    async def fail_sometimes(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if fails:
            raise asyncpg.InternalClientError("cannot switch to state 11")
        return await works(*args, **kwargs)

    monkeypatch.setattr(store, statement, fail_sometimes)
    part = _parts(conversations, metrics)[loop]()
    fails = loop not in ("revocations", "leases")  # a server must not start without these
    await part.open()
    fails = True
    await until(lambda: metrics.background_failures[loop] >= 3)
    assert metrics.background_failing[loop] == "InternalClientError"
    failed, fails = calls, False
    await until(lambda: loop not in metrics.background_failing)
    assert calls > failed
    await part.close()
    await store.close()
