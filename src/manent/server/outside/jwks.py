"""Fetches and caches public keys from a JWKS URL (RFC 7517), as the `KeySource` for `jwks_url`.

Only one fetch runs at a time. Tokens with unknown key ids start a fetch at most once every `RETRY_AFTER_S` seconds.
While the host is unreachable, cached keys stay valid for `STALE_AFTER_S` seconds. Shared keys (`oct`) in a key set are
ignored, because anyone who can read the URL could sign tokens with them.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import msgspec

from manent.core.errors import RequestError
from manent.runtime.identity.tokens import PUBLIC, fits

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("manent.jwks")

FRESH_FOR_S = 600.0
STALE_AFTER_S = 24 * 3600.0
RETRY_AFTER_S = 10.0
TIMEOUT_S = 5.0
MAX_BYTES = 262_144
MAX_KEYS = 100


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str | None
    method: str | None
    key: Any

    def serves(self, kid: str | None, method: str) -> bool:
        """Return whether the key can verify a token with this key id and method."""
        return (kid is None or self.kid in (None, kid)) and self.method in (None, method) and fits(self.key, method)


class JwksKeys:
    """The cached keys of a JWKS URL. Implements `KeySource`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys: list[_Key] = []
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def find(self, kid: str | None, method: str) -> Sequence[Any]:
        """Return the keys for a method and a key id, from the cache if possible.

        If the cache does not contain the key id, fetch the key set again.
        """
        age = time.monotonic() - self._fetched_at
        if age > STALE_AFTER_S:
            self._keys = []
        found = self._matching(kid, method)
        if found:
            if age > FRESH_FOR_S:
                self._fetch()  # a task fetches the keys in the background
            return found
        fetching = self._fetch()
        if fetching is not None:
            await asyncio.shield(fetching)
            found = self._matching(kid, method)
        if not found and self._fetched_at == float("-inf"):
            raise RequestError(
                "jwt_keys_unavailable",
                "the keys that verify tokens are not available; try again later",
                status=503,
                retry_after=RETRY_AFTER_S,
            )
        return found

    async def close(self) -> None:
        """Cancel the running fetch and close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _matching(self, kid: str | None, method: str) -> list[Any]:
        return [one.key for one in self._keys if one.serves(kid, method)]

    def _fetch(self) -> asyncio.Task[None] | None:
        """Return the running fetch or start one.

        Return None if the last fetch started less than `RETRY_AFTER_S` seconds ago.
        """
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = time.monotonic()
        if now - self._asked_at < RETRY_AFTER_S:
            return None
        self._asked_at = now
        self._fetching = asyncio.get_running_loop().create_task(self._fetch_now())
        return self._fetching

    async def _fetch_now(self) -> None:
        import aiohttp

        try:
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
                )
            async with self._session.get(self.url, allow_redirects=False) as answer:
                if answer.status != 200:  # noqa: PLR2004  # OK
                    raise ValueError(f"status {answer.status}")  # noqa: TRY301  # handled below
                body = await answer.content.read(MAX_BYTES + 1)
                while len(body) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES + 1)):
                    body += more
            self._keys = read_keys(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning(
                "could not fetch the keys of jwks_url",
                extra={"url": self.url, "error": str(error) or type(error).__name__},
            )
        else:
            self._fetched_at = time.monotonic()


def read_keys(body: bytes) -> list[_Key]:
    """Parse a key set. Ignore keys of unsupported types.

    Raises:
        ValueError: the data are not a key set or are too large.
    """
    if len(body) > MAX_BYTES:
        raise ValueError(f"key set too large (limit {MAX_BYTES:,} bytes)")
    try:
        wire = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(wire, dict) or not isinstance(wire.get("keys"), list):
        raise ValueError("not a key set: expected {keys: […]}")  # noqa: TRY004  # not the type of an argument
    found = []
    for one in wire["keys"][:MAX_KEYS]:
        if not isinstance(one, dict) or one.get("kty") == "oct" or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK.from_dict(one).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        key = key.public_key() if hasattr(key, "public_key") else key
        kid, method = one.get("kid"), one.get("alg")
        if any(fits(key, allowed) for allowed in PUBLIC):
            found.append(_Key(kid if isinstance(kid, str) else None, method if method in PUBLIC else None, key))
    return found
