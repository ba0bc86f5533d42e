"""The management API for the model (contract §8): parses texts, predicts actions, and trains and replaces models.

It requires `--enable-api`.
"""

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.errors import ModelError, RequestError
from manent.runtime import tracker_reader
from manent.runtime.conversation.registry import Conversations
from manent.runtime.json_input import read_body, read_json
from manent.runtime.tracker_json import tracker_to_wire
from manent.runtime.tracker_reader import Verbosity
from manent.runtime.user_messages import checked_text
from manent.server.api.auth import Guard
from manent.server.api.callbacks import Callbacks
from manent.server.api.emulation import EMULATIONS
from manent.server.api.predictions import Prediction, predict
from manent.server.api.trackers import Event, TrackerQuery, events_of, verbosity_of
from manent.server.jobs.training import train_document
from manent.server.models.sources import DOWNLOAD_TIMEOUT_S, UNCOMPRESSED, Download, remote_source, save_answer
from manent.server.models.switching import SharedModel
from manent.server.operation import Operation
from manent.server.outside.addresses import AllowedAddresses

_encode = msgspec.json.Encoder(enc_hook=str).encode


class ParseRequest(msgspec.Struct, kw_only=True):
    """The text to parse."""

    text: str


class ParseQuery(msgspec.Struct, kw_only=True):
    """Query parameters of `/model/parse`.

    Attributes:
        emulation_mode: the service in whose format the result is returned.
        diagnostics: whether to also return the calibrated probabilities. It cannot be combined with `emulation_mode`.
    """

    emulation_mode: Annotated[str, Meta(extra_json_schema={"enum": list(EMULATIONS)})] | UnsetType = UNSET
    diagnostics: bool | UnsetType = UNSET


class TrainQuery(msgspec.Struct, kw_only=True):
    """Query parameters of `/model/train`.

    With `callback_url`, the response is empty (status 204), and the model is sent to this URL when it is ready.
    """

    save_to_default_model_directory: bool | UnsetType = UNSET
    force_training: bool | UnsetType = UNSET
    callback_url: str | UnsetType = UNSET


class ModelServer(msgspec.Struct, kw_only=True):
    """A server from which to download a model. `token_name` is the query parameter for the token (default `token`)."""

    url: str
    token: Any = None
    token_name: Any = None
    headers: dict[str, Any] | None = None
    params: dict[str, Any] | None = None


class ModelSource(msgspec.Struct, kw_only=True):
    """The model to load: a file on this server, or a model server or object store from which to download it.

    Attributes:
        remote_storage: the type of object store, as for `--remote-storage`; the server's environment variables
            configure it. `model_file` is the name of the object. If it is missing, the newest model is used.
    """

    model_file: str | None = None
    model_server: ModelServer | None = None
    remote_storage: Literal["aws", "gcs", "azure"] | None = None


class Status(msgspec.Struct, kw_only=True):
    """The loaded model, and the number of running trainings that clients started.

    Attributes:
        model_problem: the reason why this server does not use the newest model.
    """

    model_file: str
    model_id: str
    num_active_training_jobs: int
    model_problem: str | UnsetType = UNSET


_GUARDED = (401, 403)

PARSE = Operation(
    method="POST",
    path="/model/parse",
    summary="Parse a text: intents and entities",
    body=ParseRequest,
    query=ParseQuery,
    answer=dict[str, Any],
    errors=(400, *_GUARDED, 409, 413),
)
PREDICT = Operation(
    method="POST",
    path="/model/predict",
    summary="Predict the next action after these events",
    body=list[Event],
    query=TrackerQuery,
    answer=Prediction,
    errors=(400, *_GUARDED, 409),
)
TRAIN = Operation(
    method="POST",
    path="/model/train",
    summary="Train a model from one YAML document",
    body="application/yaml",
    query=TrainQuery,
    answer="application/octet-stream",
    errors=(400, *_GUARDED, 500),
)
REPLACE = Operation(
    method="PUT",
    path="/model",
    summary="Load another model on all servers of the store",
    body=ModelSource,
    errors=(400, *_GUARDED),
    status=204,
)
UNLOAD = Operation(
    method="DELETE", path="/model", summary="Unload the model on all servers of the store", errors=_GUARDED, status=204
)
DOMAIN = Operation(
    method="GET", path="/domain", summary="The domain", answer=dict[str, Any], errors=(*_GUARDED, 406, 409)
)
STATUS = Operation(
    method="GET", path="/status", summary="Status of the loaded model", answer=Status, errors=(*_GUARDED, 409)
)
OPERATIONS = (PARSE, PREDICT, TRAIN, REPLACE, UNLOAD, DOMAIN, STATUS)


class ModelApi:
    """The endpoints.

    Args:
        conversations: the conversations that use the model.
        guard: checks who may use the API.
        models: loads models and replaces the current model.
        root: the project's folder.
        allowed: the addresses to which URLs in requests may resolve.
    """

    def __init__(
        self,
        conversations: Conversations,
        guard: Guard,
        *,
        models: SharedModel,
        root: Path,
        allowed: AllowedAddresses,
    ) -> None:
        self.conversations = conversations
        self.guard = guard
        self.models = models
        self.root = root
        self.training_jobs = 0
        self.allowed = allowed
        self.callbacks = Callbacks(allowed)

    def routes(self) -> list[Route]:
        """Return `/model…`, `/domain` and `/status`."""
        return [
            PARSE.route(self._guarded(self.parse)),
            PREDICT.route(self._guarded(self.predict)),
            TRAIN.route(self._guarded(self.train)),
            REPLACE.route(self._guarded(self.replace)),
            UNLOAD.route(self._guarded(self.unload)),
            DOMAIN.route(self._guarded(self.domain)),
            STATUS.route(self._guarded(self.status)),
        ]

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            self.guard.check(request)
            return await endpoint(request)

        return serve

    async def status(self, _: Request) -> Response:
        """Return the name of the loaded model and the number of running trainings."""
        model = self.conversations.engine.assistant
        problem = self.models.problem
        return _json(
            Status(
                model_file=model.file,
                model_id=model.model_id,
                num_active_training_jobs=self.training_jobs,
                model_problem=problem.message if problem is not None else UNSET,
            )
        )

    async def parse(self, request: Request) -> Response:
        """Parse a text."""
        mode = request.query_params.get("emulation_mode")
        if mode is not None and mode.upper() not in EMULATIONS:
            raise RequestError("bad_request", f"emulation_mode must be one of {', '.join(EMULATIONS)}")
        diagnostics = request.query_params.get("diagnostics", "false").lower() == "true"
        if diagnostics and mode is not None:
            raise RequestError("bad_request", "diagnostics and emulation_mode cannot be combined")
        asked = read_body(await request.body(), ParseRequest)
        text = checked_text(asked.text, self.conversations.engine.limits.text)
        assistant = self.conversations.engine.assistant
        parsed = await self.conversations.engine.parse(assistant, text)
        if diagnostics:
            parsed = {**parsed, "diagnostics": assistant.pipeline.diagnose(text)}
        return _json(parsed if mode is None else EMULATIONS[mode.upper()](parsed))

    async def predict(self, request: Request) -> Response:
        """Predict the next action after a list of events."""
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
        return await self.callbacks.answer(
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
                path = await train_document(text, out=self.models.folder if keep else Path(folder), force=force)
                content = await asyncio.to_thread(path.read_bytes)
        finally:
            self.training_jobs -= 1
        return Response(content, headers={"filename": path.name}, media_type="application/octet-stream")

    async def replace(self, request: Request) -> Response:
        """Load another model on all servers that use the store. Running turns finish with their old model."""
        source = read_body(await request.body(), ModelSource)
        try:
            if source.remote_storage is not None:
                storage = remote_source(source.remote_storage, source.model_file or "")
                await self.models.take(lambda to: storage.pull(to, None))
            elif source.model_file:
                await self.models.use(self.root / source.model_file)
            elif source.model_server is not None:
                await self._take_from_server(source.model_server)
            else:
                raise RequestError(
                    "bad_request",
                    "the body must contain model_file (a path), model_server (with url) or remote_storage (aws, gcs or"
                    " azure)",
                )
        except ModelError as error:
            raise RequestError(error.code, error.message) from error
        return Response(status_code=204)

    async def _take_from_server(self, server: ModelServer) -> None:
        import aiohttp

        await self.allowed.check_url(server.url, "model_server.url")
        params = {key: str(value) for key, value in (server.params or {}).items()}
        if server.token:
            params[str(server.token_name or "token")] = str(server.token)
        headers = {**UNCOMPRESSED, **{key: str(value) for key, value in (server.headers or {}).items()}}

        async def pull(to: Path) -> Download:
            async with (
                self.allowed.open_session(timeout_s=DOWNLOAD_TIMEOUT_S) as session,
                session.get(server.url, params=params, headers=headers, allow_redirects=False) as answer,
            ):
                return await save_answer(answer, to)

        try:
            await self.models.take(pull)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RequestError(
                "model_server", f"the model server could not be reached: {error or type(error).__name__}"
            ) from error

    async def unload(self, _: Request) -> Response:
        """Unload the model on all servers that use the store. Messages are rejected until another model is loaded."""
        await self.models.unload()
        return Response(status_code=204)

    async def domain(self, request: Request) -> Response:
        """Return the domain as JSON or YAML."""
        original = self.conversations.engine.assistant.domain.original
        kind = _accepted(request.headers.get("accept"))
        if kind == "json":
            return _json(original)
        return Response(write_yaml(original), media_type="application/x-yaml")

    async def close(self) -> None:
        """Cancel trainings with a callback URL."""
        await self.callbacks.close()


class _Dumper(yaml.SafeDumper):
    """Writes YAML 1.2, the version that Rasa uses.

    In YAML 1.2, only the strings `true` and `false` need quotes, because they would be read as booleans.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML requires this form
        letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for letter, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))


def write_yaml(value: Any) -> str:
    """Return a value as YAML."""
    shown: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return shown


def _accepted(header: str | None) -> str:
    """Return `json` or `yaml`, depending on the client's `Accept` header.

    Raises:
        RequestError: `not_acceptable`: the client accepts neither format.
    """
    for part in (header or "*/*").split(","):
        media = part.partition(";")[0].strip().lower()
        if media in ("*/*", "application/*", "") or media.endswith("json"):
            return "json"
        if media.endswith(("yml", "yaml")):
            return "yaml"
    raise RequestError(
        "not_acceptable", "unsupported Accept header; use application/json or application/x-yaml", status=406
    )


def _json(body: Any) -> Response:
    return Response(_encode(body), media_type="application/json")
