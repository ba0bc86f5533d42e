"""A SQLite store with rows in every table."""

from pathlib import Path

from msgspec.structs import replace

from manent.core.conversation_log import Lease, Reminder, Revocation
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk, turn


async def fill(path: Path, conversations: int) -> None:
    """Create a store with conversations of five turns each and with rows in all other tables."""
    store = SqliteStore(path, durability="process")
    await store.open()
    await store.put_meta("session_secret", b"\x00secret\xff")
    await store.begin_publishing()
    for number in range(conversations):
        head = await talk(store, empty(f"visitor {number:05}", epoch=f"e{number}"), 3, snapshot_every=2)
        last = turn(head, "héllo \U0001f600 \x00 'quoted'", message_id=f"m{number}")
        reminder = Reminder(
            sender_id=head.sender_id, name="later", seq=head.version + 1, due=1e9 + number, intent="remind"
        )
        changed = replace(last.head, owner=f"owner {number % 7}", plain_seq=2, divider="session")
        await store.append(replace(last, head=changed, reminders=(reminder,)))
    running = turn(empty("Ünfinished"))
    lease = Lease(owner="host:1:2:3", until=1e10)
    await store.append(replace(running, head=replace(running.head, open_turn=True, lease=lease)))
    await store.append(turn(empty("erased")))
    await store.erase("erased", new_epoch="e2")
    await store.append(turn(empty("gone", epoch="e3")))
    await store.claim(["gone", "visitor 00001"], Lease(owner="host:1:2:3", until=1e10), now=1.0)
    await store.erase("gone", new_epoch=None)
    await store.revoke(Revocation(kind="subject", value="ada", before=5.5, made=6.0))
    await store.revoke(Revocation(kind="token", value="jti", lifted=True, made=7.0))
    await store.close()
