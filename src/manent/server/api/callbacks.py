"""Requests with a `callback_url`. The server responds immediately, and later sends the result to this URL."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from manent.core.errors import InternalError, ManentError
from manent.server.api.errors import error_response
from manent.server.outside.addresses import AllowedAddresses

log = logging.getLogger("manent.http")

Job = Coroutine[Any, Any, Response]

SEND_TIMEOUT_S = 300.0
"""Time limit for sending a result. A result can be a model with a size of many megabytes."""

_REDIRECT = 300


class Callbacks:
    """The running jobs whose results are sent to a callback URL.

    Args:
        allowed: the addresses to which callback URLs may resolve.
    """

    def __init__(self, allowed: AllowedAddresses) -> None:
        self._allowed = allowed
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request, job: Job) -> Response:
        """Run a job and return its result. If the request has a `callback_url`, return an empty response immediately.

        Raises:
            RequestError: see `AllowedAddresses.check_url`.
        """
        url = request.query_params.get("callback_url")
        if url is None:
            return await job
        try:
            await self._allowed.check_url(url, "callback_url")
        except BaseException:
            job.close()
            raise
        task = asyncio.create_task(_send(self._allowed, url, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=204)

    async def close(self) -> None:
        """Cancel the running jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _send(allowed: AllowedAddresses, url: str, job: Job) -> None:
    """Send the result of a job, or its error."""
    import aiohttp

    try:
        answer = await job
    except ManentError as error:
        answer = error_response(error)
    except Exception as error:
        log.exception("a job whose result is sent to a callback URL failed")
        fault = InternalError("internal_error", f"the request could not be processed: {type(error).__name__}")
        answer = error_response(fault)
    headers = {"Content-Type": answer.media_type or "application/octet-stream"}
    with contextlib.suppress(KeyError):
        headers["filename"] = answer.headers["filename"]
    try:
        async with (
            allowed.open_session(timeout_s=SEND_TIMEOUT_S) as session,
            session.post(url, data=answer.body, headers=headers, allow_redirects=False) as sent,
        ):
            if sent.status >= _REDIRECT:
                log.warning("the server at the callback URL rejected a result", extra={"status": sent.status})
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        log.warning("could not send a result to the callback URL", extra={"error": str(error) or type(error).__name__})
