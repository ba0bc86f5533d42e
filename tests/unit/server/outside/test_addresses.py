"""Which addresses the server connects to for a request."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from manent.core.errors import RequestError
from manent.server.outside.addresses import AllowedAddresses
from support.action_servers import ScriptedServer

NOTHING = AllowedAddresses()


@pytest.fixture
async def inside() -> AsyncIterator[ScriptedServer]:
    """A server that only this machine can reach."""
    async for server in ScriptedServer().serve():
        yield server


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.7",
        "0.0.0.0",  # noqa: S104  # an address to refuse
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    """Loopback, private, link-local, multicast and unspecified addresses, in every notation."""
    assert not NOTHING.has(address)
    assert AllowedAddresses(everything=True).has(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    """The rest of the internet can be reached."""
    assert NOTHING.has(address)


def test_networks_of_the_option() -> None:
    """A list allows its networks and nothing else."""
    allowed = AllowedAddresses.read(("10.1.0.0/16", "fd00::/8", "127.0.0.1"))

    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7", "127.0.0.1"):
        assert allowed.has(address)
    for address in ("10.2.0.1", "127.0.0.2", "fe80::1"):
        assert not allowed.has(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0", "2130706433", "127.1", "0x7f000001"],  # noqa: S104
)
async def test_no_connection_reaches_this_machine(inside: ScriptedServer, host: str) -> None:
    """However the address is written, nothing connects."""
    url = f"http://{host}:{inside.port}/"
    with pytest.raises(RequestError) as caught:
        await NOTHING.check_url(url, "callback_url")
    assert caught.value.code == "private_address"
    async with NOTHING.open_session(timeout_s=10) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(url)

    assert inside.requests == []


async def test_a_name_that_changes_its_address(inside: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The early check sees a public address, the connection would go to this machine: it is not made."""
    resolve, answers = socket.getaddrinfo, ["93.184.216.34", "127.0.0.1", "127.0.0.1"]

    def find(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != "rebinding.test":
            return resolve(host, port, *arguments, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    url = f"http://rebinding.test:{inside.port}/"
    await NOTHING.check_url(url, "callback_url")
    async with NOTHING.open_session(timeout_s=10) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match=r"127\.0\.0\.1 is private"):
            await session.get(url)

    assert inside.requests == []


async def test_an_allowed_network_is_reached(inside: ScriptedServer) -> None:
    """With the option, the same URL works."""
    allowed = AllowedAddresses.read(("127.0.0.0/8",))
    await allowed.check_url(inside.url, "callback_url")
    async with allowed.open_session(timeout_s=10) as session, session.get(inside.url) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://", "//a.example", "http://[::1", "file:///etc/passwd", ""])
async def test_other_urls_are_refused(url: str) -> None:
    """Only HTTP URLs with a host are accepted."""
    with pytest.raises(RequestError) as caught:
        await NOTHING.check_url(url, "callback_url")

    assert caught.value.code == "bad_request"
