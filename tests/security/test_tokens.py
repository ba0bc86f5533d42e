"""Which tokens are accepted, for every transport."""

import base64
import contextlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from manent.core.events import Json
from security.sites import JWT, KEY, Site, token
from support.ports import free_port

Serve = Callable[..., Site]


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token with the method `none`."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join((*encoded, ""))


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "none": (lambda: None, "not_authenticated"),
    "no text": (lambda: 5, "jwt_invalid"),
    "garbage": (lambda: "a.b.c", "jwt_invalid"),
    "expired": (lambda: token(lifetime_s=-2), "jwt_expired"),
    "not yet valid": (lambda: token(nbf=time.time() + 60), "jwt_not_yet_valid"),
    "alg none": (lambda: unsigned({"sub": "ada"}), "jwt_invalid"),
    "another key": (lambda: token(key="another key, as long as the right one"), "jwt_invalid"),
    "another method": (lambda: token(key="k" * 64, method="HS512"), "jwt_invalid"),
    "no subject": (lambda: token(None), "jwt_no_subject"),
    "empty subject": (lambda: token(""), "jwt_no_subject"),
    "long subject": (lambda: token("x" * 256), "jwt_no_subject"),
    "too long": (lambda: "eyJhbGciOiJIUzI1NiJ9." + "x" * 20_000, "jwt_invalid"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_tokens_are_refused_at_every_door(site: Site, name: str) -> None:
    """Socket.IO, the HTTP interface and REST reject an invalid token for the same reason."""
    make, code = BAD[name]
    given = make()

    assert await site.refused(given) == code
    if isinstance(given, str | None):
        over_http = await site.post("/sessions/session_request", {"protocol": 1}, given)
        rest = await site.post("/webhooks/rest/webhook", {"sender": "x", "message": "hello"}, given)

        assert (over_http.status_code, over_http.json()["error"]["code"]) == (401, code)
        assert (rest.status_code, rest.json()["details"]["error"]) == (401, code)
    if isinstance(given, str):
        assert given not in site.log


async def test_token_may_come_in_the_header_of_the_handshake(site: Site) -> None:
    """A client that cannot send an `auth` payload can send an `Authorization` header."""
    async with site.visitor(headers={"Authorization": f"Bearer {token('header')}"}) as visitor:
        assert (await visitor.join())["ok"]


def hs256(claims: dict[str, Any], key: bytes) -> str:
    """Return a token that is signed with any bytes, even if libraries reject them as a key."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)]
    signature = hmac.digest(key, b".".join(parts), "sha256")
    return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


async def test_public_key(serve: Serve) -> None:
    """With a public key, issuer and audience are checked, and the key cannot sign tokens (HS/RS confusion)."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    site = serve(
        credentials="socketio:\n  session_persistence: true\n  session_identity: jwt\n"
        f"  jwt_key: {json.dumps(public.decode())}\n  jwt_method: RS256\n  jwt_issuer: shop\n  jwt_audience: chat\n"
    )
    meant: dict[str, Any] = {"iss": "shop", "aud": ["chat", "mail"]}

    assert await site.refused(token(key=key, method="RS256", **{**meant, "aud": "mail"})) == "jwt_invalid"
    assert await site.refused(token(key=key, method="RS256", **{**meant, "iss": "shop2"})) == "jwt_invalid"
    assert await site.refused(token(key=key, method="RS256")) == "jwt_invalid"
    assert await site.refused(token(key=key, method="PS256", **meant)) == "jwt_invalid"
    for secret in (public, public.strip()):
        assert await site.refused(hs256({"sub": "ada", **meant}, secret)) == "jwt_invalid"
    async with site.visitor(token(key=key, method="RS256", **meant)) as visitor:
        assert (await visitor.join())["ok"]


@contextlib.contextmanager
def key_host(port: int, keys: list[Json]) -> Iterator[None]:
    """Serve an identity provider's public keys at an address."""

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Keys) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield
        host.shutdown()


async def test_keys_from_an_address(serve: Serve) -> None:
    """Without the provider, tokens are rejected with the reason. Unknown key ids and shared keys are never accepted."""
    port = free_port()
    key, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "known", "use": "sig"}
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 64).decode().rstrip("="), "kid": "shared"}
    address = f"http://127.0.0.1:{port}/keys"
    credentials = f"socketio:\n  session_persistence: true\n  session_identity: jwt\n  jwks_url: {address}\n"
    good = token(key=key, method="RS256", headers={"kid": "known"})

    site = serve(credentials=credentials, folder="before")
    assert await site.refused(good) == "jwt_keys_unavailable"
    assert (await site.post("/sessions/session_request", {"protocol": 1}, good)).status_code == 503
    with key_host(port, [public, shared]):
        site = serve(credentials=credentials, folder="after")
        assert await site.refused(good) == "connected"
        for forged in (
            token(key=other, method="RS256", headers={"kid": "unknown"}),
            token(key=other, method="RS256", headers={"kid": "known"}),
            token(key="k" * 64, method="HS256", headers={"kid": "shared"}),
            token(key=other, method="RS256"),
        ):
            assert await site.refused(forged) == "jwt_invalid"
    assert await site.refused(good) == "connected"  # the provider is down again; what was fetched goes on
    assert good not in site.log


async def test_rasas_mode_goes_on_as_before(serve: Serve) -> None:
    """With only `jwt_key`, any valid token can use any id, as in Rasa, until it expires. The start warns of this."""
    site = serve(credentials=f'socketio:\n  session_persistence: true\n  jwt_key: "{KEY}"\n')
    async with site.visitor(token(None)) as one, site.visitor(token("eve", lifetime_s=1.5)) as other:
        await one.join(session_id="shared")
        answer = await other.join(session_id="shared")
        ended = await other.wait("session_changed")

    assert answer["ok"]
    assert ended == [{"reason": "expired"}]
    assert "jwt_key is set without session_identity" in site.log


async def test_open_rest_beside_jwt_leaves_owned_conversations_alone(serve: Serve) -> None:
    """A REST channel without tokens cannot use the conversations of signed-in visitors."""
    site = serve(credentials=JWT.replace("rest:\n  session_identity: jwt", "rest:"))
    async with site.visitor(token("ada")) as visitor:
        session = await visitor.join()
        own = await site.post("/webhooks/rest/webhook", {"sender": "till", "message": "hello"})
        foreign = await site.post("/webhooks/rest/webhook", {"sender": session["session_id"], "message": "hello"})

    assert (own.status_code, foreign.status_code) == (200, 403)
    assert visitor.told("user_uttered") == []
