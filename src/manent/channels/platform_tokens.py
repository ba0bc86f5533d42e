"""Tokens between Manent and a platform: checks the ones that a platform signs, and caches the ones that it issues."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import jwt

from manent.channels.platform_api import PlatformApi
from manent.core.errors import RequestError
from manent.core.events import Json
from manent.runtime.ports.channel import SendLater

log = logging.getLogger("manent.channels")

T = TypeVar("T")

MAX_TOKEN: Final = 16_384
"""Characters of a token that is checked."""

MAX_KEYS: Final = 100
LEEWAY_S: Final = 300.0
"""How far the clocks of the platform and the server may differ."""

KEEP_KEYS_S: Final = 86_400.0
"""Age at which keys are fetched again, although the key of a token is known."""

REFRESH_INTERVAL_S: Final = 2.0
"""Shortest time between two fetches of keys. Anyone can send tokens with unknown keys, and each would cause a fetch."""

RENEW_S: Final = 300.0
"""How long before its end an issued token is replaced."""


class InvalidToken(Exception):
    """A token was not signed by the platform for this channel. Its text is the reason."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of a platform.

    Attributes:
        key: the key for PyJWT.
        document: the key as the platform publishes it (RFC 7517), with further fields.
    """

    key: Any
    document: Mapping[str, Any]


class PlatformKeys:
    """The public keys with which a platform signs its tokens: a key set (RFC 7517), which is fetched when it is needed.

    Args:
        api: the connections that fetch the keys.
        find_url: returns the URL of the key set; it may call the platform.
    """

    def __init__(self, api: PlatformApi, find_url: Callable[[], Awaitable[str]]) -> None:
        self._api = api
        self._find_url = find_url
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._attempts = 0
        self._fetching = asyncio.Lock()

    async def claims_of(self, token: str, *, issuer: str, audience: str | None) -> tuple[Json, SigningKey]:
        """Return the claims of a token, and the key that signed it.

        Args:
            token: a JWT that is signed with RS256.
            issuer: the required `iss`.
            audience: the required `aud`. None: any.

        Raises:
            InvalidToken: the platform has not signed this token for this audience, or it is not valid now.
            RequestError: 503: the keys could not be fetched; the platform must deliver the request again.
        """
        if len(token) > MAX_TOKEN:
            raise InvalidToken("the token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise InvalidToken("the token is not a JWT") from error
        key = await self._find(str(header.get("kid", "")))
        if key is None:
            raise InvalidToken("the token is signed with an unknown key")
        required = ["exp", "iss"] if audience is None else ["exp", "iss", "aud"]
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=audience,
                issuer=issuer,
                leeway=LEEWAY_S,
                options={"require": required, "verify_aud": audience is not None},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(f"the token is not valid: {error}") from error
        return claims, key

    async def _find(self, kid: str) -> SigningKey | None:
        if time.monotonic() - self._fetched_at > KEEP_KEYS_S:
            await self._fetch()
        if kid not in self._keys:
            await self._fetch()
        return self._keys.get(kid)

    async def _fetch(self) -> None:
        """Fetch the keys, or wait until another request has fetched them. Known keys stay if it fails.

        Raises:
            RequestError: there are no keys.
        """
        attempts = self._attempts
        async with self._fetching:
            if self._attempts == attempts:
                await asyncio.sleep(self._tried_at + REFRESH_INTERVAL_S - time.monotonic())
                self._tried_at = time.monotonic()
                try:
                    self._keys = await self._fetch_now()
                    self._fetched_at = time.monotonic()
                except SendLater as error:
                    log.warning("could not fetch the keys of a platform", extra={"error": error.message})
                finally:
                    self._attempts += 1
        if not self._keys:
            message = "the keys that verify this request are not available; send it again later"
            raise RequestError("keys_unavailable", message, status=503, retry_after=REFRESH_INTERVAL_S)

    async def _fetch_now(self) -> dict[str, SigningKey]:
        url = await self._find_url()
        answer = await self._api.call("GET", url)
        if answer.status != 200:  # noqa: PLR2004  # OK
            raise SendLater(f"{url} answered with the status {answer.status}")
        found = _read_keys(answer.json.get("keys"))
        if not found:
            raise SendLater(f"{url} contains no keys of RFC 7517 that verify RS256")
        return found


def _read_keys(documents: Any) -> dict[str, SigningKey]:
    found: dict[str, SigningKey] = {}
    listed: Sequence[Any] = documents if isinstance(documents, list) else ()
    for document in listed[:MAX_KEYS]:
        if not isinstance(document, dict) or document.get("kty") != "RSA" or not isinstance(document.get("kid"), str):
            continue
        try:
            found[document["kid"]] = SigningKey(jwt.PyJWK.from_dict(document, algorithm="RS256").key, document)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            log.warning("ignored an invalid key of a platform", extra={"kid": document["kid"][:100]})
    return found


class IssuedToken(Generic[T]):
    """A token that a platform issues for some time. It is fetched at the first use, and again before it ends.

    Args:
        fetch: returns a new token and the seconds for which it is valid. It raises `SendLater` or `Undeliverable`.
    """

    def __init__(self, fetch: Callable[[], Awaitable[tuple[T, float]]]) -> None:
        self._fetch = fetch
        self._token: T | None = None
        self._until = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self) -> T:
        """Return the token.

        Raises:
            SendLater, Undeliverable: the platform issued none.
        """
        async with self._fetching:
            if self._token is None or time.monotonic() >= self._until:
                self._token, lifetime_s = await self._fetch()
                self._until = time.monotonic() + max(lifetime_s - RENEW_S, lifetime_s / 2)
            return self._token

    def forget(self, token: T) -> None:
        """Fetch a new token for the next use, because the platform has refused this one."""
        if self._token == token:
            self._token = None
