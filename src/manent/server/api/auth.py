"""Checks access to the management API: `--auth-token` in the query, or a JWT signed with `--jwt-secret` (contract §8).

A JWT contains `user: {username, role}`: an `admin` may use the whole API, a `user` only the conversation whose id is
their name. If both options are configured, a request needs only one of the two. If neither is configured, the API
requires no credentials, and the server logs a warning when it starts. The token is never logged (`logs.py` redacts it).
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

import jwt
from starlette.requests import Request

from manent.core.errors import RequestError
from manent.core.secret_text import is_same
from manent.runtime.identity.lasting_tokens import LastingTokens
from manent.runtime.identity.tokens import SECURE_KEY

JWT_METHODS = frozenset(
    {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}
    | {"EdDSA"}
)
"""The accepted signature algorithms; `none` is not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The configured credentials.

    Attributes:
        token: value of `--auth-token`.
        jwt_secret: key with which JWTs are verified (a public key for asymmetric methods).
        jwt_require_exp: whether to reject JWTs without `exp`.
    """

    token: str | None = None
    jwt_secret: str | None = None
    jwt_method: str = "HS256"
    jwt_require_exp: bool = False
    _lasting: LastingTokens = field(default_factory=lambda: LastingTokens("--jwt-require-exp"), repr=False)

    def __post_init__(self) -> None:
        if self.jwt_method not in JWT_METHODS:
            raise RequestError(
                "jwt_method", f"unknown --jwt-method {self.jwt_method!r}; use one of {', '.join(sorted(JWT_METHODS))}"
            )
        if self.jwt_secret:
            _check_key(self.jwt_secret, self.jwt_method)

    @property
    def has_short_secret(self) -> bool:
        """Whether the JWT key is so short that an attacker can guess it."""
        is_shared = self.jwt_method.startswith("HS")
        return bool(self.jwt_secret) and is_shared and len((self.jwt_secret or "").encode()) < SECURE_KEY

    @property
    def is_open(self) -> bool:
        """Whether the API needs no credentials."""
        return not self.token and not self.jwt_secret

    def check(self, request: Request, sender_id: str | None = None) -> None:
        """Check that the request is allowed to use the API.

        Args:
            request: the request, with a token in its query or its `Authorization` header.
            sender_id: id of the conversation that the request concerns. None if it does not concern exactly one
                conversation.

        Raises:
            RequestError: `not_authenticated` (401) or `not_authorized` (403).
        """
        if self.is_open or self._has_token(request):
            return
        user = self._user(request)
        if user is None:
            raise RequestError(
                "not_authenticated", "authentication required: the request has no valid token", status=401
            )
        if user.get("role") == "admin":
            return
        if user.get("role") != "user" or sender_id is None or user.get("username") != sender_id:
            raise RequestError("not_authorized", "the user has no permission for this request", status=403)

    def _has_token(self, request: Request) -> bool:
        given = request.query_params.get("token")
        if given is None:  # unlike Rasa, accept the token in a header, because proxies log queries but not headers
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            given = given.strip() if scheme.lower() == "bearer" else None
        if not self.token or given is None:
            return False
        return is_same(given, self.token)

    def _user(self, request: Request) -> dict[str, Any] | None:
        """Return the `user` claim of a valid JWT."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not self.jwt_secret or scheme.lower() != "bearer":
            return None
        required = ["exp"] if self.jwt_require_exp else []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", jwt.warnings.InsecureKeyLengthWarning)  # logged at the start
                claims = jwt.decode(
                    token.strip(),
                    self.jwt_secret,
                    algorithms=[self.jwt_method],
                    options={"verify_aud": False, "require": required},
                )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        if claims.get("exp") is None:
            self._lasting.note()
        user = claims.get("user")
        return user if isinstance(user, dict) else {}


def _check_key(key: str, method: str) -> None:
    """Check that `--jwt-secret` can verify tokens.

    Raises:
        RequestError: `jwt_secret`: the key cannot verify any token.
    """
    try:
        jwt.get_algorithm_by_name(method).prepare_key(key)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        if method.startswith("HS"):
            expected = f"{method} needs a shared secret: {error}"
        else:
            expected = f'{method} needs the text of a public key (PEM), for example "$(cat public.pem)"'
        raise RequestError("jwt_secret", f"--jwt-secret cannot verify any token: {expected}") from error
