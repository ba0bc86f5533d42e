"""Keys that wait equally long, with one timer."""

import asyncio

from manent.channels.socketio.deadlines import Deadlines
from support.small_talk import until


async def test_keys_expire_in_order_and_stopped_ones_do_not() -> None:
    """Each key expires once, in the order of the starts; a key that is started again waits again."""
    expired: list[str] = []
    deadlines = Deadlines[str](0.05, expired.append)
    for key in ("a", "b", "c", "d"):
        deadlines.start(key)
    deadlines.stop("b")
    deadlines.stop("unknown")
    deadlines.start("a")
    assert len(deadlines) == 3
    await until(lambda: len(expired) == 3)
    await asyncio.sleep(0.1)

    assert expired == ["c", "d", "a"]


async def test_an_expired_key_may_wait_again() -> None:
    """The callback may start keys, the expired one too."""
    expired: list[int] = []

    def again(key: int) -> None:
        expired.append(key)
        if len(expired) < 4:
            deadlines.start(key)

    deadlines = Deadlines[int](0.01, again)
    deadlines.start(1)
    await until(lambda: len(expired) == 4)
    await asyncio.sleep(0.05)

    assert expired == [1, 1, 1, 1]
    assert not len(deadlines)
