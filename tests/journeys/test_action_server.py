import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from manent.actions.endpoint import Endpoint, read_endpoint
from manent.actions.remote import RemoteActions
from manent.core.domain import Domain
from manent.core.errors import ActionError, ProjectError
from support.action_servers import ASSISTANTS, action_call, action_server, wait_for
from support.ports import free_port

SLOTS = ["email", "may_ask_age", "age"]
DOMAIN_3 = {"slots": {}, "forms": {"signup_form": {"required_slots": SLOTS}, "poll_form": {"required_slots": SLOTS}}}
MAPPINGS: dict[str, Any] = {name: [{"type": "from_text"}] for name in SLOTS}
DOMAIN_2_6 = {"slots": {}, "forms": {"signup_form": {"required_slots": MAPPINGS}, "poll_form": {"required_slots": {}}}}
DOMAIN_2_0 = {"slots": {}, "forms": {"signup_form": {"ignored_intents": ["bye"], **MAPPINGS}, "poll_form": None}}


@pytest.fixture(scope="session")
def kinds_url() -> Iterator[str]:
    """The real action server with actions of every kind."""
    with action_server(ASSISTANTS / "action_kinds", "kinds") as url:
        yield url


@pytest.fixture(scope="session")
def legacy_url() -> Iterator[str]:
    """The real action server with code from the years of rasa-sdk 2.x."""
    with action_server(ASSISTANTS / "actions_2x") as url:
        yield url


def get(url: str) -> Any:
    """GET some JSON."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  # our own URL
        return json.load(response)


async def run(url: str, name: str, *, domain: dict[str, Any] | None = None, **slots: object) -> list[dict[str, Any]]:
    """Run an action of a server; return its events."""
    runner = RemoteActions(
        Endpoint(read_endpoint("action_endpoint", {"url": url, "timeout": 10})),
        Domain(original=domain or {"forms": {}}),
    )
    try:
        return list((await runner.run(action_call(name, "hi", **slots))).events)
    finally:
        await runner.close()


def test_health_and_actions_are_listed(kinds_url: str) -> None:
    """The server says that it lives, and which actions it has."""
    base = kinds_url.removesuffix("/webhook")

    assert get(f"{base}/health") == {"status": "ok"}
    assert {"name": "action_echo"} in get(f"{base}/actions")


async def test_an_action_runs_on_the_server(kinds_url: str) -> None:
    """A call goes to the project's code and back."""
    events = await run(kinds_url, "action_echo_async", domain={"intents": []})

    assert [event["value"] for event in events] == ["hi"]


@pytest.mark.parametrize(
    ("name", "code"), [("action_raises", "action_failed"), ("action_nobody_wrote", "action_unknown")]
)
async def test_failures_of_the_server_have_codes(kinds_url: str, name: str, code: str) -> None:
    """What the SDK answers for an exception and for an unknown name is understood."""
    with pytest.raises(ActionError) as caught:
        await run(kinds_url, name, domain={"intents": []})

    assert caught.value.code == code


async def test_the_sdk_gets_the_domain_when_it_misses_it(kinds_url: str) -> None:
    """A real SDK's status 449 under a selective domain is answered with the domain."""
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": kinds_url}))
    runner = RemoteActions(endpoint, Domain(original={"intents": ["greet"]}), selective_domain=True)
    result = await runner.run(action_call("action_vandal", basket=["apple"]))
    await runner.close()

    assert result.responses[0]["text"] == "1 1"


async def test_the_sdk_inflates(kinds_url: str) -> None:
    """A real SDK understands compressed requests."""
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": kinds_url}))
    runner = RemoteActions(endpoint, Domain(original={"intents": ["greet"]}), compress=True)
    result = await runner.run(action_call(text="deflated"))
    await runner.close()

    assert result.responses[0]["text"] == "deflated"


@pytest.mark.parametrize("domain", [DOMAIN_3, DOMAIN_2_6, DOMAIN_2_0], ids=["3.x", "2.6", "2.0"])
async def test_a_validator_may_edit_the_slots_it_is_handed(legacy_url: str, domain: dict[str, Any]) -> None:
    """`.remove` and `.append` work call after call, and ask for what is left, in every spelling of the domain."""
    slots = {"email": "a@b.c", "may_ask_age": False, "age": None, "nickname": None}
    for _ in range(3):
        events = await run(legacy_url, "validate_signup_form", domain=domain, **slots)

        assert msgspec.to_builtins(events) == [
            {"event": "slot", "name": "requested_slot", "value": "nickname", "timestamp": None}
        ]


async def test_a_validator_that_removes_nothing_asks_for_everything(legacy_url: str) -> None:
    """The copy of one call is not the copy of the next."""
    slots = {"email": "a@b.c", "may_ask_age": True, "age": None, "nickname": None}
    events = await run(legacy_url, "validate_signup_form", domain=DOMAIN_3, **slots)

    assert [(event["name"], event["value"]) for event in events] == [("requested_slot", "age")]


async def test_the_slots_by_their_old_name(legacy_url: str) -> None:
    """`self.slots_mapped_in_domain(domain)` of SDK 2 is still there."""
    slots = {"email": "a@b.c", "may_ask_age": True, "age": "7", "comment": None}
    events = await run(legacy_url, "validate_poll_form", domain=DOMAIN_3, **slots)

    assert [(event["name"], event["value"]) for event in events] == [("requested_slot", "comment")]


def call_in_vain(request: urllib.request.Request) -> None:
    """Send a request that nobody is left to answer."""
    with pytest.raises(OSError):  # noqa: PT011  # any way of not answering
        urllib.request.urlopen(request, timeout=30)  # noqa: S310  # our own URL


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once(how: signal.Signals) -> None:
    """Also while an action blocks the server's only thread."""
    port = free_port()
    code = f"from manent.actions.server import serve; serve('kinds', host='127.0.0.1', port={port})"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=ASSISTANTS / "action_kinds")
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        body = msgspec.json.encode(
            {
                "next_action": "action_sleeps",
                "sender_id": "ada",
                "tracker": action_call(text="20").tracker,
                "domain": {"intents": ["greet"]},
            }
        )
        request = urllib.request.Request(f"http://127.0.0.1:{port}/webhook", data=body)
        calling = threading.Thread(target=call_in_vain, args=(request,))
        calling.start()
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(how)
        status = process.wait(timeout=30)
        took = time.monotonic() - started
        calling.join(timeout=10)

        assert status == 0
        assert took < 10  # the action takes 20
    finally:
        process.kill()
        process.wait()


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """The error names what is wrong."""
    (tmp_path / "taken_port_actions.py").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        code = f"from manent.actions.server import serve; serve('taken_port_actions', host='127.0.0.1', port={port})"
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == 1
    assert "in use" in ended.stderr


def test_a_missing_module_is_said(tmp_path: Path) -> None:
    """No `actions` package: a project error rather than a traceback of the SDK's."""
    from manent.actions.server import serve

    with pytest.raises(ProjectError) as caught:
        serve("actions_that_nobody_wrote", root=tmp_path)

    assert caught.value.problems[0].code == "actions.missing"


def make_certificate(folder: Path) -> Path:
    """Write a certificate for localhost that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


async def test_https(tmp_path: Path) -> None:
    """An action server with a certificate of its own is called when `cafile` names it, and not otherwise."""
    certificate = make_certificate(tmp_path)
    with action_server(ASSISTANTS / "action_kinds", "kinds", certificate=certificate) as url:
        trusted = RemoteActions(
            Endpoint(read_endpoint("action_endpoint", {"url": url, "cafile": str(certificate)})), Domain()
        )
        result = await trusted.run(action_call(text="secret"))
        await trusted.close()

        with pytest.raises(ActionError) as caught:
            await run(url, "action_echo")

    assert result.responses[0]["text"] == "secret"
    assert caught.value.code == "action_unreachable"
    assert "certificate" in caught.value.message.lower()
