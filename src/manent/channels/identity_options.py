"""Builds an `Identity` from the identity options of a channel's section in `credentials.yml`.

`socketio:` configures the server's identity. `rest:` and `callback:` have separate modes (default: open) and share its
keys. `opening.py` calls this; `runtime/identity/admission.py` uses the result.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
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
"""Minimum number of bytes of a `session_secret`. A shorter secret can be guessed."""

MakeKeys = Callable[[str], KeySource]
"""Creates a key source from a JWKS URL."""


class IdentityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `credentials.yml` that decide who may join a conversation. `docs/identity.md` describes them."""

    session_identity: Mode = "open"
    session_secret: str | None = None
    jwt_key: str | None = None
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

    @property
    def has_key(self) -> bool:
        """Whether a key for JSON web tokens is configured."""
        return bool(self.jwt_key or self.jwt_key_file or self.jwks_url)


def read_identity(section: Json, channel: str, file: str = "credentials.yml") -> IdentityOptions:
    """Read the identity options. Ignore the channel's other keys.

    Raises:
        ProjectError: a value has the wrong type or is not one of the choices.
    """
    names = IdentityOptions.__struct_fields__
    known = {key: value for key, value in section.items() if key in names and value is not None}
    try:
        return msgspec.convert(known, IdentityOptions)
    except msgspec.ValidationError as error:
        raise _problem(
            channel, "identity", str(error), f"options for the identity: {', '.join(names)}", file
        ) from error


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
        ProjectError: options contradict each other, or a key is invalid.
    """
    secret = (options.session_secret or "").encode()
    if secret and len(secret) < MIN_SECRET:
        raise _problem("socketio", "session_secret", f"{len(secret)} bytes", f"at least {MIN_SECRET} bytes")
    mode = options.session_identity
    if mode == "jwt" and not options.has_key:
        raise _problem("socketio", "session_identity", "jwt without a key", "jwt_key, jwt_key_file or jwks_url")
    asks_for_tokens = options.has_key and mode != "minted"
    return Identity(
        mode=mode,
        secret=secret,
        verifier=_verifier(options, revocations, make_keys, root) if asks_for_tokens else None,
        anonymous=options.jwt_anonymous,
        store=conversations.engine.store,
        claim=Claims(conversations, options.claim).claim,
        rates=conversations.rates,
    )


def identity_beside(channel: str, options: IdentityOptions, other: Identity) -> Identity:
    """Return the identity of another channel, with its own mode and the keys of `socketio:`.

    Raises:
        ProjectError: jwt mode without keys under `socketio:`.
    """
    mode = options.session_identity
    if mode == "jwt" and other.mode != "jwt":
        raise _problem(channel, "session_identity", "jwt", "session_identity: jwt and its keys under socketio:, too")
    return replace(
        other,
        mode=mode,
        verifier=other.verifier if mode == "jwt" else None,
        guards_minted=_mints(other),
        guards_owned=other.mode == "jwt",
    )


def needs_secret(identity: Identity) -> bool:
    """Return whether session tokens are issued or checked although no key for them is set yet."""
    return not identity.secret and (_mints(identity) or identity.guards_minted)


def notes_on(options: IdentityOptions) -> list[str]:
    """Return notes about these options for the user, one sentence each."""
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
    shared = options.jwt_key is not None and options.jwks_url is None and not _methods(options) & PUBLIC
    if shared and len((options.jwt_key or "").encode()) < SECURE_KEY:
        notes.append(f"jwt_key is shorter than {SECURE_KEY} bytes; an attacker can guess it and forge tokens")
    return notes


def _mints(identity: Identity) -> bool:
    return identity.mode == "minted" or (identity.mode == "jwt" and identity.anonymous == "minted")


def _methods(options: IdentityOptions) -> frozenset[str]:
    if options.jwt_method is None:
        return PUBLIC if options.jwks_url else frozenset({"HS256"})
    return frozenset(name.strip() for name in options.jwt_method.split(",") if name.strip())


def _verifier(
    options: IdentityOptions, revocations: Revocations, make_keys: MakeKeys | None, root: Path
) -> TokenVerifier:
    methods = _methods(options)
    if unknown := sorted(methods - METHODS):
        raise _problem("socketio", "jwt_method", ", ".join(unknown), f"one or more of {', '.join(sorted(METHODS))}")
    if sum(map(bool, (options.jwt_key, options.jwt_key_file, options.jwks_url))) > 1:
        raise _problem("socketio", "jwt_key", "several sources of keys", "only one of jwt_key, jwt_key_file, jwks_url")
    rules = TokenRules(
        methods=methods,
        issuer=options.jwt_issuer,
        audience=options.jwt_audience,
        subject_claim=options.jwt_subject_claim if options.session_identity == "jwt" else None,
        leeway_s=options.jwt_leeway,
        require_exp=options.jwt_require_exp,
    )
    return TokenVerifier(rules, _keys(options, methods, make_keys, root), revocations.known)


def _keys(options: IdentityOptions, methods: frozenset[str], make_keys: MakeKeys | None, root: Path) -> KeySource:
    if options.jwks_url is not None:
        if not methods <= PUBLIC:
            expected = f"one or more of {', '.join(sorted(PUBLIC))}, because a key that can be fetched is not a secret"
            raise _problem("socketio", "jwt_method", ", ".join(sorted(methods - PUBLIC)), expected)
        if not options.jwks_url.startswith(("https://", "http://")):
            raise _problem("socketio", "jwks_url", "not a URL", "a URL that starts with https:// or http://")
        assert make_keys is not None  # noqa: S101  # the server always passes it
        return make_keys(options.jwks_url)
    text = options.jwt_key or ""
    if options.jwt_key_file is not None:
        try:
            text = (root / options.jwt_key_file).read_text().strip()
        except (OSError, UnicodeError) as error:
            raise _problem("socketio", "jwt_key_file", str(error), "a readable file that contains a key") from error
    try:
        return constant_keys(text, methods)
    except ValueError as error:
        expected = f"a key for {', '.join(sorted(methods))} (jwt_method)"
        raise _problem("socketio", "jwt_key", str(error), expected) from error


def _problem(channel: str, option: str, found: str, expected: str, file: str = "credentials.yml") -> ProjectError:
    path = f"{channel}.{option}"
    code = "credentials." + option.replace("_", "-")
    return ProjectError([Problem(file=file, line=0, path=path, code=code, found=found, expected=expected)])
