"""Which keys and tokens the management API accepts."""

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import Request

from manent.core.errors import RequestError
from manent.server.api.auth import Guard
from support.rsa_keys import rsa_key

KEY = rsa_key()
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def request(token: str) -> Request:
    """Return a request with a token."""
    return Request({"type": "http", "query_string": b"", "headers": [(b"authorization", f"Bearer {token}".encode())]})


@pytest.mark.parametrize(
    ("secret", "method"),
    [("public.pem", "RS256"), ("x", "ES256"), ("x", "EdDSA"), (PUBLIC[:-40], "PS512"), (PUBLIC, "HS256")],
)
def test_a_key_that_can_verify_nothing_is_refused(secret: str, method: str) -> None:
    """The server says so when it starts; it does not answer every token with an error."""
    with pytest.raises(RequestError, match="--jwt-secret cannot verify any token"):
        Guard(jwt_secret=secret, jwt_method=method)


def test_a_token_of_another_key_is_not_authenticated() -> None:
    """Only the signature of the configured key lets a request pass."""
    guard = Guard(jwt_secret=PUBLIC, jwt_method="RS256")
    claims = {"user": {"role": "admin"}}
    guard.check(request(jwt.encode(claims, KEY, "RS256")))

    other = rsa_key("second")
    for token in (jwt.encode(claims, other, "RS256"), jwt.encode(claims, "x" * 32, "HS256"), "garbage", ""):
        with pytest.raises(RequestError) as caught:
            guard.check(request(token))
        assert caught.value.status == 401


def test_tokens_that_never_expire(caplog: pytest.LogCaptureFixture) -> None:
    """They are accepted with one warning, or not at all if `exp` is required."""
    secret, claims = "x" * 32, {"user": {"role": "admin"}}
    guard = Guard(jwt_secret=secret)
    for _ in range(3):
        guard.check(request(jwt.encode(claims, secret)))
    assert caplog.text.count("--jwt-require-exp rejects the others") == 1

    strict = Guard(jwt_secret=secret, jwt_require_exp=True)
    strict.check(request(jwt.encode({**claims, "exp": 4e9}, secret)))
    with pytest.raises(RequestError) as caught:
        strict.check(request(jwt.encode(claims, secret)))
    assert caught.value.status == 401
