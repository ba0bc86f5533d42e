"""Before the pipeline parses a message, sends it to Duckling servers, which find dates, numbers and amounts.

`loading.py` creates the client if an assistant's pipeline contains a DucklingEntityExtractor.
`nlu/components/duckling.py` creates the requests and parses the responses. This module sends the requests in threads.
If a server fails, the client does not raise an error, but logs a warning and omits the server's entities.
"""

import asyncio
import http.client
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

from manent.core import finite
from manent.core.events import Json
from manent.nlu.components.duckling import URL_VARIABLE, read_answer
from manent.nlu.pipeline import Pipeline
from manent.nlu.services import Service

_THREADS = 16
"""Maximum number of concurrent requests.

If a server does not respond and all threads wait for it, other messages wait, too, at most until the timeout.
"""

_MAX_ANSWER = 1_000_000
_OK = 200

log = logging.getLogger("manent.duckling")


class DucklingServers:
    """A client for a pipeline's Duckling servers. It implements the runtime's `Services`."""

    def __init__(self, services: Sequence[Service]) -> None:
        chosen = os.environ.get(URL_VARIABLE)
        self._urls = {service: chosen or service.url for service in services}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="duckling")
        self._failing: set[str] = set()

    def ask(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the entities that each server found in a text. This blocks."""
        return {service: self._ask(service, url, text) for service, url in self._urls.items() if url and text}

    def _ask(self, service: Service, url: str, text: str) -> list[Json]:
        """Send a message to one server. Log the first failure and the recovery, but not the failures between them."""
        try:
            found = read_answer(finite.loads(_post(service, url, text)), service)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            if url not in self._failing:
                self._failing.add(url)
                reason = error or type(error).__name__
                log.warning("requests to Duckling at %s fail, so messages have no Duckling entities: %s", url, reason)
            return []
        if url in self._failing:
            self._failing.discard(url)
            log.info("requests to Duckling at %s succeed again", url)
        return found

    async def ask_aside(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the entities that each server found in a text, without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.ask, text)


def open_services(pipeline: Pipeline) -> DucklingServers | None:
    """Return a client for the pipeline's servers, or None if the pipeline has no DucklingEntityExtractor.

    The environment's `RASA_DUCKLING_HTTP_URL` takes precedence over the `url` in `config.yml`.
    """
    if not pipeline.services:
        return None
    if not os.environ.get(URL_VARIABLE) and not all(service.url for service in pipeline.services):
        log.warning(
            "DucklingEntityExtractor finds nothing, because it has no server; set its `url` or the variable %s",
            URL_VARIABLE,
        )
    return DucklingServers(pipeline.services)


def _post(service: Service, url: str, text: str) -> bytes:
    place = urlsplit(url if "://" in url else f"http://{url}")
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    connection = kind(place.netloc, timeout=service.timeout_s)
    try:
        connection.request(
            "POST", f"{place.path.rstrip('/')}/parse", urlencode(service.form(text, now=time.time())), headers
        )
        answer = connection.getresponse()
        body = answer.read(_MAX_ANSWER)
    finally:
        connection.close()
    if answer.status != _OK:
        raise ValueError(f"status {answer.status}")
    return body
