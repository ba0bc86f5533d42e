"""Two servers on one database: access rights and erasures are effective on both within seconds."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from security.sites import AUTH, JWT, Site, token
from support.postgres import Cluster, programs, running

Serve = Callable[..., Site]

SOON_S = 5.0
"""The poll that covers a lost wake-up comes every three seconds; usually it is a tenth of one."""


@dataclass
class Two:
    """Two servers on one database."""

    first: Site
    second: Site
    kind: str

    def took(self, what: str, began: float) -> float:
        """Print the time until the other server noticed a change."""
        seconds = time.monotonic() - began
        print(f"{self.kind}: {what} after {seconds:.2f} s")  # noqa: T201  # read with -rP
        return seconds


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL in which each test has a separate database."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(bin_folder) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def two(request: pytest.FixtureRequest, serve: Serve) -> Two:
    """Two servers in jwt mode with anonymous visitors, on each type of database."""
    credentials = JWT + "  jwt_anonymous: minted\n"
    options = ("--enable-api", "--auth-token", AUTH)
    if request.param == "sqlite":
        return Two(serve(*options, credentials=credentials), serve(*options, credentials=credentials), request.param)
    dsn = request.getfixturevalue("cluster").new_database()
    more = {"credentials": credentials, "endpoints": f"tracker_store:\n  type: SQL\n  url: {dsn}\n"}
    return Two(serve(*options, **more), serve(*options, **more), request.param)


async def test_a_revocation_ends_sockets_everywhere(two: Two) -> None:
    """A revocation on one server closes the subject's sockets on the other and rejects its tokens."""
    given = token("ada")
    async with two.second.visitor(given) as ada, two.second.visitor(token("bob")) as bob:
        await ada.join()
        await bob.join()
        began = time.monotonic()
        await two.first.revoke(subject="ada")
        told = await ada.wait("session_changed", timeout_s=SOON_S)
        took = two.took("revoked", began)
        refused = await two.second.refused(given)
        alive = await bob.join()

    assert told == [{"reason": "revoked"}]
    assert took < SOON_S
    assert refused == "jwt_revoked"
    assert alive["ok"]


async def test_an_erase_reaches_the_other_server(two: Two) -> None:
    """Tabs on the other server are notified, lose the session, and get no message of a new conversation with its id."""
    mallory, ada = token("mallory"), token("ada")
    async with two.first.visitor(mallory) as erases, two.second.visitor(mallory) as stays:
        await erases.join(session_id="planted")
        await stays.join(session_id="planted")
        await stays.ask("user_uttered", session_id="planted", message="I am Ada", message_id="m1")
        await stays.wait("bot_uttered")
        began = time.monotonic()
        await erases.ask("session_erase", session_id="planted")
        async with two.first.visitor(ada) as visitor:  # at once: the other server may not know yet
            joined = await visitor.join(session_id="planted")
            codes = [
                await stays.code("history_request", session_id="planted", before=99),
                await stays.code("user_uttered", session_id="planted", message="hello", message_id="m2"),
                await stays.code("session_erase", session_id="planted"),
            ]
            told = await stays.wait("session_changed", timeout_s=SOON_S)
            two.took("erased", began)
            await visitor.ask("user_uttered", session_id="planted", message="hello", message_id="m1")
            await visitor.wait("bot_uttered")
            codes.append(await stays.code("session_request", protocol=1, session_id="planted"))
        async with two.second.visitor(ada) as again:
            found = await again.join(session_id="planted")

    assert joined["messages"] == []
    assert codes == ["forbidden"] * 4
    assert told[0]["reason"] == "erased"
    assert len(stays.told("bot_uttered")) == 1
    assert [message.get("message") or message["text"] for message in found["messages"]] == ["hello", "Hello."]


async def test_a_conversation_that_vanished_is_told(two: Two) -> None:
    """If an operator deletes a conversation on one server, its tabs on the other are notified and start again."""
    given = token("ada")
    async with two.second.visitor(given) as ada, httpx.AsyncClient(base_url=two.first.url) as http:
        await ada.join(session_id="ada-1")
        await ada.ask("user_uttered", session_id="ada-1", message="I am Ada", message_id="m1")
        await ada.wait("bot_uttered")
        began = time.monotonic()
        done = await http.delete("/conversations/ada-1", headers={"Authorization": f"Bearer {AUTH}"})
        told = await ada.wait("session_changed", timeout_s=SOON_S)
        two.took("vanished", began)
        fresh = await ada.join(session_id="ada-1")
        said = await ada.ask("user_uttered", session_id="ada-1", message="hello", message_id="m1")

    assert done.status_code == 204
    assert told == [{"reason": "erased", "session_id": "ada-1", "epoch": ""}]
    assert (fresh["messages"], fresh["resumed"]) == ([], False)
    assert said["duplicate"] is False


async def test_what_nobody_follows_leaves_the_other_servers_memory(two: Two) -> None:
    """The other server drops the tracker of a deleted conversation."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {AUTH}"}) as http:

        async def loaded() -> int:
            metrics = (await http.get(f"{two.second.url}/metrics")).text
            found = re.search(r"^manent_conversations_loaded ([\d.]+)", metrics, re.MULTILINE)
            assert found is not None, metrics
            return int(float(found[1]))

        said = {"sender": "ada-1", "message": "I am Ada"}
        assert (await two.second.post("/webhooks/rest/webhook", said, token("ada"))).status_code == 200
        before = await loaded()
        began = time.monotonic()
        await http.delete(f"{two.first.url}/conversations/ada-1")
        async with asyncio.timeout(2 * SOON_S):
            while await loaded() == before:  # noqa: ASYNC110  # another process does it
                await asyncio.sleep(0.1)
        two.took("forgotten", began)


async def test_a_claim_reaches_the_other_server(two: Two) -> None:
    """The anonymous tab on the other server loses access, even before it is notified."""
    async with two.second.visitor() as before, two.first.visitor(token("ada")) as after:
        begun = await before.join()
        proof = {"session_id": begun["session_id"], "session_token": begun["session_token"]}
        await before.ask("user_uttered", **proof, message="hello", message_id="m1")
        await before.wait("bot_uttered")
        began = time.monotonic()
        claimed = await after.join(**proof)
        codes = [
            await before.code("user_uttered", **proof, message="hello", message_id="m2"),
            await before.code("history_request", **proof, before=99),
        ]
        told = await before.wait("session_changed", timeout_s=SOON_S)
        two.took("claimed", began)
    async with two.second.visitor(token("ada")) as elsewhere:
        found = await elsewhere.join()

    assert claimed["session_id"] == found["session_id"] == begun["session_id"]
    assert len(found["messages"]) == 2
    assert codes == ["forbidden"] * 2
    assert told == [{"reason": "claimed", "session_id": begun["session_id"], "epoch": begun["epoch"]}]
