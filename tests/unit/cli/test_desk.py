"""`manent desk`: who may use the desk, and what they did; `manent data annotations`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import typer
import yaml

from manent.cli.run import _check_desk
from manent.desk.tokens import digest_of
from manent.runtime.ports.desk import Annotation, AuditRecord, DeskStore
from manent.stores.desk.tables import open_desk_tables
from manent.stores.sqlite.store import SqliteStore

Call = Callable[[str], tuple[int, str]]
T = TypeVar("T")


def with_tables(folder: Path, work: Callable[[DeskStore], Awaitable[T]]) -> T:
    """Work with the tables of the project's store."""

    async def run() -> T:
        store = SqliteStore(folder / "conversations.db")
        await store.open()
        try:
            desk = open_desk_tables(store)
            await desk.open()
            return await work(desk)
        finally:
            await store.close()

    return asyncio.run(run())


def test_a_member_from_invitation_to_removal(shop: Path, manent: Call) -> None:
    """The link is for the configured address and valid; the member is listed until the removal, which is recorded."""
    (shop / "endpoints.yml").write_text("desk: {public_url: 'https://chat.example/'}\n")
    status, shown = manent("desk invite Ada --role reviewer")
    link = shown.splitlines()[-1]
    assert (status, link.startswith("https://chat.example/desk/join?invitation=")) == (0, True)
    token = link.partition("=")[2]
    member = with_tables(shop, lambda desk: desk.invitation(digest_of(token), now=0.0))
    assert member is not None
    assert (member.id, member.role) == ("ada", "reviewer")

    assert "reviewer  ada  Ada" in manent("desk members")[1]
    assert manent("desk remove ada") == (0, "Removed ada.\n")
    assert with_tables(shop, lambda desk: desk.invitation(digest_of(token), now=0.0)) is None
    assert "has no members" in manent("desk members")[1]
    assert "(removed" in manent("desk members --removed")[1]
    assert manent("desk remove ada")[0] == 1

    audit = manent("desk audit")[1].splitlines()
    assert [line.split("  ")[2] for line in audit] == ["member.remove", "member.invite"]
    assert token not in "".join(audit)


def test_links_need_local_identity(shop: Path, manent: Call) -> None:
    """With another identity, a link could not be used, so none is made."""
    (shop / "endpoints.yml").write_text(f"desk: {{identity: jwt, jwt_key: {'k' * 32}}}\n")
    status, shown = manent("desk invite Ada")
    assert (status, "identity: jwt" in shown) == (2, True)


def test_the_audit_is_filtered(shop: Path, manent: Call) -> None:
    """Records are selected by conversation, member and number."""

    async def fill(desk: DeskStore) -> None:
        for number, (member, sender) in enumerate([("ada", "c1"), ("bob", "c1"), ("ada", "c2")]):
            await desk.audit(
                AuditRecord(time=number, member_id=member, name=member.title(), action="read", sender_id=sender)
            )

    with_tables(shop, fill)
    assert len(manent("desk audit --conversation c1")[1].splitlines()) == 2
    assert len(manent("desk audit --member ada --limit 1")[1].splitlines()) == 1
    assert '"sender_id":"c2"' in manent("desk audit --json")[1].splitlines()[0]


def test_annotations_are_training_data(shop: Path, manent: Call) -> None:
    """Confirmed messages are written to a new file; an existing file is kept."""
    assert "nothing was written" in manent("data annotations")[1]

    async def fill(desk: DeskStore) -> None:
        entity = {"start": 3, "end": 8, "entity": "fruit", "value": "apple"}
        await desk.annotate(Annotation(text="an Apple", intent="order", entities=(entity,), time=1.0))
        await desk.annotate(Annotation(text="rubbish", intent=None, time=2.0))

    with_tables(shop, fill)
    assert manent("data annotations -o data/reviewed.yml") == (0, "Wrote 1 messages to data/reviewed.yml.\n")
    [entry] = yaml.safe_load((shop / "data/reviewed.yml").read_text())["nlu"]
    assert entry["intent"] == "order"
    assert "rubbish" not in entry["examples"]
    assert manent("data validate")[0] == 0
    status, shown = manent("data annotations -o data/reviewed.yml")
    assert (status, "exists" in shown) == (1, True)


def test_the_desk_needs_encryption_beyond_this_machine() -> None:
    """Without TLS or a proxy, `--desk` serves only the loopback address."""
    for interface, tls, proxy in (("0.0.0.0", True, False), ("10.0.0.1", False, True), ("::1", False, False)):  # noqa: S104
        _check_desk(interface, has_tls=tls, has_proxy=proxy)
    _check_desk(None, has_tls=False, has_proxy=False)
    with pytest.raises(typer.BadParameter, match="TLS"):
        _check_desk("0.0.0.0", has_tls=False, has_proxy=False)  # noqa: S104
