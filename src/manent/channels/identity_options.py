"""Builds an `Identity` from the identity options of a channel's section in `credentials.yml`.

The section `socketio:` contains the identity options of the server. The sections `rest:` and `callback:` have their own
`session_identity` (default: open) and use the keys of `socketio:`. `opening.py` calls this;
`runtime/identity/admission.py` uses the result.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from manent.core.errors import Problem, ProjectError
from manent.extensions.options import Secret, WrongOption
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Identity, Mode
from manent.runtime.identity.claiming import Claims
from manent.runtime.identity.revocations import Revocations
from manent.runtime.identity.tokens import (
    METHODS,
    PUBLIC,
    SECURE_KEY,
    KeySource,
    TokenRules,
    TokenVerifier,
    constant_keys,
)

MIN_SECRET = 16
"""Minimum number of bytes of a `session_secret`. An attacker could guess a shorter one."""

MakeKeys = Callable[[str], KeySource]
"""Creates a key source from a JWKS URL."""


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


def make_identity(
    options: IdentityOptions,
    conversations: Conversations,
    revocations: Revocations,
    make_keys: MakeKeys | None,
    *,
    root: Path,
) -> Identity:
    """Build the identity that `socketio:` configures.

    Raises:
        ProjectError: a key is invalid or cannot be read.
    """
    mode = options.session_identity
    asks_for_tokens = options.has_key and mode != "minted"
    return Identity(
        mode=mode,
        secret=(options.session_secret or "").encode(),
        verifier=_verifier(options, revocations, make_keys, root) if asks_for_tokens else None,
        anonymous=options.jwt_anonymous,
        store=conversations.engine.store,
        claim=Claims(conversations, options.claim).claim,
        rates=conversations.rates,
    )


def identity_beside(channel: str, mode: Mode, other: Identity, section: str) -> Identity:
    """Return the identity of another channel, which combines its own mode with the keys of `socketio:`.

    Args:
        channel: name of the other channel.
        mode: its `session_identity`.
        other: the identity of the Socket.IO channel.
        section: name of the other channel's section in `credentials.yml`.

    Raises:
        ProjectError: the mode is `jwt`, but `socketio:` has no keys.
    """
    if mode == "jwt" and other.mode != "jwt":
        raise _problem(section, "session_identity", "jwt", "session_identity: jwt and its keys also under socketio:")
    return replace(
        other,
        mode=mode,
        channel=channel,
        verifier=other.verifier if mode == "jwt" else None,
        guards_minted=_mints(other),
        guards_owned=other.mode == "jwt",
    )


def needs_secret(identity: Identity) -> bool:
    """Return whether session tokens are issued or checked but no key for them is set yet."""
    return not identity.secret and (_mints(identity) or identity.guards_minted)


def notes_on(options: IdentityOptions) -> list[str]:
    """Return notes for the user about these options. Each note is one sentence."""
    notes = []
    mode = options.session_identity
    if mode == "open" and options.has_key:
        notes.append(
            "jwt_key is set without session_identity, so any valid token gives access to every conversation, as in "
            "Rasa."
            " `session_identity: jwt` binds each conversation to the subject of the token"
        )
    elif mode == "open":
        notes.append(
            "session_identity is open, so anyone who knows a session id can read its conversation and write to it."
            " `session_identity: minted` under socketio: in credentials.yml binds a conversation to the browser that"
            " started it"
        )
    elif mode == "minted" and options.has_key:
        notes.append("jwt_key has no effect with session_identity: minted")
    shared = options.jwt_key is not None and options.jwks_url is None and not options.methods & PUBLIC
    if shared and len((options.jwt_key or "").encode()) < SECURE_KEY:
        notes.append(f"jwt_key is shorter than {SECURE_KEY} bytes; an attacker can guess it and forge tokens")
    return notes


def _mints(identity: Identity) -> bool:
    return identity.mode == "minted" or (identity.mode == "jwt" and identity.anonymous == "minted")


def _verifier(
    options: IdentityOptions, revocations: Revocations, make_keys: MakeKeys | None, root: Path
) -> TokenVerifier:
    rules = TokenRules(
        methods=options.methods,
        issuer=options.jwt_issuer,
        audience=options.jwt_audience,
        subject_claim=options.jwt_subject_claim if options.session_identity == "jwt" else None,
        require_exp=options.jwt_require_exp,
        leeway_s=options.jwt_leeway,
    )
    return TokenVerifier(rules, _keys(options, make_keys, root), revocations.known)


def _keys(options: IdentityOptions, make_keys: MakeKeys | None, root: Path) -> KeySource:
    if options.jwks_url is not None:
        assert make_keys is not None  # noqa: S101  # the server always passes it
        return make_keys(options.jwks_url)
    text = options.jwt_key or ""
    if options.jwt_key_file is not None:
        try:
            text = (root / options.jwt_key_file).read_text().strip()
        except (OSError, UnicodeError) as error:
            raise _problem("socketio", "jwt_key_file", str(error), "a readable file that contains a key") from error
    try:
        return constant_keys(text, options.methods)
    except ValueError as error:
        expected = f"a key for {', '.join(sorted(options.methods))} (jwt_method)"
        raise _problem("socketio", "jwt_key", str(error), expected) from error


def _problem(channel: str, option: str, found: str, expected: str, file: str = "credentials.yml") -> ProjectError:
    path = f"{channel}.{option}"
    code = "credentials." + option.replace("_", "-")
    return ProjectError([Problem(file=file, line=0, path=path, code=code, found=found, expected=expected)])
