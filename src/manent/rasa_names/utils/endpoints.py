"""Stand-ins for `rasa.utils.endpoints`."""

import ssl
from typing import Any

import aiohttp
from sanic.request import Request

TIMEOUT_S = 300


def concat_url(base: str, subpath: str | None) -> str:
    """Return the URL for a path below a base URL."""
    if not subpath:
        return base
    return f"{base.rstrip('/')}/{subpath.lstrip('/')}"


class EndpointConfig:
    """A server's URL, with the headers, parameters and credentials for requests to it."""

    def __init__(
        self,
        url: str | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        basic_auth: dict[str, str] | None = None,
        token: str | None = None,
        token_name: str = "token",  # noqa: S107  # the name of a query parameter
        cafile: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.url = url
        self.params = params or {}
        self.headers = headers or {}
        self.basic_auth = basic_auth or {}
        self.token = token
        self.token_name = token_name
        self.cafile = cafile
        self.type = kwargs.pop("store_type", kwargs.pop("type", None))
        self.kwargs = kwargs

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "EndpointConfig":
        """Create an endpoint from its options."""
        return cls(**data)

    def combine_parameters(self, kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the query parameters of a request."""
        params = dict(self.params)
        if kwargs and "params" in kwargs:
            params |= kwargs.pop("params")
        return params | ({self.token_name: self.token} if self.token else {})

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,  # noqa: FBT001, FBT002  # Rasa's signature
        **kwargs: Any,
    ) -> Any:
        """Send a request and return the response's JSON, or None if the response is not JSON.

        Raises:
            ClientResponseError: the response's status is 400 or higher.
        """
        headers = {
            **({"Content-Type": content_type} if content_type else {}),
            **self.headers,
            **kwargs.pop("headers", {}),
        }
        auth = None
        if self.basic_auth:
            auth = aiohttp.BasicAuth(self.basic_auth["username"], self.basic_auth["password"])
        context = ssl.create_default_context(cafile=self.cafile) if self.cafile else True
        params = self.combine_parameters(kwargs)
        url = concat_url(self.url or "", subpath)
        async with (
            aiohttp.ClientSession(
                headers=headers, auth=auth, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as session,
            session.request(method, url, params=params, compress=compress or None, ssl=context, **kwargs) as answer,
        ):
            if answer.status >= 400:  # noqa: PLR2004  # HTTP errors
                raise ClientResponseError(answer.status, answer.reason or "", await answer.text())
            try:
                return await answer.json()
            except aiohttp.ContentTypeError:
                return None


class ClientResponseError(aiohttp.ClientError):
    """A server's response has an error status."""

    def __init__(self, status: int, message: str, text: str) -> None:
        super().__init__(f"{status}, {message}, body={text!r}")
        self.status = status
        self.message = message
        self.text = text


def bool_arg(request: Request, name: str, default: bool = True) -> bool:  # noqa: FBT001, FBT002  # Rasa's signature
    """Return a query parameter as a boolean."""
    return str(request.args.get(name, str(default))).lower() == "true"


def float_arg(request: Request, key: str, default: float | None = None) -> float | None:
    """Return a query parameter as a number."""
    try:
        return float(request.args[key][0])
    except (KeyError, IndexError, ValueError, TypeError):
        return default


def int_arg(request: Request, key: str, default: int | None = None) -> int | None:
    """Return a query parameter as a whole number."""
    found = float_arg(request, key)
    return default if found is None else int(found)
