"""Requests with a `callback_url`. They are answered immediately, and their result is sent to that URL later."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from manent.core.errors import ManentError, RequestError
from manent.server.api.errors import error_response

log = logging.getLogger("manent.http")

Job = Coroutine[Any, Any, Response]


class Callbacks:
    """The running jobs whose results will be sent to a callback URL."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request, job: Job) -> Response:
        """Run a job and answer with its result. If the request has a `callback_url`, answer immediately.

        Raises:
            RequestError: `bad_request`: the scheme of the URL is neither http nor https.
        """
        url = request.query_params.get("callback_url")
        if url is None:
            return await job
        if not url.startswith(("http://", "https://")):
            job.close()
            raise RequestError("bad_request", "callback_url must start with http:// or https://")
        task = asyncio.create_task(_send(url, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=204)

    async def close(self) -> None:
        """Cancel the running jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _send(url: str, job: Job) -> None:
    """Send the result of a job, or its error."""
    import aiohttp

    try:
        answer = await job
    except ManentError as error:
        answer = error_response(error)
    headers = {"Content-Type": answer.media_type or "application/octet-stream"}
    with contextlib.suppress(KeyError):
        headers["filename"] = answer.headers["filename"]
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=answer.body, headers=headers) as sent:
            await sent.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("could not send a result to the callback URL", extra={"error": str(error)})
