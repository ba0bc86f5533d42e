"""Who may use the management API: `--auth-token` in the query, or a JWT signed with `--jwt-secret` (contract §8).

A JWT carries `user: {username, role}`: an `admin` may do everything, a `user` only what concerns the conversation that
is named like them. When both ways are configured either suffices; when none is, the API is open, which is said at
start. The token is never logged (`logs.py` redacts it).
"""

import hmac
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import Request

from manent.core.errors import RequestError

JWT_METHODS = frozenset(
    {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}
    | {"EdDSA"}
)
"""`none` is no method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The configured ways in.

    Attributes:
        token: value of `--auth-token`.
        jwt_secret: key that JWTs are checked with (a public key for asymmetric methods).
    """

    token: str | None = None
    jwt_secret: str | None = None
    jwt_method: str = "HS256"

    def __post_init__(self) -> None:
        if self.jwt_method not in JWT_METHODS:
            raise RequestError("jwt_method", f"--jwt-method {self.jwt_method!r}: expected one of {sorted(JWT_METHODS)}")

    @property
    def is_open(self) -> bool:
        """Whether everybody may use the API."""
        return not self.token and not self.jwt_secret

    def check(self, request: Request, sender_id: str | None = None) -> None:
        """Let the request pass, or not.

        Args:
            request: with a token somewhere.
            sender_id: the conversation that it is about, None for none in particular.

        Raises:
            RequestError: `not_authenticated` (401) or `not_authorized` (403).
        """
        if self.is_open or self._has_token(request):
            return
        user = self._user(request)
        if user is None:
            raise RequestError("not_authenticated", "the request is not authenticated", status=401)
        if user.get("role") == "admin":
            return
        if user.get("role") != "user" or sender_id is None or user.get("username") != sender_id:
            raise RequestError("not_authorized", "the user has no permission for this", status=403)

    def _has_token(self, request: Request) -> bool:
        given = request.query_params.get("token")
        if given is None:  # beyond Rasa: a header does not end up in the logs of a proxy
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            given = given.strip() if scheme.lower() == "bearer" else None
        if not self.token or given is None:
            return False
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def _user(self, request: Request) -> dict[str, Any] | None:
        """Return the `user` claim of a valid JWT."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not self.jwt_secret or scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                token.strip(), self.jwt_secret, algorithms=[self.jwt_method], options={"verify_aud": False}
            )
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return None
        user = claims.get("user")
        return user if isinstance(user, dict) else {}
