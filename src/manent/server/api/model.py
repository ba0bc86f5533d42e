"""The management API of the model (contract §8), served with `--enable-api` only: parse, predict, train, swap."""

import asyncio
import logging
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.errors import ModelError, RequestError
from manent.core.events import Json
from manent.runtime import tracker_reader
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.registry import Conversations
from manent.runtime.json_input import read_json, read_json_object
from manent.runtime.tracker_json import tracker_to_wire
from manent.runtime.tracker_reader import Verbosity
from manent.runtime.user_messages import checked_text
from manent.server.api.auth import Guard
from manent.server.api.callbacks import Later
from manent.server.api.conversations import events_of, verbosity_of
from manent.server.api.emulation import EMULATIONS
from manent.server.api.predictions import predict
from manent.server.jobs.training import train_document

log = logging.getLogger("manent.model")

_encode = msgspec.json.Encoder(enc_hook=str).encode

DOWNLOAD_TIMEOUT_S = 300.0

Load = Callable[[Path], Assistant]
"""Loads a model file. Raises ModelError."""

Swap = Callable[[Assistant], Awaitable[None]]
"""Makes another assistant the one of the next turn, with everything that depends on it."""


class ModelApi:
    """The endpoints.

    Args:
        conversations: whose model it is.
        guard: who may.
        models: where the server's models are, file or folder.
        load: see `Load`.
        swap: see `Swap`.
    """

    def __init__(self, conversations: Conversations, guard: Guard, *, models: Path, load: Load, swap: Swap) -> None:
        self.conversations = conversations
        self.guard = guard
        self.models = (models if models.is_dir() or not models.suffix else models.parent).absolute()
        self.load = load
        self.swap = swap
        self.training_jobs = 0
        self.later = Later()

    def routes(self) -> list[Route]:
        """Return `/model…`, `/domain` and `/status`."""
        served: tuple[tuple[str, str, Callable[[Request], Awaitable[Response]]], ...] = (
            ("POST", "/model/parse", self.parse),
            ("POST", "/model/predict", self.predict),
            ("POST", "/model/train", self.train),
            ("PUT", "/model", self.replace),
            ("DELETE", "/model", self.unload),
            ("GET", "/domain", self.domain),
            ("GET", "/status", self.status),
        )
        return [Route(path, self._guarded(endpoint), methods=[method]) for method, path, endpoint in served]

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            self.guard.check(request)
            return await endpoint(request)

        return serve

    async def status(self, _: Request) -> Response:
        """Say which model is loaded and how many are being trained."""
        model = self.conversations.engine.assistant
        return _json(
            {"model_file": model.file, "model_id": model.model_id, "num_active_training_jobs": self.training_jobs}
        )

    async def parse(self, request: Request) -> Response:
        """Say what the NLU makes of a text."""
        mode = request.query_params.get("emulation_mode")
        if mode is not None and mode.upper() not in EMULATIONS:
            raise RequestError("bad_request", f"emulation_mode must be one of {', '.join(EMULATIONS)}")
        body = read_json_object(await request.body())
        text = body.get("text")
        if not isinstance(text, str):
            raise RequestError("bad_request", 'the body needs a "text", a string')
        text = checked_text(text, self.conversations.engine.limits.text)
        parsed = await self.conversations.engine.parse(self.conversations.engine.assistant, text)
        return _json(parsed if mode is None else EMULATIONS[mode.upper()](parsed))

    async def predict(self, request: Request) -> Response:
        """Say what the policies would do after a list of events."""
        verbosity = verbosity_of(request)
        body = read_json(await request.body())
        if not isinstance(body, list):
            raise RequestError("bad_request", "the body must be a list of events")
        assistant = self.conversations.engine.assistant
        events = events_of(body)
        tracker = tracker_reader.fold("default", assistant.domain, events)
        answer = predict(assistant, tracker)
        shown = None if verbosity is Verbosity.NONE else [msgspec.json.encode(event) for event in events]
        return _json({**answer, "tracker": tracker_to_wire(tracker, shown)})

    async def train(self, request: Request) -> Response:
        """Train a model from one YAML document: config, domain and training data."""
        text = (await request.body()).decode("utf-8", "replace")
        if not text.strip():
            raise RequestError("bad_request", "the body must be a YAML document with config, domain and training data")
        return await self.later.answer(
            request,
            self._train(
                text,
                keep=request.query_params.get("save_to_default_model_directory", "true").lower() == "true",
                force=request.query_params.get("force_training", "false").lower() == "true",
            ),
        )

    async def _train(self, text: str, *, keep: bool, force: bool) -> Response:
        self.training_jobs += 1
        try:
            with tempfile.TemporaryDirectory(prefix="manent-model-") as folder:
                path = await train_document(text, out=self.models if keep else Path(folder), force=force)
                content = await asyncio.to_thread(path.read_bytes)
        finally:
            self.training_jobs -= 1
        return Response(content, headers={"filename": path.name}, media_type="application/octet-stream")

    async def replace(self, request: Request) -> Response:
        """Load another model; turns that are at work end with the one they began with."""
        body = read_json_object(await request.body())
        match body:
            case {"model_file": str(file)} if file:
                await self._load(Path(file))
            case {"model_server": {"url": str(url)} as server}:
                await self._load_from_server(url, server)
            case _:
                raise RequestError(
                    "bad_request",
                    "the body needs model_file (a path) or model_server (with url); no other is supported",
                )
        return Response(status_code=204)

    async def _load(self, path: Path) -> None:
        try:
            assistant = await asyncio.to_thread(self.load, path)
        except ModelError as error:
            raise RequestError(error.code, error.message) from error
        await self.swap(assistant)
        log.info("loaded another model", extra={"model": assistant.file})

    async def _load_from_server(self, url: str, server: Json) -> None:
        import aiohttp

        params = {str(key): str(value) for key, value in (server.get("params") or {}).items()}
        if server.get("token"):
            params[str(server.get("token_name") or "token")] = str(server["token"])
        headers = {str(key): str(value) for key, value in (server.get("headers") or {}).items()}
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, params=params, headers=headers) as answer,
            ):
                if answer.status != 200:  # noqa: PLR2004
                    raise RequestError("model_server", f"the model server answered {answer.status}")
                content = await answer.read()
                name = Path(answer.headers.get("filename") or "model.tar.gz").name
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RequestError("model_server", f"the model server could not be reached: {error}") from error
        with tempfile.TemporaryDirectory(prefix="manent-model-") as folder:
            path = Path(folder, name)
            await asyncio.to_thread(path.write_bytes, content)
            await self._load(path)

    async def unload(self, _: Request) -> Response:
        """Do without a model: messages are refused until another one is loaded."""
        self.conversations.engine.model = None
        return Response(status_code=204)

    async def domain(self, request: Request) -> Response:
        """Show the domain as JSON or YAML."""
        original = self.conversations.engine.assistant.domain.original
        kind = _accepted(request.headers.get("accept"))
        if kind == "json":
            return _json(original)
        return Response(write_yaml(original), media_type="application/x-yaml")

    async def close(self) -> None:
        """End trainings that somebody waits for elsewhere."""
        await self.later.close()


class _Dumper(yaml.SafeDumper):
    """Writes by the rules of YAML 1.2, which Rasa's files follow: only `true` and `false` need quotes as strings."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's way
        letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for letter, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))


def write_yaml(value: Any) -> str:
    """Return a value as YAML."""
    shown: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return shown


def _accepted(header: str | None) -> str:
    """Return `json` or `yaml`, whichever the client accepts first.

    Raises:
        RequestError: `not_acceptable`.
    """
    for part in (header or "*/*").split(","):
        media = part.partition(";")[0].strip().lower()
        if media in ("*/*", "application/*", "") or media.endswith("json"):
            return "json"
        if media.endswith(("yml", "yaml")):
            return "yaml"
    raise RequestError(
        "not_acceptable", "the domain comes as application/json or application/x-yaml; accept one of them", status=406
    )


def _json(body: Any) -> Response:
    return Response(_encode(body), media_type="application/json")
