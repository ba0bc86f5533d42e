"""Rejected attacks are logged with a code and an address, and the tests in SECURITY.md exist."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from security.frames import raw
from security.sites import AUTH, JWT, Site, token
from security.test_tokens import unsigned

Serve = Callable[..., Site]

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "SECURITY.md"


async def test_refusals_are_logged_without_what_was_sent(serve: Serve) -> None:
    """Each type of attack is logged with its code, without tokens, ids and texts."""
    site = serve("--enable-api", "--auth-token", AUTH, credentials=JWT)
    bad = {
        "jwt_invalid": unsigned({"sub": "ada"}),
        "jwt_expired": token("ada", lifetime_s=-5),
        "jwt_not_yet_valid": token("ada", nbf=time.time() + 60),
        "jwt_no_subject": token(None),
    }
    revoked = token("revoked")
    for given in bad.values():
        await site.refused(given)
    async with site.visitor(token("ada")) as ada, site.visitor(token("eve")) as eve:
        await ada.join(session_id="id-of-ada")
        await eve.code("session_request", protocol=1, session_id="id-of-ada")
        await eve.code("user_uttered", session_id="id-of-ada", message="text-of-eve", message_id="m")
    await site.post("/sessions/session_erase", {"session_id": "id-of-ada"}, token("eve"))
    await site.post("/webhooks/rest/webhook", {"sender": "id-of-ada", "message": "text-of-eve"}, token("eve"))
    await site.revoke(subject="revoked")
    await site.refused(revoked)
    await site.post("/admin/revoke", {"subject": "ada"}, "a guess")
    await site.refused(headers={"Origin": "https://evil.example"})
    async with raw(site.url) as connection:
        await connection.send("4" + "x" * 2_500_000)
        await connection.send("4" + "x" * 10_000_000)
    async with httpx.AsyncClient(base_url=site.url, timeout=20) as http:
        await http.post("/webhooks/rest/webhook", content="x" * 3_000_000)
    site.process.terminate()
    site.process.wait(20)

    line = r"INFO +manent\.refusals refused code=(\w+) way=(.+?) address=127\.0\.0\.1$"
    told = re.findall(line, site.log, re.MULTILINE)
    assert {"jwt_revoked", "forbidden", "not_authenticated", "too_long", *bad} <= {code for code, _ in told}
    assert {"socketio", '"socketio connect"', "/sessions/session_erase", "POST", "websocket"} <= {
        way for _, way in told
    }
    assert "--cors https://evil.example" in site.log
    for secret in (*bad.values(), revoked, "id-of-ada", "text-of-eve", "a guess"):
        assert secret not in site.log


async def test_origins_that_are_none_are_refused(serve: Serve) -> None:
    """An origin that is not an address is rejected like others, without a traceback."""
    site = serve(credentials=JWT)
    async with httpx.AsyncClient(base_url=site.url) as http:
        for origin in ("http://[", "http://[evil", "x", "://", f"evil://x@127.0.0.1:{site.port}", "a" * 5_000):
            answer = await http.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": origin})
            assert answer.status_code == 400, origin

    assert "Traceback" not in site.log


MANAGEMENT = (
    ("GET", "/conversations/ada/tracker"),
    ("GET", "/conversations/ada/export"),
    ("POST", "/conversations/ada/tracker/events"),
    ("PUT", "/conversations/ada/tracker/events"),
    ("POST", "/conversations/ada/execute"),
    ("DELETE", "/conversations/ada"),
    ("GET", "/domain"),
    ("GET", "/status"),
    ("PUT", "/model"),
    ("DELETE", "/model"),
    ("POST", "/model/train"),
    ("POST", "/model/parse"),
)


async def test_the_management_api_is_shut_unless_opened(serve: Serve) -> None:
    """The API exists only with `--enable-api`. It requires the token, which can be in `?token=`, as in Rasa."""
    shut = serve("--auth-token", AUTH, credentials=JWT, folder="shut")
    guarded = serve("--enable-api", "--auth-token", AUTH, credentials=JWT, folder="guarded")
    async with httpx.AsyncClient() as http:

        async def answers(site: Site, **more: Any) -> set[int]:
            asked = [await http.request(method, f"{site.url}{path}", **more) for method, path in MANAGEMENT]
            return {answer.status_code for answer in asked}

        assert await answers(shut, headers={"Authorization": f"Bearer {AUTH}"}) <= {404, 405}
        assert await answers(guarded) == {401}
        assert await answers(guarded, headers={"Authorization": f"Bearer {token('ada')}"}) == {401}
        assert await answers(guarded, params={"token": AUTH[:-1]}) == {401}
        assert (await http.get(f"{guarded.url}/status", params={"token": AUTH})).status_code == 200


def test_there_is_one_place_that_decides() -> None:
    """One function compares secrets, in constant time."""
    source = HERE.parents[1] / "src/manent"
    comparing = {
        file.relative_to(source).as_posix() for file in source.rglob("*.py") if "compare_digest" in file.read_text()
    }

    assert comparing == {"core/secret_text.py"}


def test_every_test_of_the_threat_model_is_there() -> None:
    """Each row of the table in SECURITY.md names existing files and tests."""
    rows = [line.split("|")[4] for line in TABLE.read_text().splitlines() if line.startswith("|")][2:]
    assert len(rows) > 20
    for row in rows:
        names = re.findall(r"`([^`]+)`", row)
        assert names, row
        file = HERE / "nothing"
        for name in names:
            if name.endswith(".py"):
                file = HERE.parent / name if "/" in name else HERE / name
                assert file.exists(), name
            else:
                assert re.search(rf"def test_\w*{name}\w*\(", file.read_text()), f"{name} in {file}"
