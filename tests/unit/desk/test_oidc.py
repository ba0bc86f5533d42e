"""Sign-in at an OpenID provider, with a real provider on another port."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from manent.desk.members import remove
from manent.stores.desk.tables import open_desk_tables
from support.desks import API
from support.openid_provider import Provider, provided
from support.small_talk import Running, running


def options(provider: Provider) -> str:
    """Return `endpoints.yml` of a desk at a provider."""
    return (
        f"desk:\n  identity: oidc\n  public_url: http://desk.example\n  oidc_issuer: {provider.url}\n"
        "  oidc_client_id: desk\n  oidc_client_secret: its secret\n"
    )


async def sign_in(server: Running, http: httpx.AsyncClient, **changed: str) -> httpx.Response:
    """Follow the redirects of a sign-in by hand, because the desk's public name does not resolve."""
    begun = await http.get("/desk/sign-in")
    assert begun.status_code == 303, begun.text
    async with httpx.AsyncClient() as browser:
        authorized = await browser.get(begun.headers["location"])
    back = urlsplit(authorized.headers["location"])
    assert back.netloc == "desk.example"
    query = {name: values[0] for name, values in parse_qs(back.query).items()} | changed
    return await http.get(f"{server.url}{back.path}", params=query)


async def test_a_person_signs_in(tmp_path: Path) -> None:
    """The code flow begins a session with the name and the role of the ID token. A code works once."""
    async with (
        provided() as provider,
        running(tmp_path, endpoints=options(provider)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        done = await sign_in(server, http)
        assert (done.status_code, done.headers["location"]) == (303, "/desk")
        me = (await http.get(f"{API}/me")).json()
        assert (me["operator"], me["role"]) == ({"id": "ada-1", "name": "Ada"}, "operator")
        http.cookies.clear()
        again = await http.get(str(done.request.url))
        assert again.status_code == 403
        assert (await http.get(f"{API}/me")).status_code == 401


@pytest.mark.parametrize(
    ("wrong", "claims"),
    [
        ({"iss": "https://other.example"}, {}),
        ({"aud": "other"}, {}),
        ({"nonce": "other"}, {}),
        ({"exp": time.time() - 600}, {}),
        ({}, {"sub": "eve-1", "name": "Eve"}),
    ],
    ids=["issuer", "audience", "nonce", "expired", "no role"],
)
async def test_wrong_id_tokens_are_rejected(tmp_path: Path, wrong: dict[str, Any], claims: dict[str, Any]) -> None:
    """ID tokens of another issuer, client or sign-in, expired ones, and ones without a role are rejected."""
    async with (
        provided() as provider,
        running(tmp_path, endpoints=options(provider)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        provider.wrong, provider.claims = wrong, claims or provider.claims
        assert (await sign_in(server, http)).status_code == 403
        assert (await http.get(f"{API}/me")).status_code == 401


async def test_another_browser_cannot_finish_a_sign_in(tmp_path: Path) -> None:
    """A sign-in fails without the cookie of its beginning, or with another `state`."""
    async with (
        provided() as provider,
        running(tmp_path, endpoints=options(provider)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        assert (await sign_in(server, http, state="other")).status_code == 403
        begun = await http.get("/desk/sign-in")
        async with httpx.AsyncClient(base_url=server.url) as thief:
            state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
            answer = await thief.get("/desk/sign-in/callback", params={"code": "x", "state": state})
            assert answer.status_code == 403


async def test_a_sign_in_that_the_person_cancels_names_the_providers_error(tmp_path: Path) -> None:
    """The page shows why the provider has returned no code, instead of a wrong reason."""
    async with (
        provided() as provider,
        running(tmp_path, endpoints=options(provider)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        cancelled = await sign_in(server, http, code="", error="access_denied")
        other = await sign_in(server, http, code="", error="<b>")

    assert (cancelled.status_code, "(access_denied)" in cancelled.text) == (403, True)
    assert (other.status_code, "(no code)" in other.text) == (403, True)


async def test_a_removed_member_cannot_sign_in_again(tmp_path: Path) -> None:
    """A removed member is rejected although the provider confirms the identity."""
    async with (
        provided() as provider,
        running(tmp_path, endpoints=options(provider)) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        await sign_in(server, http)
        await remove(open_desk_tables(server.conversations.engine.store), "ada-1")
        assert (await http.get(f"{API}/me")).status_code == 401
        assert (await sign_in(server, http)).status_code == 403


async def test_a_provider_that_is_down_is_reported(tmp_path: Path) -> None:
    """If the provider does not answer, the page shows the reason, and the person can try again."""
    endpoints = options(Provider(url="http://127.0.0.1:9"))
    async with running(tmp_path, endpoints=endpoints) as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.get("/desk/sign-in")
        assert (answer.status_code, "not available" in answer.text) == (503, True)
