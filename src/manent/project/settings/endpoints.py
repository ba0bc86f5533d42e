"""Reads `endpoints.yml`: the action server, the tracker store, and the other endpoints of contract §10.

Called by the server and the exporter. This module checks the structure of each section and returns the options. The
code that opens a store or an action runner interprets the options. Manent adds the keys `durability`, `conversations`,
`limits` and `allow_private_addresses`.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from manent.core.errors import Problem
from manent.core.events import Json
from manent.project.problems import Report, Spot, did_you_mean, one_of
from manent.project.settings.desk import DeskOptions, read_desk
from manent.project.settings.event_broker import check_event_broker
from manent.project.settings.options import check_options
from manent.project.settings.tracker_store import check_tracker_store
from manent.project.yaml.documents import Broken, plain, read_document
from manent.tracing.options import TracingOptions

Durability = Literal["disk", "process"]

SECTIONS = ("action_endpoint", "nlg", "nlu", "models", "tracker_store", "lock_store", "event_broker", "tracing")
KEYS = (
    *SECTIONS,
    "durability",
    "conversations",
    "limits",
    "allow_private_addresses",
    "trust_model_code",
    "desk",
)
SERVER_KEYS = ("url", "params", "headers", "basic_auth", "token", "token_name", "cafile", "type")
_SERVER_SECTIONS = ("action_endpoint", "nlg", "nlu", "models")
_TYPES = {
    "lock_store": ("in_memory", "redis"),
    "nlg": ("callback", "response"),
}
_IGNORED = {
    "lock_store": (
        "no lock store: in Rasa, it keeps two servers from running the same conversation at once. Here the tracker"
        " store does this, also for several servers"
    ),
    "nlu": "no NLU server, because the loaded model parses all messages (NLU servers are not supported)",
}
_MAX_LEASE_S = 3600
_MAX_WAIT_S = 30 * 86_400
_LEASE = f"a number of seconds from 1 to {_MAX_LEASE_S}"
_VARIABLE = re.compile(r"\$\{([^}]*)\}?")
_HTTP = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_MODEL_SOURCE = re.compile(r"(https?|s3a?|gs|az|azure|abfss?|adl)://[^\s/]|file:///\S", re.IGNORECASE)

_URLS = {"models": _MODEL_SOURCE}
"""Section → pattern that its URL must match. The default is `_HTTP`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The contents of `endpoints.yml`.

    Each section is a JSON object of its options, or None if the section is missing or empty.

    Attributes:
        durability: whether a commit survives a power failure (`disk`) or only a crash of the process (`process`).
        retention_days: number of days after which an unchanged conversation is removed. None: conversations are never
            removed.
        lease_s: seconds after which an unfinished turn can be taken over from a server that no longer renews its lease.
            None: the default.
        limits: limits for one client: `normal`, `public` (stricter), or a mapping of single limits.
        allow_private_addresses: private addresses that the server may call if a request contains their URL: all, none,
            or these networks.
        unsupported_store: type of a `tracker_store` that only Rasa supports. If it is set, `tracker_store` is None, and
            a warning names the store that the server uses instead. None: the store is supported.
        trust_model_code: whether components of the project may run code from the model, such as pickled objects.
        desk: the options of the desk. None: no desk is configured.
        warnings: the warnings about the file, by line.
    """

    action_endpoint: Json | None = None
    nlg: Json | None = None
    nlu: Json | None = None
    models: Json | None = None
    tracker_store: Json | None = None
    lock_store: Json | None = None
    event_broker: Json | None = None
    tracing: Json | None = None
    durability: Durability = "disk"
    retention_days: float | None = None
    lease_s: float | None = None
    limits: str | Json = "normal"
    allow_private_addresses: bool | tuple[str, ...] = False
    unsupported_store: str | None = None
    trust_model_code: bool = False
    desk: DeskOptions | None = None
    warnings: tuple[Problem, ...] = ()


def read_endpoints(path: Path | None) -> Endpoints:
    """Read the endpoints file.

    Args:
        path: the file. If the path is None or the file does not exist, all sections are None.

    Raises:
        ProjectError: contains all mistakes in the file.
    """
    if path is None or not path.exists():
        return Endpoints()
    report = Report(Path())
    try:
        document = read_document(path, report)
    except Broken:
        report.raise_errors()
        raise
    endpoints = read_sections(Spot(document, report.name_of(path), 1, "", report))
    report.raise_errors()
    return replace(endpoints, warnings=report.warnings)


def read_sections(root: Spot) -> Endpoints:
    """Check a parsed endpoints file and return its sections."""
    for name, spot in root.entries():
        if name not in KEYS:
            spot.warn("endpoints.unknown-key", one_of(KEYS), did_you_mean(name, KEYS), found=f'the key "{name}"')
        elif name in _IGNORED and spot.value:
            spot.warn("endpoints.ignored", _IGNORED[name], "Remove the section", found=f"the section {name}")
    unsupported: dict[str, str] = {}
    sections: dict[str, Any] = {
        name: _section(name, found, unsupported) for name in SECTIONS if (found := root.get(name)) is not None
    }
    retention_days, lease_s = _conversations(root)
    return Endpoints(
        **sections,
        durability=_durability(root),
        retention_days=retention_days,
        lease_s=lease_s,
        limits=_limits(root),
        allow_private_addresses=_private_addresses(root),
        unsupported_store=unsupported.get("tracker_store"),
        trust_model_code=_trust(root),
        desk=read_desk(desk) if (desk := root.get("desk")) is not None else None,
    )


def _section(name: str, spot: Spot, unsupported: dict[str, str]) -> Json | None:
    """Return the options of a section. For a section that Manent does not support, record a note and return None."""
    if spot.value is None:
        return None
    if not isinstance(spot.value, dict):
        spot.error("endpoints.section", f"the options of {name}, one `option: value` per line")
        return None
    if name in _SERVER_SECTIONS:
        _check_server(name, spot)
    elif (url := spot.get("url")) is not None:
        _check_variables(url, url.warn)
    kind = spot.get("type") or spot.get("store_type")
    unserved = None
    if name == "tracker_store":
        unserved = check_tracker_store(spot)
    elif name == "tracing":
        check_options(spot, TracingOptions, "endpoints")
    elif kind is not None and kind.value is not None:
        _check_type(name, kind)
    if (port := spot.get("port")) is not None and not str(port.value).isdigit():
        port.error("endpoints.port", "a port number")
    if name == "event_broker" and spot.value:
        unserved = check_event_broker(spot)
    if unserved is not None:
        unsupported[name] = unserved
        return None
    return plain(spot.value) or None


def _check_server(name: str, spot: Spot) -> None:
    """Check the options that all endpoints have (contract §10)."""
    url = spot.get("url")
    module = spot.get("actions_module") if name == "action_endpoint" else None
    if module is not None:
        module.name("the name of a Python package, for example actions")
        if url is not None:
            url.error("endpoints.both", "either `url` or `actions_module`", "Remove one of them")
    elif url is None and name in ("action_endpoint", "models"):
        spot.error(
            "endpoints.no-url",
            "`url:` of the server" + (", or `actions_module:`" if name == "action_endpoint" else ""),
            found=f"{name} without a url",
        )
    elif url is not None:
        is_url = isinstance(url.value, str) and _URLS.get(name, _HTTP).match(url.value) is not None
        if not _check_variables(url, url.warn if is_url else url.error) and not is_url:
            stores = ", or a URL of an object store: s3://, gs://, az:// or file:///" if name == "models" else ""
            url.error("endpoints.url", f"a URL that begins with http:// or https://{stores}")
    for key in ("params", "headers", "basic_auth"):
        found = spot.get(key)
        if found is not None and found.value is not None and not isinstance(found.value, dict):
            found.error("endpoints.mapping", f"a mapping of {key}")
    checks: dict[str, Callable[[Spot], Any]] = {"enable_selective_domain": Spot.flag, "timeout": _check_seconds}
    if name == "models":
        checks["wait_time_between_pulls"] = _check_wait
    for key, check in checks.items():
        if (found := spot.get(key)) is not None:
            check(found)


def _check_seconds(spot: Spot) -> None:
    number = spot.number()
    if number is not None and number <= 0:
        spot.error("endpoints.timeout", "a number of seconds greater than 0")


def _check_wait(spot: Spot) -> None:
    number = spot.number() if spot.value is not None else None
    if number is not None and not 0 <= number <= _MAX_WAIT_S:
        spot.error("endpoints.wait", f"a number of seconds from 0 (load the model once) to {_MAX_WAIT_S:,}")


def _check_variables(url: Spot, report: Callable[..., None]) -> bool:
    """Report an unresolved environment variable in a URL.

    A variable is unresolved if it is in quotes or if the environment does not contain it.

    Returns:
        Whether the URL contains an unresolved variable.
    """
    if not isinstance(url.value, str) or (found := _VARIABLE.search(url.value)) is None:
        return False
    if not url.report.has("yaml.unset-variable", url.file, url.line):
        report(
            "endpoints.variable",
            "a URL without unresolved variables",
            f"Write the URL without quotes, and set {found[1]}" if found[1] else "Write `${NAME}`",
            found=f"the text {found[0]} in the URL",
        )
    return True


def _check_type(name: str, kind: Spot) -> None:
    """Report an unknown type."""
    known = _TYPES.get(name)
    written = str(kind.value)
    if known is None or written.lower() in [option.lower() for option in known]:
        return
    if "." in written and name == "lock_store":
        return
    expected = one_of(known) + (", or the path of a class" if name == "lock_store" else "")
    kind.error("endpoints.type", expected, did_you_mean(written, known))


def _durability(root: Spot) -> Durability:
    spot = root.get("durability")
    if spot is None or spot.value is None:
        return "disk"
    if spot.value not in ("disk", "process"):
        spot.error("endpoints.durability", "disk or process", did_you_mean(spot.value, ("disk", "process")))
        return "disk"
    return cast("Durability", spot.value)


def _conversations(root: Spot) -> tuple[float | None, float | None]:
    """Return the retention in days, and the duration of a lease in seconds."""
    section = root.get("conversations")
    if section is None or section.value is None:
        return None, None
    section.only(("retention_days", "lease_seconds"), "endpoints.unknown-key", "an option that conversations can have")
    days = _number(section, "retention_days", lambda days: 0 < days < float("inf"), "a number of days greater than 0")
    lease_s = _number(section, "lease_seconds", lambda seconds: 1 <= seconds <= _MAX_LEASE_S, _LEASE)
    return days, lease_s


def _number(section: Spot, key: str, fits: Callable[[float], bool], expected: str) -> float | None:
    spot = section.get(key)
    if spot is None or spot.value is None:
        return None
    number = spot.number()
    if number is not None and not fits(number):
        spot.error("endpoints.retention" if key == "retention_days" else "endpoints.lease", expected)
        return None
    return number


def _trust(root: Spot) -> bool:
    spot = root.get("trust_model_code")
    return bool(spot.flag()) if spot is not None and spot.value is not None else False


def trusts_model_code(root: Path) -> bool:
    """Return whether the project's `endpoints.yml` contains `trust_model_code: true`.

    The rest of the file is not checked.
    """
    path = root / "endpoints.yml"
    if not path.exists():
        return False
    report = Report(root)
    try:
        return _trust(Spot(read_document(path, report), report.name_of(path), 1, "", report))
    except Broken:
        return False


def _limits(root: Spot) -> str | Json:
    spot = root.get("limits")
    if spot is None or spot.value is None:
        return "normal"
    if isinstance(spot.value, dict):
        for _, limit in spot.entries():
            number = limit.number()
            if number is not None and number < 0:
                limit.error("endpoints.limit", "a number, 0 or more")
        return cast("Json", plain(spot.value))
    if spot.value not in ("normal", "public"):
        spot.error(
            "endpoints.limits", "normal, public, or a mapping of limits", did_you_mean(spot.value, ("normal", "public"))
        )
        return "normal"
    return str(spot.value)


def _private_addresses(root: Spot) -> bool | tuple[str, ...]:
    spot = root.get("allow_private_addresses")
    if spot is None or spot.value is None:
        return False
    if isinstance(spot.value, bool):
        return spot.value
    networks = plain(spot.value)
    try:
        if not isinstance(networks, list):
            raise TypeError("not a list")  # noqa: TRY301  # reported like a wrong network
        for network in networks:
            ipaddress.ip_network(str(network), strict=False)
    except (ValueError, TypeError):
        spot.error("endpoints.private-addresses", "true, false, or a list of networks, for example [10.1.0.0/16]")
        return False
    return tuple(map(str, networks))
