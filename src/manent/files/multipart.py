"""Reads a `multipart/form-data` body piece by piece: first the text fields, then one file, which must be the last part.

The order is important, because the server checks the sender before it reads the file. Browsers and curl send the
parts in the order in which the client adds them.
"""

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from manent.core.errors import RequestError

FILE: Final = "file"
MAX_FIELDS: Final = 10
MAX_FIELD: Final = 4_096
"""Maximum number of bytes of a text field."""

_Event = tuple[str, bytes]


class UploadForm:
    """A form that contains a file.

    Args:
        content_type: header of the request.
        body: the pieces of the body.

    Attributes:
        fields: the text fields.
        file_name: file name that the client sent.
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        from python_multipart.multipart import MultipartParser, parse_options_header

        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise RequestError("bad_request", "the body must be multipart/form-data with a boundary")
        self.fields: dict[str, str] = {}
        self.file_name = ""
        self._body = body
        self._events: deque[_Event] = deque()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: self._events.append(("begin", b"")),
                "on_header_field": lambda data, start, end: self._events.append(("name", data[start:end])),
                "on_header_value": lambda data, start, end: self._events.append(("value", data[start:end])),
                "on_header_end": lambda: self._events.append(("header", b"")),
                "on_headers_finished": lambda: self._events.append(("content", b"")),
                "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
                "on_part_end": lambda: self._events.append(("end", b"")),
                "on_end": lambda: self._events.append(("over", b"")),
            },
        )

    async def read_fields(self) -> None:
        """Read the parts before the file.

        Raises:
            RequestError: `bad_request`: the body is not a form with a file, or a field is too long.
        """
        while True:
            name, file_name = await self._read_head()
            if name == FILE:
                self.file_name = file_name
                return
            value = bytearray()
            async for piece in self._read_part():
                value += piece
                if len(value) > MAX_FIELD:
                    raise RequestError("bad_request", f"the field {name[:64]!r} is too long (limit {MAX_FIELD} bytes)")
            self.fields[name] = value.decode(errors="replace")
            if len(self.fields) > MAX_FIELDS:
                raise RequestError("bad_request", f"the form has too many fields (limit {MAX_FIELDS})")

    async def read_file(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file.

        Raises:
            RequestError: `bad_request`: the body ends early, or another part follows.
        """
        async for piece in self._read_part():
            yield piece
        kind, _ = await self._next()
        if kind != "over":
            raise RequestError("bad_request", f'"{FILE}" must be the last part of the form')

    async def _read_head(self) -> tuple[str, str]:
        """Read the headers of the next part. Return the name of the field and the file name."""
        from python_multipart.multipart import parse_options_header

        kind, _ = await self._next()
        if kind != "begin":
            raise RequestError("bad_request", f'the form has no part "{FILE}"')
        name, value = b"", b""
        options: dict[bytes, bytes] = {}
        while kind != "content":
            kind, data = await self._next()
            match kind:
                case "name":
                    name += data
                case "value":
                    value += data
                case "header":
                    if name.lower() == b"content-disposition":
                        _, options = parse_options_header(value)
                    name = value = b""
        names = [options.get(key, b"").decode(errors="replace") for key in (b"name", b"filename")]
        return names[0], names[1]

    async def _read_part(self) -> AsyncIterator[bytes]:
        while True:
            kind, data = await self._next()
            if kind == "end":
                return
            yield data

    async def _next(self) -> _Event:
        from python_multipart.exceptions import FormParserError

        while not self._events:
            piece = await anext(self._body, None)
            if piece is None:
                raise RequestError("bad_request", "the body ends before the end of the form")
            try:
                self._parser.write(piece)
            except FormParserError as error:
                raise RequestError("bad_request", f"the body is not a valid form: {error}") from error
        return self._events.popleft()
