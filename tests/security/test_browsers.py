"""Security headers, and the origins whose pages can connect."""

from collections.abc import Callable

import httpx
import pytest

from security.sites import Site

Serve = Callable[..., Site]

OPEN = "rest:\nsocketio:\n  session_persistence: true\n"


@pytest.fixture
def shop(serve: Serve) -> Site:
    """A server that allows one other origin."""
    return serve("--cors", "https://shop.example", credentials=OPEN)


async def test_pages_of_other_origins_do_not_connect(shop: Site) -> None:
    """Connections are accepted from the server's and the allowed origin. Others are rejected and logged."""
    own = f"http://127.0.0.1:{shop.port}"
    path = "/socket.io/?EIO=4&transport=polling"
    async with httpx.AsyncClient(base_url=shop.url) as http:
        found = {
            origin: (await http.get(path, headers={"Origin": origin})).status_code
            for origin in (own, "https://shop.example", "https://evil.example", "https://shop.example.evil", "null")
        }
        without = (await http.get(path)).status_code
        asked = {
            origin: (
                await http.options(
                    "/sessions/session_request",
                    headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
                )
            ).headers.get("access-control-allow-origin")
            for origin in ("https://shop.example", "https://evil.example")
        }

    assert found == {
        own: 200,
        "https://shop.example": 200,
        "https://evil.example": 400,
        "https://shop.example.evil": 400,
        "null": 400,
    }
    assert without == 200
    assert asked == {"https://shop.example": "https://shop.example", "https://evil.example": None}
    assert "--cors https://evil.example" in shop.log
    assert await shop.refused(headers={"Origin": "https://evil.example"}) == "refused"


async def test_every_answer_keeps_browsers_careful(shop: Site) -> None:
    """Every answer has the security headers and no cookie, and only pages run scripts, only their own."""
    async with httpx.AsyncClient(base_url=shop.url) as http:
        page = await http.get("/", headers={"Accept": "text/html"})
        data = [
            await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "hello"}),
            await http.post("/sessions/session_request", json={"protocol": 1, "session_id": "ada"}),
            await http.post("/webhooks/rest/webhook", content="{"),
        ]
        others = [
            await http.get("/nowhere"),
            await http.get("/"),
            await http.get("/socket.io/?EIO=4&transport=polling"),
        ]

    for answer in (page, *data, *others):
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        assert "set-cookie" not in answer.headers
    for answer in data:
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "object-src 'none'" in policy
    assert "script-src" not in policy  # so that scripts fall under default-src 'self'
