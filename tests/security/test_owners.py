"""A conversation is accessible only to its subject. Tokens expire, are refreshed and are revoked."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from security.sites import AUTH, JWT, KEY, Site, start, stop, token

Serve = Callable[..., Site]


def somebody() -> str:
    """Return a subject that no other test uses."""
    return f"subject-{uuid.uuid4().hex}"


async def test_foreign_conversation_is_shut(site: Site) -> None:
    """A valid token gives no access to the session of another subject in any request."""
    async with site.visitor(token(somebody())) as ada, site.visitor(token(somebody())) as eve:
        session = (await ada.join())["session_id"]
        await ada.ask("user_uttered", session_id=session, message="hello", message_id="m1")
        await eve.join()
        codes = [
            await eve.code("session_request", protocol=1, session_id=session),
            await eve.code("user_uttered", session_id=session, message="hello", message_id="m"),
            await eve.code("history_request", session_id=session, before=9),
            await eve.code("session_reset", session_id=session),
            await eve.code("session_erase", session_id=session),
        ]
        await eve.socket.emit("session_request", {"session_id": session})
        await eve.wait("error")
        mine = token(somebody())
        over_http = [
            (await site.post(f"/sessions/{name}", {"session_id": session, **more}, mine)).status_code
            for name, more in (
                ("session_request", {"protocol": 1}),
                ("user_uttered", {"message": "x", "message_id": "y"}),
                ("history_request", {"before": 9}),
                ("session_reset", {}),
                ("session_erase", {}),
                ("events", {"cursor": {"epoch": "e", "seq": 0}}),
            )
        ]
        rest = await site.post("/webhooks/rest/webhook", {"sender": session, "message": "hello"}, mine)
        history = await ada.ask("history_request", session_id=session, before=99)

    assert codes == ["forbidden"] * 5
    assert over_http == [403] * 6
    assert rest.status_code == 403
    assert [message["role"] for message in history["messages"]] == ["user", "bot"]
    assert eve.told("bot_uttered") == []
    assert eve.told("session_confirm") == []


async def test_same_person_goes_on_elsewhere(site: Site) -> None:
    """In another browser, a subject gets the newest conversation without its id, and the list of all."""
    subject = somebody()
    async with site.visitor(token(subject)) as first:
        session = (await first.join())["session_id"]
        await first.ask("user_uttered", session_id=session, message="hello", message_id="m1")
        await first.wait("bot_uttered")
    async with site.visitor(token(subject)) as second:
        found = await second.join()
        fresh = await second.ask("session_reset", session_id=session)
        listed = await second.ask("session_list")
        newest = await second.join()

    assert found["session_id"] == session
    assert [message.get("text") for message in found["messages"]] == [None, "Hello."]
    assert newest["session_id"] == fresh["session_id"] != session
    assert [one["session_id"] for one in listed["sessions"]] == [fresh["session_id"], session]
    assert [one["preview"] for one in listed["sessions"]] == ["", "Hello."]


async def test_two_tabs_at_once_share_the_first_conversation(site: Site) -> None:
    """Tabs that connect for the first time at the same moment get the same conversation."""
    given = token(somebody())
    async with site.visitor(given) as one, site.visitor(given) as other:
        answers = await asyncio.gather(one.join(), other.join())

    assert answers[0]["session_id"] == answers[1]["session_id"]


async def test_an_unknown_id_becomes_ones_own(site: Site) -> None:
    """A session id that a page chose belongs to the first subject that uses it (no session fixation)."""
    planted = f"planted-{uuid.uuid4().hex}"
    async with site.visitor(token(somebody())) as ada, site.visitor(token(somebody())) as eve:
        joined = await ada.join(session_id=planted)

        assert joined["session_id"] == planted
        assert await eve.code("session_request", protocol=1, session_id=planted) == "forbidden"


async def test_erased_id_that_somebody_else_names_is_theirs_alone(site: Site) -> None:
    """After an erasure, the old owner of a session id cannot receive, read or write the new owner's messages."""
    planted = f"planted-{uuid.uuid4().hex}"
    mallory, ada = token(somebody()), token(somebody())
    async with site.visitor(mallory) as stays, site.visitor(mallory) as plain, site.visitor(mallory) as erases:
        await stays.join(session_id=planted)
        await plain.socket.emit("session_request", {"session_id": planted})
        await plain.wait("session_confirm")
        await erases.join(session_id=planted)
        await erases.ask("session_erase", session_id=planted)
        await stays.wait("session_changed")
        async with site.visitor(ada) as visitor:
            joined = await visitor.join(session_id=planted)
            await visitor.ask("user_uttered", session_id=planted, message="hello", message_id="m1")
            await visitor.wait("bot_uttered")
            codes = [
                await stays.code("history_request", session_id=planted, before=99),
                await stays.code("user_uttered", session_id=planted, message="hello", message_id="m2"),
                await stays.code("session_request", protocol=1, session_id=planted),
                await stays.code("session_erase", session_id=planted),
            ]
            await plain.socket.emit("user_uttered", {"session_id": planted, "message": "hello"})
            (refused,) = await plain.wait("error")
            shown = await visitor.join(session_id=planted)

    assert joined["ok"]
    assert codes == ["forbidden"] * 4
    assert refused["code"] == "forbidden"
    assert stays.told("bot_uttered") == stays.told("user_uttered") == plain.told("bot_uttered") == []
    assert len(shown["messages"]) == 2


async def test_socket_id_is_no_session_id(site: Site) -> None:
    """A conversation whose id is another socket's id receives none of that socket's messages."""
    async with site.visitor(token(somebody())) as ada, site.visitor(token(somebody())) as eve:
        session = (await ada.join())["session_id"]
        await eve.join(session_id=ada.socket.get_sid())
        await ada.ask("user_uttered", session_id=session, message="hello", message_id="m1")
        await ada.wait("bot_uttered")

    assert eve.told("bot_uttered") == eve.told("user_uttered") == []


async def test_plain_page_holds_a_conversation(site: Site) -> None:
    """The tutorial's page with `io(url, {auth: {token}})` gets a session for a null session_id, and continues it."""
    given = token(somebody())
    async with site.visitor(given) as page:
        await page.socket.emit("session_request", {"session_id": None})
        (confirmed,) = await page.wait("session_confirm")
        await page.socket.emit("user_uttered", {"message": "hello", "session_id": confirmed})
        answers = await page.wait("bot_uttered")
    async with site.visitor(given) as elsewhere:
        found = await elsewhere.join()

    assert answers == [{"text": "Hello."}]
    assert found["session_id"] == confirmed
    assert len(found["messages"]) == 2


async def test_expiry_warns_ends_and_refresh_goes_on(site: Site) -> None:
    """A socket gets a warning and is closed when its token expires, unless the token is refreshed in time."""
    subject = somebody()
    async with (
        site.visitor(token(subject, lifetime_s=2)) as leaving,
        site.visitor(token(subject, lifetime_s=2)) as stays,
    ):
        session = (await leaving.join())["session_id"]
        await stays.join()
        warned = await stays.wait("token_expiring")
        foreign = await stays.code("token_refresh", token=token(somebody()))
        refreshed = await stays.ask("token_refresh", token=token(subject, lifetime_s=600))
        ended = await leaving.wait("session_changed")
        await leaving.ended()
        said = await stays.ask("user_uttered", session_id=session, message="hello", message_id="m1")
        await stays.wait("bot_uttered")

    assert 0 < warned[0]["expires_at"] - time.time() + 10 < 20
    assert foreign == "forbidden"
    assert 590 < refreshed["expires_at"] - time.time() < 610
    assert ended == [{"reason": "expired"}]
    assert said["ok"]
    assert stays.told("session_changed") == []


async def test_revoked_subject_is_out_at_once(site: Site) -> None:
    """The subject's sockets are closed with the reason, and its tokens are rejected. Other subjects stay connected."""
    subject = somebody()
    given = token(subject)
    async with site.visitor(given) as gone, site.visitor(token(somebody())) as other:
        await gone.join()
        await other.join()
        assert await site.revoke(subject=subject) == 200
        ended = await gone.wait("session_changed")
        again = await site.refused(given)
        fresh = await site.refused(token(subject))
        over_http = await site.post("/sessions/session_request", {"protocol": 1}, given)
        alive = await other.join()
    lifted = await site.revoke(subject=subject, lift=True)

    assert ended == [{"reason": "revoked"}]
    assert (again, fresh, over_http.status_code) == ("jwt_revoked", "jwt_revoked", 401)
    assert alive["ok"]
    assert (lifted, await site.refused(given)) == (200, "connected")


async def test_one_token_is_revoked_by_its_id(site: Site) -> None:
    """Other tokens of the subject stay valid, and so do tokens that are issued after a global sign-out."""
    subject = somebody()
    lost, kept = token(subject, jti=f"lost-{subject}"), token(subject, jti=f"kept-{subject}", iat=time.time() + 5)
    await site.revoke(token_id=f"lost-{subject}")

    assert (await site.refused(lost), await site.refused(kept)) == ("jwt_revoked", "connected")
    await site.revoke(subject=subject, issued_before="now")
    assert (await site.refused(token(subject)), await site.refused(kept)) == ("jwt_revoked", "connected")


async def test_revocation_needs_the_token_and_a_subject(site: Site) -> None:
    """A revocation requires the administrator's token and a subject."""
    asked = [
        (await site.post("/admin/revoke", body, by)).status_code
        for body, by in (
            ({"subject": "ada"}, None),
            ({"subject": "ada"}, token("ada")),
            ({}, AUTH),
            ({"subject": 5}, AUTH),
            ({"subject": "a", "issued_before": "never"}, AUTH),
        )
    ]

    assert asked == [401, 401, 400, 400, 400]


async def test_revocation_reaches_other_servers_and_survives_a_restart(serve: Serve) -> None:
    """A revocation is effective on another server with the same store within seconds, and after a restart."""
    first = serve("--enable-api", "--auth-token", AUTH, credentials=JWT)
    second = serve("--enable-api", "--auth-token", AUTH, credentials=JWT)
    given = token("ada")
    async with second.visitor(given) as visitor:
        await visitor.join()
        await first.revoke(subject="ada")
        told = await visitor.wait("session_changed", timeout_s=5)
    first.process.kill()
    third = serve("--enable-api", "--auth-token", AUTH, credentials=JWT)

    assert told == [{"reason": "revoked"}]
    assert await third.refused(given) == "jwt_revoked"


ANONYMOUS = f"""
socketio:
  session_persistence: true
  session_identity: jwt
  jwt_key: "{KEY}"
  jwt_anonymous: minted
"""


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server on which visitors can begin without a token and keep the conversation when they sign in."""
    site = start(tmp_path_factory.mktemp("keeping"), credentials=ANONYMOUS)
    yield site
    stop(site)


async def test_anonymous_conversation_is_claimed_at_login(keeping: Site) -> None:
    """The conversation keeps its id and belongs to the subject. The anonymous tab is notified and loses access."""
    subject = somebody()
    async with keeping.visitor() as before, keeping.visitor(token(subject)) as after:
        begun = await before.join()
        session = begun["session_id"]
        proof = {"session_id": session, "session_token": begun["session_token"]}
        await before.ask("user_uttered", **proof, message="hello", message_id="m1")
        await before.wait("bot_uttered")
        without = await after.code("session_request", protocol=1, session_id=session)
        claimed = await after.join(**proof)
        told = await before.wait("session_changed")
        shut = await before.code("user_uttered", session_id=session, message="hello", message_id="m2")
        back = await before.code("session_request", protocol=1, **proof)
    async with keeping.visitor(token(subject)) as elsewhere, keeping.visitor(token(somebody())) as eve:
        newest = await elsewhere.join()
        stolen = await eve.code("session_request", protocol=1, **proof)

    assert (without, claimed["session_id"], claimed["epoch"]) == ("forbidden", session, begun["epoch"])
    assert "session_token" not in claimed
    assert [message["role"] for message in claimed["messages"]] == ["user", "bot"]
    assert told == [{"reason": "claimed", "session_id": session, "epoch": begun["epoch"]}]
    assert (shut, back, stolen) == ("forbidden", "forbidden", "forbidden")
    assert newest["session_id"] == session


@pytest.mark.parametrize("greeted", [False, True])
async def test_a_page_that_was_only_opened_leads_to_what_was_said(keeping: Site, *, greeted: bool) -> None:
    """If the anonymous conversation is empty, signing in shows the subject's own conversation on all devices."""
    subject = somebody()
    async with keeping.visitor(token(subject)) as first:
        own = (await first.join())["session_id"]
        await first.ask("user_uttered", session_id=own, message="hello", message_id="m1")
        await first.wait("bot_uttered")
    async with keeping.visitor() as before, keeping.visitor(token(subject)) as after:
        begun = await before.join()
        proof = {"session_id": begun["session_id"], "session_token": begun["session_token"]}
        if greeted:
            await before.ask("user_uttered", **proof, message="/greet", message_id="m1")
            await before.wait("bot_uttered")
        claimed = await after.join(**proof)
        told = await before.wait("session_changed")
        again = await after.join(**proof)
    async with keeping.visitor(token(subject)) as elsewhere:
        newest = await elsewhere.join()
        listed = await elsewhere.ask("session_list")

    assert claimed["session_id"] == again["session_id"] == newest["session_id"] == own
    assert [message["role"] for message in claimed["messages"]] == ["user", "bot"]
    assert (told[0]["reason"], told[0]["session_id"]) == ("claimed", own)
    assert [one["session_id"] for one in listed["sessions"]] == [own]


async def test_requests_are_answered_before_any_session_is_joined(keeping: Site) -> None:
    """A request with a session id and its token needs no `session_request` before it."""
    async with keeping.visitor() as first, keeping.visitor() as second:
        begun = await first.join()
        session = begun["session_id"]
        proof = {"session_id": session, "session_token": begun["session_token"]}
        await first.ask("user_uttered", **proof, message="hello", message_id="m1")
        await first.wait("bot_uttered")

        page = await second.ask("history_request", **proof, before=1000)
        assert [message["role"] for message in page["messages"]] == ["user", "bot"]
        assert await second.code("history_request", session_id=session, before=1000) == "forbidden"
        assert await second.code("session_list") == "not_available"
        anew = await second.ask("session_reset", **proof)
        assert anew["ok"]
        assert anew["session_id"] != session
        assert (await first.wait("session_changed"))[0]["session_id"] == anew["session_id"]


async def test_anonymous_visitors_do_not_meet(keeping: Site) -> None:
    """An anonymous conversation can be opened only with its session token."""
    async with keeping.visitor() as ada, keeping.visitor() as eve:
        begun = await ada.join()

        assert await eve.code("session_request", protocol=1, session_id=begun["session_id"]) == "forbidden"
        assert (await ada.join(session_id=begun["session_id"], session_token=begun["session_token"]))["ok"]


async def test_anonymous_conversation_is_merged_at_login(serve: Serve) -> None:
    """Its messages are added once to the subject's conversation, below a divider. The subject's slots are kept."""
    site = serve(credentials=ANONYMOUS + "  claim: merge\n")
    async with site.visitor(token("ada")) as known:
        own = (await known.join())["session_id"]
        await known.ask("user_uttered", session_id=own, message="I am Ada", message_id="m1")
        await known.wait("bot_uttered")
    async with site.visitor() as before, site.visitor(token("ada")) as after:
        begun = await before.join()
        proof = {"session_id": begun["session_id"], "session_token": begun["session_token"]}
        await before.ask("user_uttered", **proof, message="count", message_id="m1")
        await before.wait("bot_uttered")
        await before.ask("user_uttered", **proof, message="/greet", message_id="m2", title="Stop")
        await before.wait("bot_uttered", 2)
        merged = await after.join(**proof)
        told = await before.wait("session_changed")
        again = await after.join(**proof)
        await after.ask("user_uttered", session_id=own, message="I am", message_id="m9")
    shown = [one.get("title") or one.get("message") or one["text"] for one in merged["messages"]]
    dividers = [one["divider"] for one in merged["messages"] if "divider" in one]

    assert merged["session_id"] == again["session_id"] == own
    assert told[0]["session_id"] == own
    assert shown == ["I am Ada", "Hello, Ada.", "count", "One.\n\nTwo.", "Stop", "Hello."]
    assert dividers == ["session"]
    assert len(again["messages"]) == len(merged["messages"])


async def test_statements_in_values_are_values(site: Site) -> None:
    """SQL in ids, texts and message ids is stored as text and is not executed."""
    attack = f"x'; DROP TABLE events; -- {uuid.uuid4().hex}"
    async with site.visitor(token(f"{attack} {somebody()}")) as visitor:
        session = (await visitor.join(session_id=attack))["session_id"]
        await visitor.ask("user_uttered", session_id=session, message=attack, message_id=attack, title=attack)
        await visitor.wait("bot_uttered")
        again = await visitor.join(session_id=attack)

    assert [message.get("message") for message in again["messages"]] == [attack, None]
    assert again["messages"][0]["title"] == attack
