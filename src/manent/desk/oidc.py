"""Signs operators in at an OpenID provider: the authorization code flow with PKCE (RFC 7636, OpenID Connect Core 3.1).

The state of a sign-in is in a cookie of the browser that began it, so that another browser cannot finish it, on any
server. The provider's ID token is verified like every JSON web token, with the provider's keys.
"""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from manent.channels.platform_api import PlatformApi
from manent.core.errors import RequestError
from manent.core.secret_text import is_same
from manent.project.settings.desk import DeskOptions
from manent.runtime.identity.tokens import PUBLIC, KeySource, TokenRules, TokenVerifier
from manent.runtime.ports.channel import SendLater

COOKIE: Final = "manent_desk_sign_in"
COOKIE_S: Final = 600
KNOWN_S: Final = 3600.0
"""Time for which the description of the provider is kept."""

CALLBACK: Final = "/desk/sign-in/callback"

_REFUSAL: Final = re.compile(r"[a-z_]{1,60}")


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a provider, from `/.well-known/openid-configuration`."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser keeps between the beginning and the end of a sign-in."""

    state: str
    nonce: str
    verifier: str


class Oidc:
    """Signs operators in at one provider.

    Args:
        options: the options of the desk.
        make_keys: returns the keys at an address.
        now: returns the time in seconds since the epoch.
    """

    def __init__(
        self, options: DeskOptions, make_keys: Callable[[str], KeySource], *, now: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._make_keys = make_keys
        self._now = now
        self._api = PlatformApi()
        self._known: tuple[Provider, TokenVerifier, float] | None = None

    async def close(self) -> None:
        """Close the connections to the provider."""
        if self._known is not None:
            await self._known[1].keys.close()
        await self._api.close()

    async def begin(self) -> tuple[str, str]:
        """Return the address of the provider to which the browser must go, and the value of the cookie.

        Raises:
            RequestError: `provider_unavailable`.
        """
        provider, _ = await self._provider()
        sign_in = SignIn(
            state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48)
        )
        query = {
            "response_type": "code",
            "client_id": self._options.oidc_client_id,
            "redirect_uri": self._redirect,
            "scope": self._options.oidc_scope,
            "state": sign_in.state,
            "nonce": sign_in.nonce,
            "code_challenge": _base64(hashlib.sha256(sign_in.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        separator = "&" if urlsplit(provider.authorization_endpoint).query else "?"
        address = f"{provider.authorization_endpoint}{separator}{urlencode(query)}"
        return address, _base64(msgspec.json.encode(sign_in))

    async def finish(self, cookie: str, *, code: str, state: str, refusal: str) -> tuple[str, dict[str, Any]]:
        """Exchange the code for the claims about the person. Return the subject and the claims.

        Args:
            cookie: value of the cookie from `begin`.
            code: the provider's code. "": the provider has returned an error, for example because the person cancelled.
            state: the value that the provider has returned.
            refusal: code of the provider's error.

        Raises:
            RequestError: `sign_in_failed` (403) or `provider_unavailable` (503).
        """
        sign_in = _read_cookie(cookie)
        if sign_in is None or not is_same(state, sign_in.state):
            raise _failed("this sign-in was not begun in this browser, or has expired; sign in again")
        if not code:
            reason = refusal if _REFUSAL.fullmatch(refusal) else "no code"
            raise _failed(f"the provider did not confirm the sign-in ({reason}); sign in again")
        provider, verifier = await self._provider()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": self._options.oidc_client_id or "",
            "code_verifier": sign_in.verifier,
        }
        if self._options.oidc_client_secret:
            form["client_secret"] = self._options.oidc_client_secret
        try:
            answer = await self._api.call("POST", provider.token_endpoint, form=form)
        except SendLater as error:
            raise _unavailable(str(error)) from error
        token = answer.json.get("id_token")
        if answer.status != 200 or not isinstance(token, str):  # noqa: PLR2004  # OK
            raise _failed("the provider did not confirm the sign-in; sign in again")
        try:
            verified, claims = await verifier.verify_all(token)
        except RequestError as error:
            if error.status == 503:  # noqa: PLR2004  # the provider's keys are not available
                raise
            raise _failed(f"the provider's ID token is not valid ({error.code})") from error
        if not is_same(str(claims.get("nonce")), sign_in.nonce):
            raise _failed("the provider's ID token belongs to another sign-in; sign in again")
        assert verified.subject is not None  # noqa: S101  # the rules require it
        return verified.subject, claims

    @property
    def _redirect(self) -> str:
        return (self._options.public_url or "").rstrip("/") + CALLBACK

    async def _provider(self) -> tuple[Provider, TokenVerifier]:
        known = self._known
        if known is not None and self._now() - known[2] < KNOWN_S:
            return known[0], known[1]
        issuer = (self._options.oidc_issuer or "").rstrip("/")
        try:
            answer = await self._api.call("GET", f"{issuer}/.well-known/openid-configuration")
            provider = msgspec.json.decode(answer.body, type=Provider)
        except (SendLater, msgspec.MsgspecError) as error:
            if known is not None:
                return known[0], known[1]
            raise _unavailable(str(error)) from error
        if provider.issuer.rstrip("/") != issuer:
            raise _unavailable(f"it names another issuer: {provider.issuer}")
        if known is not None and known[0] == provider:
            verifier = known[1]
        else:
            rules = TokenRules(
                methods=PUBLIC,
                issuer=provider.issuer,
                audience=self._options.oidc_client_id,
                require_exp=True,
                leeway_s=self._options.jwt_leeway,
            )
            verifier = TokenVerifier(rules, self._make_keys(provider.jwks_uri), now=self._now)
        self._known = (provider, verifier, self._now())
        return provider, verifier


def _read_cookie(cookie: str) -> SignIn | None:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)), type=SignIn)
    except (ValueError, msgspec.MsgspecError):
        return None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _failed(message: str) -> RequestError:
    return RequestError("sign_in_failed", message, status=403)


def _unavailable(reason: str) -> RequestError:
    return RequestError(
        "provider_unavailable", f"the OpenID provider of the desk is not available ({reason}); try again later",
        status=503, retry_after=10.0,
    )  # fmt: skip
