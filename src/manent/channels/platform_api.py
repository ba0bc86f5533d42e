"""An HTTP client for the API of a messenger platform. The calling channel interprets the responses."""

import asyncio
import importlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from manent.runtime.ports.channel import SendLater, Undeliverable

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S = 40.0
PIECE = 65_536
MAX_ANSWER = 1_000_000
"""Maximum number of bytes that are read of a response."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a call.

    Attributes:
        status: HTTP status code.
        headers: HTTP headers; the names are in lower case.
        body: the bytes of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object, or {} if it is not a JSON object."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def retry_after(self) -> float | None:
        """The seconds in the `Retry-After` header, or None if it contains no number."""
        try:
            return max(0.0, float(self.headers.get("retry-after", "")))
        except ValueError:
            return None

    def check(self, reason: str) -> None:
        """Raise an error if the status shows that the call failed.

        Args:
            reason: the platform's error text.

        Raises:
            SendLater: the status is 408, 425, 429, 3xx or 5xx, or is 401 or 407 (an operator can correct the
                credentials).
            Undeliverable: the status is another one from 400 to 499.
        """
        status = self.status
        if status < 300:  # noqa: PLR2004  # success
            return
        text = f"status {status}: {reason}" if reason else f"status {status}"
        if status >= 500 or status < 400 or status in {401, 407, 408, 425, 429}:  # noqa: PLR2004
            raise SendLater(text, retry_after=self.retry_after)
        raise Undeliverable(text)


class PlatformApi:
    """The connections of one channel to its platform. The first call opens them.

    Args:
        proxy: URL of an HTTP proxy, if any.
        cafile: file with the certificates of the trusted certificate authorities. By default, the system's are used.
    """

    def __init__(self, *, proxy: str | None = None, cafile: str | None = None) -> None:
        self._proxy = proxy
        self._cafile = cafile
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def call(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        form: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        follows_redirects: bool = False,
    ) -> Answer:
        """Send one request and return the response, even if its status is an error.

        Args:
            method: the HTTP method.
            url: the complete URL. It can contain a secret, so no error shows it.
            json: value that is encoded as the body.
            body: a body that is already encoded.
            form: fields that are encoded as an HTML form. A list becomes several fields with the same name.
            params: query parameters.
            headers: HTTP headers.
            follows_redirects: whether to follow redirects to other URLs.

        Raises:
            SendLater: the platform could not be reached or did not respond in time.
        """
        session = self._session or await self._open()
        import aiohttp

        sent = dict(headers or {})
        data: Any = body
        if json is not None:
            data = _encode(json)
        if form is not None:
            pairs = [(name, one) for name, value in form.items() for one in _listed(value)]
            data = aiohttp.FormData([(name, str(value)) for name, value in pairs])
        elif data is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            async with session.request(
                method,
                url,
                data=data,
                params=params,
                headers=sent,
                proxy=self._proxy,
                allow_redirects=follows_redirects,
            ) as answer:
                read = await answer.content.read(MAX_ANSWER)
                while len(read) < MAX_ANSWER and (more := await answer.content.read(MAX_ANSWER - len(read))):
                    read += more
                return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, read)
        except TimeoutError as error:
            raise SendLater(f"no answer within {TIMEOUT_S:.0f} s", may_have_arrived=True) from error
        except (aiohttp.ClientError, OSError) as error:
            may_have_arrived = not isinstance(error, aiohttp.ClientConnectorError)
            reason = f"could not be reached ({type(error).__name__})"
            # the original error can contain a secret from the URL
            raise SendLater(reason, may_have_arrived=may_have_arrived) from None

    async def download(self, url: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[bytes]:
        """Yield the pieces of a file. Redirects are not followed.

        Args:
            url: the whole URL. It may contain a secret, which no error shows.
            headers: HTTP headers.

        Raises:
            SendLater, Undeliverable: the platform did not answer, or answered with an error.
        """
        session = self._session or await self._open()
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_S, sock_read=TIMEOUT_S)
        try:
            async with session.get(
                url, headers=headers, proxy=self._proxy, allow_redirects=False, timeout=timeout
            ) as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                Answer(answer.status, found, b"").check("")
                async for piece in answer.content.iter_chunked(PIECE):
                    yield piece
        except TimeoutError as error:
            raise SendLater(f"no answer within {TIMEOUT_S:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SendLater(f"could not be reached ({type(error).__name__})") from None

    async def _open(self) -> "aiohttp.ClientSession":
        await asyncio.to_thread(importlib.import_module, "aiohttp")  # the import takes 0.2 s and would block the loop
        import aiohttp

        async with self._opening:
            if self._session is None:
                context = ssl.create_default_context(cafile=self._cafile) if self._cafile else True
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ssl=context),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            return self._session

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
