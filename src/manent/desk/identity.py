"""Finds out who sends a request to the desk: a session cookie, or a JSON web token.

`local` and `oidc` end in a session of the store. With `jwt`, each request has a token. In all modes, the desk
rejects the next request of a removed member.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from manent.core.errors import Problem, ProjectError, RequestError
from manent.core.secret_text import is_same
from manent.desk.tokens import csrf_of, digest_of, new_token
from manent.project.settings.desk import DeskOptions
from manent.runtime.identity.lasting_tokens import LastingTokens
from manent.runtime.identity.tokens import KeySource, Revoked, TokenRules, TokenVerifier, constant_keys
from manent.runtime.ports.desk import ROLES, AuditRecord, DeskSession, DeskStore, Member, Role
from manent.runtime.rate_limits import Buckets

COOKIE: Final = "manent_desk"

SIGN_INS_PER_MINUTE: Final = 20
"""Links, codes and wrong tokens that one address may try in a minute."""

MAX_TOKEN: Final = 200
"""Maximum number of characters of a token in a link or a cookie."""

MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who sends a request.

    Attributes:
        member: the member.
        token: the session's token. None: the request has a JSON web token.
    """

    member: Member
    token: str | None = None

    @property
    def csrf(self) -> str | None:
        """The value that `X-CSRF-Token` of changes must have. None: no value is needed."""
        return None if self.token is None else csrf_of(self.token)


class Identity:
    """The identity of the desk.

    Args:
        options: the options of the desk.
        desk: the tables with members and sessions.
        keys: keys of JSON web tokens. None: tokens are not accepted.
        revoked: the revoked tokens.
        now: returns the time in seconds since the epoch.
    """

    def __init__(
        self,
        options: DeskOptions,
        desk: DeskStore,
        *,
        keys: KeySource | None = None,
        revoked: Revoked | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self._desk = desk
        self._now = now
        self._attempts = Buckets(SIGN_INS_PER_MINUTE)
        self._verifier: TokenVerifier | None = None
        if keys is not None:
            rules = TokenRules(
                methods=options.methods,
                issuer=options.jwt_issuer,
                audience=options.jwt_audience,
                leeway_s=options.jwt_leeway,
            )
            lasting = LastingTokens("an expiry time of the tokens for the desk")
            self._verifier = TokenVerifier(rules, keys, revoked or Revoked(), now, lasting)

    async def close(self) -> None:
        """Close the connections to key servers."""
        if self._verifier is not None:
            await self._verifier.keys.close()

    async def person(self, headers: Mapping[str, str], cookies: Mapping[str, str], address: str) -> Person:
        """Return who sends a request.

        Raises:
            RequestError: `not_authenticated` (401), `not_authorized` (403: a removed member, or a token without a
                role), `too_many_requests`, or an error of the token.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._verifier is not None:
            return Person(member=await self._member_of_token(self._verifier, token.strip(), address))
        token = cookies.get(COOKIE, "")
        if self._verifier is None and 0 < len(token) <= MAX_TOKEN:
            found = await self._desk.session(digest_of(token), now=self._now())
            if found is not None:
                return Person(member=found[1], token=token)
        raise RequestError("not_authenticated", "you are not signed in to the desk", status=401)

    async def _member_of_token(self, verifier: TokenVerifier, token: str, address: str) -> Member:
        try:
            verified, claims = await verifier.verify_all(token)
        except RequestError as error:
            if error.status == 401:  # noqa: PLR2004  # a wrong token, not an unreachable key server
                self.attempt(address)
            raise
        assert verified.subject is not None  # noqa: S101  # the rules require it
        return await self.admit(verified.subject, claims)

    async def admit(self, subject: str, claims: Mapping[str, Any]) -> Member:
        """Return the member that the claims of another system describe, and store what has changed.

        Raises:
            RequestError: `not_authorized`: the claims contain no role, or the member was removed.
        """
        role = role_of(claims.get(self.options.role_claim)) or self.options.default_role
        if role is None:
            claim = self.options.role_claim
            raise RequestError(
                "not_authorized",
                f"your account has no role for the desk: its claim {claim!r} must be one of {', '.join(ROLES)}",
                status=403,
            )
        now = self._now()
        name = claims.get("name") or claims.get("preferred_username") or subject
        picture = claims.get("picture")
        avatar = picture if isinstance(picture, str) and picture.startswith("https://") else None
        member = Member(id=subject, name=str(name)[:MAX_NAME], role=role, avatar=avatar, created=now)
        known = await self._desk.member(subject)
        if known is not None:
            member = Member(id=subject, name=member.name, role=role, avatar=avatar, created=known.created)
        is_removed = known is not None and known.removed is not None
        if is_removed or (known != member and not await self._desk.put_member(member, readmits=False)):
            raise RequestError("not_authorized", "you were removed from the desk", status=403)
        return member

    def attempt(self, address: str) -> None:
        """Count an attempt to sign in.

        Raises:
            RequestError: `too_many_requests`.
        """
        self._attempts.take(address)

    async def redeem(self, invitation: str, address: str) -> tuple[Member, str]:
        """Sign in with the token of a link. Return the member and the token of the session.

        Raises:
            RequestError: `invitation_invalid`, `too_many_requests`.
        """
        self.attempt(address)
        session, token = self._new_session("")
        member = None
        if 0 < len(invitation) <= MAX_TOKEN:
            member = await self._desk.redeem(digest_of(invitation), session, now=self._now())
        if member is None:
            raise RequestError(
                "invitation_invalid", "this link is not valid, was used before, or has expired; ask for a new one",
                status=403,
            )  # fmt: skip
        await self.audit(member, "sign_in", identity="local")
        return member, token

    async def sign_in(self, member: Member) -> str:
        """Begin a session of a member and return its token."""
        session, token = self._new_session(member.id)
        await self._desk.begin_session(session)
        await self.audit(member, "sign_in", identity=self.options.identity)
        return token

    async def sign_out(self, person: Person) -> None:
        """End the session of a request."""
        if person.token is not None:
            await self._desk.end_session(digest_of(person.token))
            await self.audit(person.member, "sign_out")

    async def audit(self, member: Member, action: str, sender_id: str | None = None, **detail: Any) -> None:
        """Store a record of a read or a change."""
        await self._desk.audit(
            AuditRecord(
                time=self._now(),
                member_id=member.id,
                name=member.name,
                action=action,
                sender_id=sender_id,
                detail={key: value for key, value in detail.items() if value is not None},
            )
        )

    @property
    def session_s(self) -> float:
        """Duration of a session in seconds."""
        return self.options.session_hours * 3600.0

    def _new_session(self, member_id: str) -> tuple[DeskSession, str]:
        token, now = new_token(), self._now()
        expires = now + self.session_s
        return DeskSession(digest=digest_of(token), member_id=member_id, created=now, expires=expires), token


def check_csrf(person: Person, given: str | None) -> None:
    """Check the header `X-CSRF-Token` of a change.

    Raises:
        RequestError: `csrf`.
    """
    if person.csrf is not None and not is_same(given or "", person.csrf):
        raise RequestError(
            "csrf", "the header X-CSRF-Token is missing or wrong; GET /desk/api/v1/me returns its value", status=403
        )


def role_of(claim: Any) -> Role | None:
    """Return the role in a claim. Of several, the one with the most rights."""
    given = claim if isinstance(claim, list) else [claim]
    found = [role for role in ROLES if role in given]
    return found[-1] if found else None


def make_keys(options: DeskOptions, fetch: Callable[[str], KeySource], *, root: Path) -> KeySource | None:
    """Return the keys that verify the desk's JSON web tokens. None: it does not use tokens.

    Raises:
        ProjectError: a key is invalid or cannot be read.
    """
    if options.identity != "jwt":
        return None
    if options.jwks_url is not None:
        return fetch(options.jwks_url)
    text, option = options.jwt_key or "", "jwt_key"
    try:
        if options.jwt_key_file is not None:
            option = "jwt_key_file"
            text = (root / options.jwt_key_file).read_text().strip()
        return constant_keys(text, options.methods)
    except (OSError, ValueError) as error:
        raise ProjectError(
            [
                Problem(
                    file="endpoints.yml",
                    line=0,
                    path=f"desk.{option}",
                    code="endpoints." + option.replace("_", "-"),
                    found=str(error),
                    expected=f"a key for {', '.join(sorted(options.methods))} (jwt_method)",
                )
            ]
        ) from error
