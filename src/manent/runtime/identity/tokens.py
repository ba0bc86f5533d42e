"""Verifies JSON web tokens (RFC 7519).

It first checks the signature, accepting only the configured methods, and then the subject, audience and times.

A `KeySource` provides the keys, from the configuration or from a JWKS address (`server/outside/jwks.py`). `Identity`
calls the verifier. Errors and log records never contain any part of a token.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from manent.core.conversation_log import Revocation
from manent.core.errors import RequestError
from manent.runtime.identity.lasting_tokens import LastingTokens

SHARED = frozenset({"HS256", "HS384", "HS512"})
PUBLIC = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"})
METHODS = SHARED | PUBLIC
"""All signature methods that can be configured, without the method `none`."""

MAX_TOKEN = 16_384
"""Maximum number of characters of a token. HTTP headers have the same limit."""

MAX_SUBJECT = 255
"""Maximum number of characters of a subject. The database column has this width."""

SECURE_KEY = 32
"""Minimum length of a shared key in bytes (RFC 7518, section 3.2). Shorter keys can be guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """The claims of a verified token. Times are seconds since the epoch. `subject` is None only in Rasa's mode."""

    subject: str | None = None
    token_id: str | None = None
    issued_at: float | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """The requirements that tokens must meet.

    Attributes:
        methods: accepted signature methods.
        issuer: required value of `iss`. None if `iss` is not checked.
        audience: required value in `aud`. None if `aud` is not checked.
        subject_claim: name of the claim with the subject. None if no subject is required (Rasa's mode).
        require_exp: reject tokens without `exp`.
        leeway_s: tolerated difference between the clocks of the issuer and of this server.
    """

    methods: frozenset[str]
    issuer: str | None = None
    audience: str | None = None
    subject_claim: str | None = "sub"
    require_exp: bool = False
    leeway_s: float = 0.0


class KeySource(Protocol):
    """Provides the keys that verify signatures."""

    async def find(self, kid: str | None, method: str) -> Sequence[Any]:
        """Return the keys for this method and key id. `kid` is None if the token has no key id.

        Raises:
            RequestError: `jwt_keys_unavailable`.
        """

    async def close(self) -> None:
        """Close the connections to key servers."""


@dataclass(frozen=True, slots=True)
class ConstantKeys:
    """Configured keys by method."""

    by_method: Mapping[str, Any]

    async def find(self, kid: str | None, method: str) -> Sequence[Any]:
        """Return the method's key. The key id is ignored."""
        del kid
        key = self.by_method.get(method)
        return [] if key is None else [key]

    async def close(self) -> None:
        """Do nothing."""


def constant_keys(text: str, methods: frozenset[str]) -> ConstantKeys:
    """Return the configured key: a shared secret, or a public key in PEM format.

    Raises:
        ValueError: the key has the wrong type for a method. The message names the method.
    """
    if not methods:
        raise ValueError("no method is allowed")
    if methods & SHARED and methods & PUBLIC:
        raise ValueError("methods for shared keys (HS…) and for public keys cannot be combined; allow only one kind")
    found: dict[str, Any] = {}
    for method in sorted(methods):
        try:
            key: Any = get_default_algorithms()[method].prepare_key(text.replace("\\n", "\n"))
        except (jwt.InvalidKeyError, ValueError, TypeError) as error:
            raise ValueError(f"not a key for {method}: {error}") from error
        if method in PUBLIC:
            key = key.public_key() if hasattr(key, "public_key") else key
            if not fits(key, method):
                raise ValueError(f"not a key for {method}: the key is of another type")
        elif "BEGIN " in text:
            raise ValueError(f"not a key for {method}: this method needs a shared secret, not a PEM key")
        found[method] = key if method in PUBLIC else text
    return ConstantKeys(found)


_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}


def fits(key: Any, method: str) -> bool:
    """Return whether a public key has the type that the method needs.

    This check prevents the sender of a token from choosing how the key is used.
    """
    match key:
        case rsa.RSAPublicKey():
            return method.startswith(("RS", "PS"))
        case ec.EllipticCurvePublicKey():
            return _CURVES.get(method) == key.curve.name
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return method == "EdDSA"
        case _:
            return False


@dataclass(slots=True)
class Revoked:
    """The revocations that this process knows. `revocations.py` keeps them up to date."""

    subjects: dict[str, Revocation] = field(default_factory=dict)
    tokens: dict[str, Revocation] = field(default_factory=dict)

    def note(self, revocation: Revocation) -> None:
        """Add or lift a revocation."""
        of_kind = self.subjects if revocation.kind == "subject" else self.tokens
        if revocation.lifted:
            of_kind.pop(revocation.value, None)
        else:
            of_kind[revocation.value] = revocation

    def has(self, token: VerifiedToken) -> bool:
        """Return whether a token is revoked."""
        by_id = self.tokens.get(token.token_id) if token.token_id is not None else None
        by_subject = self.subjects.get(token.subject) if token.subject is not None else None
        return any(
            one.before is None or token.issued_at is None or token.issued_at < one.before
            for one in (by_id, by_subject)
            if one is not None
        )


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Verifies tokens against rules, keys and revocations."""

    rules: TokenRules
    keys: KeySource
    revoked: Revoked = field(default_factory=Revoked)
    now: Callable[[], float] = time.time
    lasting: LastingTokens = field(default_factory=lambda: LastingTokens("`jwt_require_exp: true` under socketio:"))

    async def verify(self, token: str) -> VerifiedToken:
        """Verify a token and return the claims that admission needs. Raises the errors of `verify_all`."""
        return (await self.verify_all(token))[0]

    async def verify_all(self, token: str) -> tuple[VerifiedToken, dict[str, Any]]:
        """Verify a token and return all its claims, too.

        Raises:
            RequestError: `jwt_invalid`, `jwt_expired`, `jwt_not_yet_valid`, `jwt_no_subject`, `jwt_no_expiry`,
                `jwt_revoked` (401), or `jwt_keys_unavailable` (503).
        """
        method, kid = self._header(token)
        failure: RequestError | None = None
        for key in await self.keys.find(kid, method):
            try:
                claims = self._decode(token, key, method)
            except jwt.ExpiredSignatureError:
                raise expired() from None
            except jwt.ImmatureSignatureError:
                raise _refused("jwt_not_yet_valid", "the token is not valid yet") from None
            except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
                raise _refused(
                    "jwt_invalid", "the token has another issuer or audience, or lacks a required claim"
                ) from None
            except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
                failure = _refused("jwt_invalid", "the token is not valid")
            else:
                verified = self._verified(claims)
                self.check(verified)
                if verified.expires_at is None:
                    self.lasting.note()
                return verified, claims
        raise failure or _refused("jwt_invalid", "the token is signed with an unknown key")

    def check(self, token: VerifiedToken) -> None:
        """Check expiry and revocation again after `verify`. The check is fast enough for every request.

        Raises:
            RequestError: `jwt_expired` or `jwt_revoked`.
        """
        if token.expires_at is not None and self.now() >= token.expires_at + self.rules.leeway_s:
            raise expired()
        if self.revoked.has(token):
            raise _refused("jwt_revoked", "the token was revoked; sign in again")

    def _header(self, token: str) -> tuple[str, str | None]:
        if len(token) > MAX_TOKEN:
            raise _refused("jwt_invalid", "the token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused("jwt_invalid", "the token is not a JSON web token") from None
        method, kid = header.get("alg"), header.get("kid")
        if not isinstance(method, str) or method not in self.rules.methods:
            raise _refused("jwt_invalid", "the signature method of the token is not allowed")
        return method, kid if isinstance(kid, str) else None

    def _decode(self, token: str, key: Any, method: str) -> dict[str, Any]:
        rules = self.rules
        with warnings.catch_warnings() if _is_short(key) else _NOTHING:
            if _is_short(key):  # the server logs a warning at startup
                warnings.simplefilter("ignore")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[method],
                issuer=rules.issuer,
                audience=rules.audience,
                leeway=rules.leeway_s,
                options={
                    "verify_aud": rules.audience is not None,
                    "verify_iss": rules.issuer is not None,
                    "verify_iat": False,  # the issuer's clock can be ahead
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        return claims

    def _verified(self, claims: dict[str, Any]) -> VerifiedToken:
        subject: Any = None
        if self.rules.subject_claim is not None:
            subject = claims.get(self.rules.subject_claim)
            if isinstance(subject, int) and not isinstance(subject, bool):
                subject = str(subject)
            if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= MAX_SUBJECT:
                raise _refused("jwt_no_subject", f"the token has no valid subject: claim {self.rules.subject_claim!r}")
        token_id, expires_at = claims.get("jti"), _time(claims.get("exp"))
        if expires_at is None and claims.get("exp") is not None:  # a token with a string as expiry would never expire
            raise _refused("jwt_invalid", "the token is not valid")
        if expires_at is None and self.rules.require_exp:
            raise _refused("jwt_no_expiry", "the token has no expiry (claim `exp`), which this server requires")
        return VerifiedToken(
            subject=subject,
            token_id=token_id if isinstance(token_id, str) else None,
            issued_at=_time(claims.get("iat")),
            expires_at=expires_at,
        )


class _Nothing:
    """Enter a context manager without effect."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


_NOTHING = _Nothing()


def _is_short(key: Any) -> bool:
    return isinstance(key, str) and len(key.encode()) < 2 * SECURE_KEY


def expired() -> RequestError:
    """Return the error for an expired token."""
    return _refused("jwt_expired", "the token has expired; request a new one")


def _refused(code: str, message: str) -> RequestError:
    return RequestError(code, message, status=401)


def _time(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
