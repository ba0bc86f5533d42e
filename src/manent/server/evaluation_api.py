"""`POST /model/test/intents`: how well a model understands annotated examples; with `--enable-api` only."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.errors import ProjectError, RequestError
from manent.core.events import Json
from manent.core.training_data import Example
from manent.nlu import evaluation
from manent.nlu.evaluation import Judged
from manent.runtime.assistant import Assistant
from manent.runtime.conversations import Conversations
from manent.server.auth import Guard
from manent.server.model_api import Load, write_yaml

_encode = msgspec.json.Encoder(enc_hook=str).encode


def routes(conversations: Conversations, guard: Guard, load: Load) -> list[Route]:
    """Return `/model/test/intents`."""

    async def intents(request: Request) -> Response:
        guard.check(request)
        if "cross_validation_folds" in request.query_params:
            raise RequestError(
                "not_available",
                "cross-validation trains many times: run `manent test nlu --cross-validation`",
                status=501,
            )
        text = (await request.body()).decode("utf-8", "replace")
        named = request.query_params.get("model")
        assistant = await _load(load, Path(named)) if named else conversations.assistant
        answer = await asyncio.to_thread(evaluate, text, assistant)
        return Response(_encode(answer), media_type="application/json")

    return [Route("/model/test/intents", intents, methods=["POST"])]


async def _load(load: Callable[[Path], Assistant], path: Path) -> Assistant:
    return await asyncio.to_thread(load, path)


def evaluate(text: str, assistant: Assistant) -> Json:
    """Judge the examples of a YAML document.

    Args:
        text: a document with `nlu:`.
        assistant: whose understanding is judged.

    Returns:
        `intent_evaluation`, `entity_evaluation` by extractor, `response_selection_evaluation`; the latter two are null
        when there is nothing of their kind.

    Raises:
        RequestError: `bad_request`; the document can't be read or has no examples.
    """
    judged = evaluation.judge(read_examples(text, assistant), assistant.parse)
    intents = evaluation.report_intents(judged)
    responses = evaluation.report_responses(judged)
    return {
        "intent_evaluation": {
            **_summary(intents),
            "predictions": [_prediction(item) for item in judged],
            "errors": evaluation.list_intents(judged, right=False),
        },
        "entity_evaluation": {
            extractor: {
                **_summary(evaluation.report_entities(judged, extractor)),
                "errors": evaluation.list_entities(judged, extractor, right=False),
            }
            for extractor in evaluation.find_extractors(judged)
        }
        or None,
        "response_selection_evaluation": {
            **_summary(responses),
            "errors": evaluation.list_responses(judged, right=False),
        }
        if responses
        else None,
    }


def read_examples(text: str, assistant: Assistant) -> Sequence[Example]:
    """Read the annotated examples of a YAML document, against the assistant's domain.

    Raises:
        RequestError: `bad_request`.
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


def _summary(report: Json) -> Json:
    weighted = report.get("weighted avg") or {}
    return {
        "report": report,
        "precision": weighted.get("precision", 0.0),
        "f1_score": weighted.get("f1-score", 0.0),
        "accuracy": report.get("accuracy", weighted.get("recall", 0.0)),
    }


def _prediction(item: Judged) -> Json:
    return {
        "text": item.example.text,
        "intent": item.intent,
        "predicted": item.predicted,
        "confidence": item.confidence,
    }
