"""Tests for channels/platform_tokens.py."""

import asyncio
import time
from typing import Any

import jwt
import msgspec
import pytest
from jwt.algorithms import RSAAlgorithm

from manent.channels import platform_tokens
from manent.channels.platform_api import Answer, PlatformApi
from manent.channels.platform_tokens import InvalidToken, IssuedToken, PlatformKeys
from manent.core.errors import RequestError
from manent.runtime.ports.channel import SendLater
from support.rsa_keys import rsa_key

KEYS = {"one": rsa_key("first"), "two": rsa_key("second")}


class Api(PlatformApi):
    """Serves a key set."""

    def __init__(self, *kids: str) -> None:
        super().__init__()
        self.kids = list(kids)
        self.fetches = 0

    async def call(self, method: str, url: str, **_: Any) -> Answer:
        """Return the key set, or an error if there are no keys."""
        assert (method, url) == ("GET", "https://keys")
        self.fetches += 1
        await asyncio.sleep(0)
        if not self.kids:
            return Answer(503, {}, b"")
        found = [{**RSAAlgorithm.to_jwk(KEYS[kid].public_key(), as_dict=True), "kid": kid} for kid in self.kids]
        return Answer(200, {}, msgspec.json.encode({"keys": [*found, {"kty": "oct", "kid": "one", "k": "AA"}, 7]}))


def keys_of(api: Api) -> PlatformKeys:
    """Return the keys that an API serves."""

    async def url() -> str:
        return "https://keys"

    return PlatformKeys(api, url)


def token(kid: str, **claims: Any) -> str:
    """Return a token that is right except for the given claims."""
    payload = {"iss": "them", "aud": "us", "exp": int(time.time()) + 60, **claims}
    made = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(made, KEYS.get(kid, KEYS["one"]), algorithm="RS256", headers={"kid": kid})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_tokens, "REFRESH_INTERVAL_S", 0.05)


async def test_keys_are_fetched_once() -> None:
    """The keys are fetched at the first token and kept."""
    api = Api("one")
    keys = keys_of(api)
    for _ in range(3):
        claims, key = await keys.claims_of(token("one", sub="ada"), issuer="them", audience="us")
        assert (claims["sub"], key.document["kid"]) == ("ada", "one")
    assert api.fetches == 1


async def test_a_new_key_is_fetched() -> None:
    """A token with an unknown key id makes the keys be fetched again."""
    api = Api("one")
    keys = keys_of(api)
    await keys.claims_of(token("one"), issuer="them", audience="us")
    api.kids.append("two")
    await keys.claims_of(token("two"), issuer="them", audience="us")
    assert api.fetches == 2


async def test_unknown_keys_cause_few_fetches() -> None:
    """Many tokens with unknown keys at once are refused after one fetch, at most one in each interval."""
    api = Api("one")
    keys = keys_of(api)
    await keys.claims_of(token("one"), issuer="them", audience="us")
    began = time.monotonic()
    found = await asyncio.gather(
        *(keys.claims_of(token(f"other{number}"), issuer="them", audience="us") for number in range(50)),
        return_exceptions=True,
    )
    assert all(isinstance(one, InvalidToken) for one in found)
    assert time.monotonic() - began > 0.04
    assert api.fetches == 2


async def test_known_keys_survive_a_failed_fetch() -> None:
    """Tokens with known keys stay valid while the keys cannot be fetched; without any key the answer is 503."""
    api = Api("one")
    keys = keys_of(api)
    await keys.claims_of(token("one"), issuer="them", audience="us")
    api.kids.clear()
    with pytest.raises(InvalidToken):
        await keys.claims_of(token("two"), issuer="them", audience="us")
    await keys.claims_of(token("one"), issuer="them", audience="us")
    with pytest.raises(RequestError) as caught:
        await keys_of(api).claims_of(token("one"), issuer="them", audience="us")
    assert caught.value.status == 503


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "others"},
        {"aud": "others"},
        {"aud": None},
        {"exp": None},
        {"iss": None},
        {"exp": int(time.time()) - 400},
        {"nbf": int(time.time()) + 86_400},  # the test can run long after its collection
    ],
)
async def test_claims_are_checked(claims: dict[str, Any]) -> None:
    """A token for others, without its end, or outside its time is refused."""
    with pytest.raises(InvalidToken):
        await keys_of(Api("one")).claims_of(token("one", **claims), issuer="them", audience="us")


@pytest.mark.parametrize("given", ["", "a.b.c", "x" * 20_000, "ü", token("one") + "x"])
async def test_other_texts_are_refused(given: str) -> None:
    """A text that is not a signed token is refused."""
    with pytest.raises(InvalidToken):
        await keys_of(Api("one")).claims_of(given, issuer="them", audience="us")


async def test_any_audience_can_be_allowed() -> None:
    """Without an audience, the rest is still checked."""
    keys = keys_of(Api("one"))
    await keys.claims_of(token("one", aud="others"), issuer="them", audience=None)
    with pytest.raises(InvalidToken):
        await keys.claims_of(token("one", iss="others"), issuer="them", audience=None)


async def test_issued_tokens_are_kept() -> None:
    """A token is issued once for several users, again when it has ended, and again when the platform refuses it."""
    lifetimes = iter([3600.0, 0.0, 3600.0])
    issued: list[str] = []

    async def issue() -> tuple[str, float]:
        await asyncio.sleep(0)
        issued.append(f"token {len(issued) + 1}")
        return issued[-1], next(lifetimes)

    one = IssuedToken(issue)
    assert set(await asyncio.gather(*(one.get() for _ in range(5)))) == {"token 1"}
    one.forget("another")
    assert await one.get() == "token 1"
    one.forget("token 1")
    assert [await one.get(), await one.get(), await one.get()] == ["token 2", "token 3", "token 3"]


async def test_no_token_is_issued() -> None:
    """An error of the platform reaches the caller, and the next use tries again."""

    async def refuse() -> tuple[str, float]:
        raise SendLater("no")

    one = IssuedToken(refuse)
    for _ in range(2):
        with pytest.raises(SendLater):
            await one.get()
