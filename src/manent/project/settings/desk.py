"""Checks and reads `desk` in `endpoints.yml`: when the bot may request a person, and who may answer."""

import zoneinfo
from typing import Literal

import msgspec

from manent.extensions.options import Secret, WrongOption, convert
from manent.project.problems import Spot
from manent.project.settings.opening_hours import OpeningHours, read_hours
from manent.project.settings.options import check_options
from manent.project.yaml.documents import plain

MIN_SECRET = 8


class ChatwootOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The option `chatwoot` of `desk`: agents of a Chatwoot inbox answer visitors.

    Attributes:
        url: address of Chatwoot, for example `https://app.chatwoot.com`.
        account_id: number of the account.
        inbox_id: number of an inbox of the type *API*.
        access_token: access token of a Chatwoot user who has access to the inbox. The bot's messages have this
            user's name in Chatwoot.
        webhook_secret: key with which Chatwoot signs the webhooks of the inbox.
    """

    url: str
    account_id: int
    inbox_id: int
    access_token: Secret
    webhook_secret: Secret


class DeskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The section `desk` of `endpoints.yml`.

    Attributes:
        when_away: what `action_human_handoff` does while nobody is at the desk, or outside the hours. `answer`: the bot
            sends `utter_human_handoff_unavailable` and continues. `queue`: the conversation waits for a person.
        queue_timeout: minutes after which a conversation that nobody has taken returns to the bot, which sends
            `utter_human_handoff_timeout`. Without it, conversations wait until an operator takes them.
        hours: times at which the desk is staffed: days → spans of time, for example `monday-friday: 09:00-17:00`.
            Without it, the desk is staffed at all times.
        timezone: time zone of the hours, for example `Europe/Berlin`.
        closed: dates on which the desk is not staffed, for example `"2026-12-25"`.
        on_error: whether a failure of the bot requests a person (`queue`), at most once an hour in a conversation, or
            only sends `utter_action_failed` (`answer`).
        identity: how operators sign in: with a link from `manent desk invite` (`local`), with a JSON web token in the
            header `Authorization` (`jwt`), or at an OpenID provider (`oidc`).
        session_hours: hours after which operators must sign in again (`local` and `oidc`).
        public_url: address of the server as browsers see it, for example `https://chat.example.com`. `oidc` requires
            it.
        jwt_key: key that verifies JSON web tokens.
        jwt_key_file: file with this key.
        jwks_url: address of the keys that verify JSON web tokens.
        jwt_method: signature algorithms, separated by commas.
        jwt_issuer: the required issuer of tokens.
        jwt_audience: the required audience of tokens.
        jwt_leeway: seconds that the clocks of the issuer and the server may differ.
        role_claim: claim with the role of an operator (`viewer`, `operator`, `reviewer`, `admin`), or a list of
            roles.
        default_role: role of operators whose token has no role. Without it, they may not use the desk.
        oidc_issuer: address of the OpenID provider. `/.well-known/openid-configuration` below it describes it.
        oidc_client_id: the desk's id at the provider.
        oidc_client_secret: the desk's secret at the provider. Public clients have none.
        oidc_scope: what is requested from the provider.
        chatwoot: agents of a Chatwoot inbox answer visitors; see `docs/desk.md`.
    """

    when_away: Literal["answer", "queue"] = "answer"
    queue_timeout: float | None = None
    hours: dict[str, str] = {}
    timezone: str = "UTC"
    closed: list[str] = []
    on_error: Literal["answer", "queue"] = "answer"
    identity: Literal["local", "jwt", "oidc"] = "local"
    session_hours: float = 168.0
    public_url: str | None = None
    jwt_key: Secret | None = None
    jwt_key_file: str | None = None
    jwks_url: str | None = None
    jwt_method: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_leeway: float = 0.0
    role_claim: str = "role"
    default_role: Literal["viewer", "operator", "reviewer", "admin"] | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: Secret | None = None
    oidc_scope: str = "openid profile"
    chatwoot: ChatwootOptions | None = None

    def __post_init__(self) -> None:
        """Check the values that depend on each other."""
        if self.queue_timeout is not None and not 0 < self.queue_timeout < float("inf"):
            raise WrongOption("queue_timeout", "a number of minutes greater than 0")
        if not 0 < self.session_hours < float("inf"):
            raise WrongOption("session_hours", "a number of hours greater than 0")
        self._check_identity()
        self._check_chatwoot()
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise WrongOption(
                "timezone",
                "the name of a time zone, such as Europe/Berlin",
                suggestion="If the name is correct, install the Python package tzdata",
            ) from None
        for option, read in (("closed", self._read_closed), ("hours", self.opening_hours)):
            try:
                read()
            except ValueError as error:
                raise WrongOption(option, _EXPECTED[option], found=str(error)) from None

    def _check_identity(self) -> None:
        for option, url in (
            ("public_url", self.public_url),
            ("jwks_url", self.jwks_url),
            ("oidc_issuer", self.oidc_issuer),
        ):
            if url is not None and not url.startswith(("https://", "http://")):
                raise WrongOption(option, "a URL that starts with https:// or http://")
        if self.identity == "jwt":
            if sum(map(bool, (self.jwt_key, self.jwt_key_file, self.jwks_url))) != 1:
                expected = "exactly one of jwt_key, jwt_key_file, jwks_url beside it"
                raise WrongOption("identity", expected, found="jwt without a key, or with several")
            from manent.runtime.identity.tokens import METHODS, PUBLIC

            if not self.methods or not self.methods <= METHODS:
                raise WrongOption("jwt_method", f"one or more of {', '.join(sorted(METHODS))}")
            if self.jwks_url is not None and not self.methods <= PUBLIC:
                raise WrongOption("jwt_method", f"one or more of {', '.join(sorted(PUBLIC))}, as keys are fetched")
        if self.identity == "oidc":
            for option in ("oidc_issuer", "oidc_client_id", "public_url"):
                if getattr(self, option) is None:
                    raise WrongOption("identity", f"{option} beside it", found="oidc without it")

    def _check_chatwoot(self) -> None:
        if self.chatwoot is None:
            return
        if not self.chatwoot.url.startswith(("https://", "http://")):
            raise WrongOption("chatwoot", "a url that starts with https:// or http://", found=self.chatwoot.url)
        if len(self.chatwoot.webhook_secret) < MIN_SECRET:
            expected = f"a webhook_secret of at least {MIN_SECRET} characters, as Chatwoot shows it"
            raise WrongOption("chatwoot", expected, found="a shorter one")

    @property
    def methods(self) -> frozenset[str]:
        """The signature algorithms of JSON web tokens."""
        if self.jwt_method is None:
            from manent.runtime.identity.tokens import PUBLIC

            return PUBLIC if self.jwks_url else frozenset({"HS256"})
        return frozenset(name.strip() for name in self.jwt_method.split(",") if name.strip())

    def opening_hours(self) -> OpeningHours | None:
        """Return the hours. None: the desk is staffed at all times.

        Raises:
            ValueError: describes the wrong value.
        """
        if not self.hours and not self.closed:
            return None
        hours = self.hours or {"monday-sunday": "00:00-24:00"}
        return read_hours(hours, zoneinfo.ZoneInfo(self.timezone), self.closed)

    def _read_closed(self) -> None:
        read_hours({}, zoneinfo.ZoneInfo("UTC"), self.closed)


_EXPECTED = {
    "closed": "dates such as 2026-12-25",
    "hours": "days with spans of time, such as `monday-friday: 09:00-17:00`",
}


def read_desk(spot: Spot) -> DeskOptions | None:
    """Report mistakes in the section and return its options. None: it has mistakes."""
    if spot.value is not None and not isinstance(spot.value, dict):
        spot.error("endpoints.section", "the options of desk, one `option: value` per line")
        return None
    check_options(spot, DeskOptions, "endpoints")
    return convert(DeskOptions, plain(spot.value or {}))[0]
