"""Which JSON web tokens are accepted."""

import asyncio
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from manent.core.conversation_log import Revocation
from manent.core.errors import RequestError
from manent.runtime.identity.lasting_tokens import LastingTokens
from manent.runtime.identity.tokens import PUBLIC, Revoked, TokenRules, TokenVerifier, VerifiedToken, constant_keys
from support.rsa_keys import rsa_key

SHARED_KEY = "k" * 64
RSA = rsa_key()
KEYS: dict[str, Any] = {
    "RS256": RSA,
    "RS512": RSA,
    "PS256": RSA,
    "PS512": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(key: Any) -> str:
    """Return the public key in the PEM format."""
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(public.decode())


def verifier(key: str = SHARED_KEY, method: str = "HS256", **rules: Any) -> TokenVerifier:
    """Return a verifier with one constant key."""
    methods = frozenset({method})
    return TokenVerifier(TokenRules(methods=methods, **rules), constant_keys(key, methods))


@pytest.mark.parametrize("method", KEYS)
async def test_only_the_configured_method_is_accepted(method: str) -> None:
    """A token that is signed with the configured method is accepted. Tokens of all other methods are rejected."""
    checks = verifier(pem(KEYS[method]), method)

    assert (await checks.verify(jwt.encode({"sub": "ada"}, KEYS[method], method))).subject == "ada"
    for other in sorted(KEYS.keys() - {method}):
        with pytest.raises(RequestError, match="not allowed"):
            await checks.verify(jwt.encode({"sub": "ada"}, KEYS[other], other))


@pytest.mark.parametrize(
    ("key", "methods"),
    [
        (pem(RSA), {"HS256"}),
        (pem(RSA), {"HS256", "RS256"}),
        (pem(RSA), {"ES256"}),
        (pem(KEYS["ES384"]), {"ES256"}),
        (pem(ed448.Ed448PrivateKey.generate()), {"RS256"}),
        (SHARED_KEY, {"RS256"}),
        (SHARED_KEY, set()),
        ("-----BEGIN something", {"HS256"}),
    ],
)
def test_keys_of_another_kind_are_rejected(key: str, methods: set[str]) -> None:
    """A key that does not fit the method is rejected, for example a public key for HS256."""
    with pytest.raises(ValueError, match=r"key|method"):
        constant_keys(key, frozenset(methods))


async def test_subject_claim() -> None:
    """The claim of the subject is configurable. A number is read as text, and invalid subjects are rejected."""
    checks = verifier(subject_claim="user_id")

    assert (await checks.verify(jwt.encode({"user_id": 7}, SHARED_KEY))).subject == "7"
    for wrong in ({"sub": "ada"}, {"user_id": True}, {"user_id": ["a"]}, {"user_id": "a\nb"}, {"user_id": "\ud800"}):
        with pytest.raises(RequestError) as refused:
            await checks.verify(jwt.encode(wrong, SHARED_KEY))
        assert refused.value.code == "jwt_no_subject"


async def test_leeway_accepts_expired_tokens() -> None:
    """A token that has expired within the leeway is accepted, and is rejected after the leeway."""
    now = 2_000_000_000.0
    lenient, strict = verifier(leeway_s=9e9), verifier()
    old = jwt.encode({"sub": "ada", "exp": 1_000_000_000}, SHARED_KEY)
    verified = await lenient.verify(old)

    assert verified.expires_at == 1_000_000_000
    with pytest.raises(RequestError, match="expired"):
        await strict.verify(old)
    with pytest.raises(RequestError, match="expired"):
        TokenVerifier(strict.rules, strict.keys, now=lambda: now).check(verified)


def test_revocations_by_subject_by_token_and_by_time() -> None:
    """A revocation rejects the tokens of a subject, older tokens of a subject, or one token, and can be lifted."""
    revoked = Revoked()
    ada_old = VerifiedToken(subject="ada", token_id="1", issued_at=10.0)  # noqa: S106
    ada_new = VerifiedToken(subject="ada", token_id="2", issued_at=30.0)  # noqa: S106
    undated = VerifiedToken(subject="ada")
    bob = VerifiedToken(subject="bob", token_id="3")  # noqa: S106
    every = (ada_old, ada_new, undated, bob)

    revoked.note(Revocation(kind="subject", value="ada", before=20.0))
    assert [revoked.has(one) for one in every] == [True, False, True, False]
    revoked.note(Revocation(kind="token", value="3"))
    revoked.note(Revocation(kind="subject", value="ada"))
    assert [revoked.has(one) for one in every] == [True, True, True, True]
    revoked.note(Revocation(kind="subject", value="ada", lifted=True))
    assert [revoked.has(one) for one in every] == [False, False, False, True]


class Rotating:
    """A key source that returns several keys after a pause."""

    async def find(self, kid: str | None, method: str) -> list[Any]:
        """Return both keys."""
        del kid, method
        await asyncio.sleep(0)
        return [KEYS["EdDSA"].public_key(), RSA.public_key()]

    async def close(self) -> None:
        """Do nothing."""


async def test_all_possible_keys_are_tried() -> None:
    """A token without a key id is accepted if one of the keys fits."""
    checks = TokenVerifier(TokenRules(methods=PUBLIC), Rotating())

    assert (await checks.verify(jwt.encode({"sub": "ada"}, RSA, "RS256"))).subject == "ada"
    with pytest.raises(RequestError, match="not valid"):
        await checks.verify(jwt.encode({"sub": "ada"}, rsa_key("second"), "RS256"))


@pytest.mark.parametrize("expiry", ["99999999999", [1], "soon"])
async def test_expiry_that_is_not_a_number_is_rejected(expiry: Any) -> None:
    """A token whose `exp` is not a number is rejected."""
    with pytest.raises(RequestError, match="not valid"):
        await verifier().verify(jwt.encode({"sub": "ada", "exp": expiry}, SHARED_KEY, "HS256"))


async def test_tokens_that_never_expire(caplog: pytest.LogCaptureFixture) -> None:
    """Tokens without `exp` are accepted with one warning a day, or rejected if the options require `exp`."""
    times = [0.0, 10.0, 80_000.0, 90_000.0]
    lasting = LastingTokens("jwt_require_exp", iter(times).__next__)
    rules, keys = TokenRules(methods=frozenset({"HS256"})), constant_keys(SHARED_KEY, frozenset({"HS256"}))
    checks = TokenVerifier(rules, keys, lasting=lasting)
    token = jwt.encode({"sub": "ada"}, SHARED_KEY)
    for _ in times:
        assert (await checks.verify(token)).expires_at is None
    await checks.verify(jwt.encode({"sub": "ada", "exp": 4e9}, SHARED_KEY))
    warned = [line.getMessage() for line in caplog.records if "never expires" in line.getMessage()]
    assert len(warned) == 2
    assert token not in caplog.text

    strict = verifier(require_exp=True)
    with pytest.raises(RequestError) as caught:
        await strict.verify(token)
    assert caught.value.code == "jwt_no_expiry"
    assert (await strict.verify(jwt.encode({"sub": "ada", "exp": 4e9}, SHARED_KEY))).subject == "ada"
