"""Builds an `Identity` from the identity options of a channel. `opening.py` calls this.

`runtime/identity/admission.py` uses the result.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from manent.channels.identity_options import IdentityOptions
from manent.core.errors import Problem, ProjectError
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Identity
from manent.runtime.identity.claiming import Claims
from manent.runtime.identity.modes import Mode
from manent.runtime.identity.revocations import Revocations
from manent.runtime.identity.tokens import PUBLIC, SECURE_KEY, KeySource, TokenRules, TokenVerifier, constant_keys

MakeKeys = Callable[[str], KeySource]
"""Creates a key source from a JWKS URL."""


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
