"""Visitors' files: `POST /sessions/files` uploads a file, and `GET /files/<id>` reads one with a signed link.

Browsers must never run a file's content. So a file is always sent as a download, with its detected type and a content
security policy that forbids all content.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from manent.channels.inbox import caller_of
from manent.core.errors import ManentError
from manent.files.multipart import UploadForm
from manent.files.visitor_files import VisitorFiles
from manent.runtime.protocol1 import Sessions, files_off, refusal
from manent.runtime.rate_limits import address_of
from manent.runtime.refusal_log import note
from manent.server.api.errors import Refusal
from manent.server.edge.security import UPLOAD_PATH
from manent.server.operation import Operation

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
"""Headers of every file. Pages of other origins can show images, because the web chat is embedded in them."""


class Uploaded(msgspec.Struct, kw_only=True):
    """The file that was received. A message must name the file's id within an hour."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": True})]
    file_id: str
    name: str
    mime: str
    size: int


class LinkQuery(msgspec.Struct, kw_only=True):
    """The signature of a link."""

    expires: str
    signature: str


UPLOAD = Operation(
    method="POST",
    path=UPLOAD_PATH,
    summary="Upload a file: a form with session_id, optionally session_token, and file, in this order",
    body="multipart/form-data",
    answer=Uploaded,
    errors=(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
    error=Refusal,
)
READ = Operation(
    method="GET",
    path="/files/{file_id}",
    summary="Read a file with a signed link",
    query=LinkQuery,
    answer="application/octet-stream",
    errors=(403, 404, 503),
    error=Refusal,
)
OPERATIONS = (UPLOAD, READ)


def routes(sessions: Sessions, files: VisitorFiles | None) -> list[BaseRoute]:
    """Return the routes. If visitors cannot send files, uploads are refused with `files_off`."""
    api = _FilesApi(sessions, files)
    return [UPLOAD.route(api.upload), READ.route(api.read)]


class _FilesApi:
    """The endpoints."""

    def __init__(self, sessions: Sessions, files: VisitorFiles | None) -> None:
        self.sessions = sessions
        self.files = files

    async def upload(self, request: Request) -> Response:
        """Receive a file and return its id."""
        body = request.stream()
        try:
            answer = await self._upload(request, body)
        except ManentError as error:
            with contextlib.suppress(ManentError, ClientDisconnect):
                async for _ in body:  # clients read the response only after they have sent the body
                    pass
            return _refusal(request, error)
        return Response(
            msgspec.json.encode(answer), headers={"Cache-Control": "no-store"}, media_type="application/json"
        )

    async def _upload(self, request: Request, body: AsyncIterator[bytes]) -> dict[str, Any]:
        if self.files is None:
            raise files_off()
        caller = await caller_of(request, self.sessions.identity)
        form = UploadForm(request.headers.get("content-type", ""), body)
        await form.read_fields()
        admission = await self.sessions.admit_named(dict(form.fields), caller)
        self.sessions.conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        file = await self.files.receive(admission.sender_id, form.file_name, form.read_file())
        return {"ok": True, "file_id": file.file_id, "name": file.name, "mime": file.mime, "size": file.size}

    async def read(self, request: Request) -> Response:
        """Return the bytes of a file."""
        try:
            if self.files is None:
                raise files_off()
            query = request.query_params
            file = await self.files.find(
                request.path_params["file_id"], query.get("expires", ""), query.get("signature", "")
            )
            pieces = self.files.read(file)
            first = await anext(pieces, b"")  # storage errors must be raised before the headers are sent
        except ManentError as error:
            return _refusal(request, error)
        headers = {**HEADERS, "Content-Disposition": _attachment(file.name), "Content-Length": str(file.size)}
        return StreamingResponse(_with(first, pieces), headers=headers, media_type=_media_type(file.mime))


async def _with(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _media_type(mime: str) -> str:
    return f"{mime}; charset=utf-8" if mime == "text/plain" else mime


def _attachment(name: str) -> str:
    """Return the header value that makes browsers save a file under this name."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _refusal(request: Request, error: ManentError) -> Response:
    note(error, way=request.url.path, address=address_of(request.client.host if request.client else None))
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return Response(msgspec.json.encode(refusal(error)), error.status, headers, media_type="application/json")
