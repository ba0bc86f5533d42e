"""The options of `credentials.yml` that decide who may use a conversation.

The section `socketio:` contains the identity options of the server. The sections `rest:` and `callback:` have their own
`session_identity` (default: open) and use the keys of `socketio:`. `identity.py` builds an `Identity` from them.
"""

from typing import Literal

import msgspec

from manent.extensions.options import Secret, WrongOption
from manent.runtime.identity.modes import Mode
from manent.runtime.identity.tokens import METHODS, PUBLIC

MIN_SECRET = 16
"""Minimum number of bytes of a `session_secret`. An attacker could guess a shorter one."""


class ModeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The identity options of a channel that shares the keys of `socketio:`.

    Attributes:
        session_identity: who may use a conversation: anyone who knows its id (`open`), the browser that started it
            (`minted`), or the subject of a JSON web token (`jwt`). See `docs/identity.md`.
    """

    session_identity: Mode = "open"


class IdentityOptions(ModeOptions, frozen=True, kw_only=True):
    """The options of `credentials.yml` that decide who may join a conversation; see `docs/identity.md`.

    Attributes:
        session_secret: key that signs session tokens, at least 16 bytes. Default: a generated key, which the store
            keeps.
        jwt_key: key that verifies JSON web tokens.
        jwt_key_file: file that contains the key that verifies JSON web tokens.
        jwks_url: URL of the keys that verify JSON web tokens.
        jwt_method: signature algorithms, separated by commas.
        jwt_issuer: issuer that tokens must have.
        jwt_audience: audience that tokens must have.
        jwt_subject_claim: name of the claim that contains the subject.
        jwt_leeway: maximum difference in seconds between the clocks of the issuer and the server.
        jwt_require_exp: whether tokens without an expiry time are rejected.
        jwt_anonymous: `refuse` rejects visitors without a token; `minted` gives them a conversation as in the mode
            `minted`.
        claim: `keep` makes a visitor who signs in the owner of the anonymous conversation; `merge` appends its events
            to the visitor's existing conversation.
    """

    session_secret: Secret | None = None
    jwt_key: Secret | None = None
    jwt_key_file: str | None = None
    jwks_url: str | None = None
    jwt_method: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_subject_claim: str = "sub"
    jwt_leeway: float = 0.0
    jwt_require_exp: bool = False
    jwt_anonymous: Literal["refuse", "minted"] = "refuse"
    claim: Literal["keep", "merge"] = "keep"

    def __post_init__(self) -> None:
        """Check that the options are valid together.

        Raises:
            WrongOption: a secret is too short, an option is invalid, or two options contradict each other.
        """
        length = len((self.session_secret or "").encode())
        if 0 < length < MIN_SECRET:
            raise WrongOption("session_secret", f"at least {MIN_SECRET} bytes", found=f"{length} bytes")
        if self.session_identity == "jwt" and not self.has_key:
            raise WrongOption("session_identity", "jwt_key, jwt_key_file or jwks_url", found="jwt without a key")
        if self.has_key and self.session_identity != "minted":
            self._check_keys()

    def _check_keys(self) -> None:
        if unknown := sorted(self.methods - METHODS):
            raise WrongOption("jwt_method", f"one or more of {', '.join(sorted(METHODS))}", found=", ".join(unknown))
        if sum(map(bool, (self.jwt_key, self.jwt_key_file, self.jwks_url))) > 1:
            option = "jwt_key" if self.jwt_key else "jwt_key_file"
            raise WrongOption(option, "only one of jwt_key, jwt_key_file, jwks_url", found="more than one")
        if self.jwks_url is None:
            return
        if not self.methods <= PUBLIC:
            expected = f"one or more of {', '.join(sorted(PUBLIC))}, because a key that can be fetched is not a secret"
            raise WrongOption("jwt_method", expected, found=", ".join(sorted(self.methods - PUBLIC)))
        if not self.jwks_url.startswith(("https://", "http://")):
            raise WrongOption("jwks_url", "a URL that starts with https:// or http://")

    @property
    def has_key(self) -> bool:
        """Whether a key for JSON web tokens is configured."""
        return bool(self.jwt_key or self.jwt_key_file or self.jwks_url)

    @property
    def methods(self) -> frozenset[str]:
        """The signature algorithms of tokens."""
        if self.jwt_method is None:
            return PUBLIC if self.jwks_url else frozenset({"HS256"})
        return frozenset(name.strip() for name in self.jwt_method.split(",") if name.strip())
