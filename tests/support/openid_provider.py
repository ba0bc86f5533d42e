"""A small OpenID provider: the authorization code flow with PKCE, with real keys, over HTTP."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from support.listening import stop_accepting


@dataclass
class Provider:
    """The provider. Tests set who signs in and what is wrong with its answers.

    Attributes:
        claims: the claims about the person who signs in.
        wrong: claims that the ID token has instead of the right ones.
        client_secret: what the desk must send.
    """

    url: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "ada-1", "name": "Ada", "role": "operator"})
    wrong: dict[str, Any] = field(default_factory=dict)
    client_secret: str = "its secret"  # noqa: S105  # a made-up one
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def app(self) -> Starlette:
        """Return the provider's web application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def _authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        assert given["response_type"] == "code"
        assert given["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = given
        return RedirectResponse(f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        begun = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        fits = (
            begun is not None
            and begun["code_challenge"] == challenge
            and begun["redirect_uri"] == form["redirect_uri"]
            and form["client_secret"] == self.client_secret
        )
        if begun is None or not fits:
            return JSONResponse({"error": "invalid_grant"}, 400)
        about = {"iss": self.url, "aud": begun["client_id"], "nonce": begun["nonce"], "exp": time.time() + 60}
        token = jwt.encode({**about, **self.claims, **self.wrong}, self.key, "RS256", headers={"kid": "1"})
        return JSONResponse({"id_token": token, "access_token": "x", "token_type": "Bearer"})

    async def _keys(self, _: Request) -> Response:
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return JSONResponse({"keys": [{**public, "kid": "1", "alg": "RS256", "use": "sig"}]})


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not install signal handlers."""
        yield


@contextlib.asynccontextmanager
async def provided() -> AsyncIterator[Provider]:
    """Run a provider on a free port."""
    provider = Provider()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    provider.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = _Quiet(uvicorn.Config(provider.app(), log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield provider
    finally:
        await stop_accepting(listening)
        server.should_exit = True
        await task
        listening.close()
