"""`POST /model/test/stories` and `…/intents`: evaluate a model. Both routes require `--enable-api`."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.errors import ProjectError, RequestError
from manent.core.events import Json
from manent.core.training_data import Example, Stories
from manent.dialogue.evaluation import Played, play_stories, remembered, report_stories
from manent.nlu import evaluation
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.registry import Conversations
from manent.server.api.auth import Guard
from manent.server.api.callbacks import Callbacks
from manent.server.api.model import write_yaml
from manent.server.jobs.cross_validation import cross_validate
from manent.server.models.switching import Load
from manent.server.operation import Operation
from manent.server.outside.addresses import AllowedAddresses

_encode = msgspec.json.Encoder(enc_hook=str).encode
MIN_FOLDS, MAX_FOLDS = 2, 20


class StoriesQuery(msgspec.Struct, kw_only=True):
    """Query parameters. With `e2e`, the model also parses the texts of user messages."""

    e2e: bool | UnsetType = UNSET


class IntentsQuery(msgspec.Struct, kw_only=True):
    """Parameters of an evaluation.

    Attributes:
        model: file of the model to evaluate instead of the loaded one.
        cross_validation_folds: number of folds for a cross-validation of the pipeline in the document.
        callback_url: URL to which the result is sent when it is ready. The response is then empty (status 204).
    """

    model: str | UnsetType = UNSET
    cross_validation_folds: Annotated[int, Meta(ge=MIN_FOLDS, le=MAX_FOLDS)] | UnsetType = UNSET
    callback_url: str | UnsetType = UNSET


TEST_STORIES = Operation(
    method="POST",
    path="/model/test/stories",
    summary="Evaluate the model on test stories",
    body="application/yaml",
    query=StoriesQuery,
    answer=dict[str, Any],
    errors=(400, 401, 403, 409),
)
TEST_INTENTS = Operation(
    method="POST",
    path="/model/test/intents",
    summary="Evaluate the model on annotated examples",
    body="application/yaml",
    query=IntentsQuery,
    answer=dict[str, Any],
    errors=(400, 401, 403, 409, 500),
)
OPERATIONS = (TEST_STORIES, TEST_INTENTS)


def routes(conversations: Conversations, guard: Guard, load: Load, allowed: AllowedAddresses) -> list[Route]:
    """Return `/model/test/stories` and `/model/test/intents`."""
    callbacks = Callbacks(allowed)

    async def stories(request: Request) -> Response:
        guard.check(request)
        assistant = conversations.engine.assistant
        text = await _text(request)
        end_to_end = request.query_params.get("e2e", "false").lower() == "true"
        return _json(await asyncio.to_thread(_test_stories, text, assistant, end_to_end=end_to_end))

    async def intents(request: Request) -> Response:
        guard.check(request)
        text = await _text(request)
        folds = _folds(request)
        if folds is not None:
            model = conversations.engine.model
            domain = write_yaml(model.domain.original) if model is not None else ""
            return await callbacks.answer(request, _cross_validate(text, folds, domain))
        named = request.query_params.get("model")
        assistant = await asyncio.to_thread(load, Path(named)) if named else conversations.engine.assistant
        return await callbacks.answer(request, _test_intents(text, assistant))

    return [
        TEST_STORIES.route(stories),
        TEST_INTENTS.route(intents),
    ]


async def _text(request: Request) -> str:
    return (await request.body()).decode("utf-8", "replace")


def _folds(request: Request) -> int | None:
    asked_for = request.query_params.get("cross_validation_folds")
    if asked_for is None:
        return None
    if not asked_for.isdecimal() or not MIN_FOLDS <= int(asked_for) <= MAX_FOLDS:
        raise RequestError(
            "bad_request", f"cross_validation_folds must be a whole number from {MIN_FOLDS} to {MAX_FOLDS}"
        )
    return int(asked_for)


async def _cross_validate(text: str, folds: int, domain: str) -> Response:
    return _json(await cross_validate(text, folds=folds, domain=domain))


async def _test_intents(text: str, assistant: Assistant) -> Response:
    def work() -> Json:
        judged = evaluation.judge(read_examples(text, assistant), assistant.parse)
        return evaluation.report_all(judged)

    return _json(await asyncio.to_thread(work))


def _test_stories(text: str, assistant: Assistant, *, end_to_end: bool) -> Json:
    parse = assistant.parse if end_to_end else None
    played = play_stories(assistant.dialogue, read_stories(text), parse=parse)
    report = report_stories(played)
    weighted = report["weighted avg"]
    return {
        "report": report,
        "precision": weighted["precision"],
        "f1": weighted["f1-score"],
        "accuracy": report["accuracy"],
        "actions": _actions(played),
        "in_training_data_fraction": remembered(played),
        "is_end_to_end_evaluation": end_to_end,
    }


def _actions(played: Sequence[Played]) -> list[Json]:
    return [
        {
            "action": move.pairs[0][0],
            "predicted": move.pairs[0][1],
            "policy": move.policy,
            "confidence": move.confidence,
        }
        for each in played
        for move in each.actions
    ]


def read_stories(text: str) -> Stories:
    """Read the test stories in a YAML document.

    Raises:
        RequestError: `bad_request`: the document cannot be read, or contains no examples.
    """
    from manent.project.data.stories import read_test_stories

    with tempfile.TemporaryDirectory(prefix="manent-test-") as folder:
        path = Path(folder, "test_stories.yml")
        path.write_text(text, encoding="utf-8")
        try:
            stories = read_test_stories([path], root=Path(folder))
        except ProjectError as error:
            raise RequestError("bad_request", error.message) from error
    if not stories.stories:
        raise RequestError("bad_request", "the body must be a YAML document with test stories under `stories:`")
    return stories


def read_examples(text: str, assistant: Assistant) -> Sequence[Example]:
    """Read the annotated examples in a YAML document, with the assistant's domain.

    Raises:
        RequestError: `bad_request`: the document cannot be read, or contains no examples.
    """
    from manent.project.reading import read_project

    with tempfile.TemporaryDirectory(prefix="manent-test-") as folder:
        root = Path(folder)
        (root / "data.yml").write_text(text, encoding="utf-8")
        (root / "domain.yml").write_text(write_yaml(assistant.domain.original), encoding="utf-8")
        (root / "config.yml").write_text("", encoding="utf-8")
        try:
            project = read_project(root, data=[Path("data.yml")])
        except ProjectError as error:
            raise RequestError("bad_request", error.message) from error
    if not project.nlu.examples:
        raise RequestError("bad_request", "the body must be a YAML document with annotated examples under `nlu:`")
    return project.nlu.examples


def _json(body: Json) -> Response:
    return Response(_encode(body), media_type="application/json")
