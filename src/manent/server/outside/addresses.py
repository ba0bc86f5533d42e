"""HTTP clients for URLs in requests (`callback_url`, `model_server`). They connect only to public addresses.

Without this restriction, a user of the management API could make the server send requests to machines in its network or
to the metadata service of a cloud. The address is checked when the connection is made, so a host name cannot bypass the
check by resolving to a different address at the second lookup. URLs in `endpoints.yml` and `credentials.yml` are not
checked, because the server's owner wrote these files.
"""

import asyncio
import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from manent.core.errors import RequestError

if TYPE_CHECKING:
    import aiohttp

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses whose last 32 bits are the IPv4 address to which a gateway connects (RFC 6052)."""

_LOCAL = (ipaddress.IPv6Network("fec0::/10"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""Private networks that Python treats as public: site-local addresses, and local-use gateways (RFC 8215)."""

OPTION = "allow_private_addresses"


class PrivateAddressError(OSError):
    """A connection to an address that is not public."""


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """The addresses to which URLs in requests may resolve: all public addresses, and those allowed here.

    Attributes:
        everything: whether all addresses are allowed.
        networks: private networks that are allowed.
    """

    everything: bool = False
    networks: tuple[Network, ...] = ()

    @classmethod
    def read(cls, option: bool | tuple[str, ...]) -> "AllowedAddresses":  # noqa: FBT001  # the option has these types
        """Return the addresses that a valid value of `allow_private_addresses` allows."""
        if isinstance(option, bool):
            return cls(everything=option)
        return cls(networks=tuple(ipaddress.ip_network(network, strict=False) for network in option))

    def has(self, address: str) -> bool:
        """Return whether a numeric address is allowed."""
        if self.everything:
            return True
        found = _embedded(ipaddress.ip_address(address.partition("%")[0]))
        is_public = found.is_global and not found.is_multicast and not any(found in network for network in _LOCAL)
        return is_public or any(found in network for network in self.networks)

    async def check_url(self, url: str, name: str) -> None:
        """Reject a forbidden URL before the server computes the result. `open_session` checks each connection again.

        Args:
            url: the URL in the request.
            name: name of the parameter that contains the URL, for the error.

        Raises:
            RequestError: `bad_request` if this is not an HTTP URL; `private_address` if all addresses of its host are
                private.
        """
        try:
            place = urlsplit(url)
            host, port = place.hostname, place.port
        except ValueError:
            host, port = None, None
        if not url.startswith(("http://", "https://")) or not host:
            raise RequestError("bad_request", f"{name} must be a URL that starts with http:// or https://")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # the name may resolve later, when the connection is made
        if not any(self.has(str(address[0])) for *_, address in found):
            raise RequestError(
                "private_address",
                f"{name} leads to a private address: use a public host, or allow it with {OPTION} in endpoints.yml",
            )

    def open_session(self, *, timeout_s: float) -> "aiohttp.ClientSession":
        """Return a client that connects to allowed addresses only, without cookies and proxies.

        Its requests must use `allow_redirects=False`.
        """
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=self._open_socket, force_close=True),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small compressed body can become a huge one
        )

    def _open_socket(self, target: Any) -> socket.socket:
        """Return a socket for one of a host's addresses. See `socket_factory` of `aiohttp.TCPConnector`."""
        family, kind, protocol, _, address = target
        if not self.has(str(address[0])):
            raise PrivateAddressError(
                errno.EACCES, f"its address {address[0]} is private ({OPTION} in endpoints.yml allows it)"
            )
        return socket.socket(family, kind, protocol)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 address, or the address itself if there is none."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _NAT64 or int(address) >> 32 == 0:  # the second condition matches the obsolete form ::a.b.c.d
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
