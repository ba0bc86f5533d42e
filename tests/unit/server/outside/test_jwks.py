"""Keys from a JWKS address: cached, rotated, bounded."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from aiohttp import web

from manent.core.errors import RequestError
from manent.runtime.identity.tokens import PUBLIC, TokenRules, TokenVerifier
from manent.server.outside import jwks
from manent.server.outside.jwks import JwksKeys, read_keys
from support.rsa_keys import rsa_key

FIRST, SECOND = rsa_key("first"), rsa_key("second")


def entry(key: Any, kid: str) -> dict[str, Any]:
    """A public key as a key set has it."""
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


class Provider:
    """An identity provider: its keys, and how often it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[], web.Response] = lambda: web.json_response({"keys": [entry(FIRST, "one")]})
        self.asked = 0

    async def serve(self, _: web.Request) -> web.Response:
        """Answer with the keys."""
        self.asked += 1
        return self.answer()


@contextlib.asynccontextmanager
async def provided(provider: Provider) -> AsyncIterator[TokenVerifier]:
    """A verifier that takes its keys from the provider."""
    application = web.Application()
    application.router.add_get("/keys", provider.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    assert listening._server is not None
    port = listening._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    keys = JwksKeys(f"http://127.0.0.1:{port}/keys")
    try:
        yield TokenVerifier(TokenRules(methods=PUBLIC), keys)
    finally:
        await keys.close()
        await runner.cleanup()


def signed(key: Any, kid: str | None) -> str:
    """A token of that key."""
    return jwt.encode({"sub": "ada"}, key, "RS256", headers={"kid": kid} if kid else None)


async def test_keys_are_fetched_once_and_again_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known keys cost no request; an unknown key id asks once, and is found when the provider has changed keys."""
    provider = Provider()
    async with provided(provider) as verifier:
        await asyncio.gather(*(verifier.verify(signed(FIRST, "one")) for _ in range(20)))
        await verifier.verify(signed(FIRST, None))
        assert provider.asked == 1
        provider.answer = lambda: web.json_response({"keys": [entry(FIRST, "one"), entry(SECOND, "two")]})
        for _ in range(20):  # many unknown ids at once must not become many requests
            with pytest.raises(RequestError, match="unknown key"):
                await verifier.verify(signed(SECOND, "two"))
        assert provider.asked == 1
        monkeypatch.setattr(jwks, "RETRY_AFTER_S", 0.0)

        assert (await verifier.verify(signed(SECOND, "two"))).subject == "ada"
        assert provider.asked == 2
        with pytest.raises(RequestError, match="not valid"):
            await verifier.verify(signed(SECOND, "one"))


async def test_provider_that_is_down_is_said_and_known_keys_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys the answer is 503 with a time to come back; with keys of before, tokens are still checked."""
    monkeypatch.setattr(jwks, "RETRY_AFTER_S", 0.0)
    monkeypatch.setattr(jwks, "FRESH_FOR_S", -1.0)
    provider = Provider()
    good, provider.answer = provider.answer, lambda: web.Response(status=500)
    async with provided(provider) as verifier:
        with pytest.raises(RequestError) as down:
            await verifier.verify(signed(FIRST, "one"))
        provider.answer = good
        await verifier.verify(signed(FIRST, "one"))
        provider.answer = lambda: web.Response(status=500)
        await asyncio.gather(*(verifier.verify(signed(FIRST, "one")) for _ in range(5)))

    assert (down.value.code, down.value.status) == ("jwt_keys_unavailable", 503)


async def test_slow_provider_does_not_hold_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """While keys are waited for, the loop goes on, and the wait is bounded."""
    monkeypatch.setattr(jwks, "TIMEOUT_S", 0.5)
    provider = Provider()

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    monkeypatch.setattr(provider, "serve", silent)
    async with provided(provider) as verifier:
        waiting = asyncio.create_task(verifier.verify(signed(FIRST, "one")))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        with pytest.raises(RequestError, match="keys that verify tokens are not available"):
            await waiting


def test_key_sets_are_read_with_suspicion() -> None:
    """Shared keys, keys for encryption and unreadable ones are left out; what is no key set is refused."""
    wires = [
        entry(FIRST, "one"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {**entry(SECOND, "mail"), "use": "enc"},
        {"kty": "RSA", "n": "?"},
        "x",
    ]
    found = read_keys(json.dumps({"keys": wires}).encode())

    assert [key.kid for key in found] == ["one"]
    for wrong in (b"", b"[]", b'{"keys": 1}', b"[" * 100_000, b" " * 300_000):
        with pytest.raises(ValueError, match=r"^not |too large"):
            read_keys(wrong)
