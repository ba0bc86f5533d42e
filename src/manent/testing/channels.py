"""The test suite that every channel with a webhook must pass.

Import the tests, and write a fixture `case` that returns a `Case`.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from manent.core.events import UserUttered
from manent.runtime.conversation.registry import Conversations
from manent.server.app import build
from manent.server.options import ServeOptions
from manent.training import TrainingOptions, train

__all__ = [
    "pytestmark",
    "test_a_message_is_stored_with_its_channel",
    "test_a_redelivered_message_is_one_turn",
    "test_health",
    "test_invalid_requests_change_nothing",
]

pytestmark = pytest.mark.asyncio

Arguments = Mapping[str, Any]
"""Arguments of `httpx.AsyncClient.request`: `method`, `url`, `json` or `content`, `headers`."""

_PROJECT = {
    "config.yml": "pipeline:\n- name: KeywordIntentClassifier\npolicies:\n- name: RulePolicy\n",
    "domain.yml": 'version: "3.1"\nintents: [greet]\nresponses:\n  utter_greet: [{text: Hello.}]\n',
    "data/nlu.yml": 'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n',
    "data/rules.yml": 'version: "3.1"\nrules:\n- rule: greet\n  steps: [{intent: greet}, {action: utter_greet}]\n',
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A channel to test, and the requests of its platform.

    Attributes:
        section: key of the channel in `credentials.yml`, which is its name or the path of its class.
        options: options of the channel.
        name: name of the channel in URLs and in the conversation log.
        deliver: returns the request that delivers a message. Its arguments are the sender, the text and the message id.
        rejected: requests that must be rejected with a status from 400 to 499, for example a request with a wrong
            signature.
        knows_ids: whether the platform sends message ids.
    """

    section: str
    name: str
    deliver: Callable[[str, str, str], Arguments]
    options: Mapping[str, Any] = field(default_factory=dict)
    rejected: tuple[Arguments, ...] = ()
    knows_ids: bool = True


@cache
def _model() -> Path:
    root = Path(tempfile.mkdtemp(prefix="manent-testing-"))
    for name, text in _PROJECT.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    trained = train(TrainingOptions(root=root)).path
    assert trained is not None
    return trained.absolute()


@contextlib.asynccontextmanager
async def serving(case: Case, root: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Conversations]]:
    """Serve a small assistant over the channel in this process."""
    (root / "credentials.yml").write_bytes(msgspec.json.encode({case.section: dict(case.options)}))  # JSON is YAML
    application = build(ServeOptions(root=root, model=_model()))
    transport = httpx.ASGITransport(application.asgi, raise_app_exceptions=False)
    async with application.opened(), httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        yield http, application.conversations


async def said(conversations: Conversations, sender: str) -> list[UserUttered]:
    """Return the logged messages of a sender after all of the sender's turns have ended."""
    await conversations.get(sender).perform(_nothing)
    entries = await conversations.engine.store.entries(sender)
    return [entry.event for entry in entries if isinstance(entry.event, UserUttered)]


async def _nothing(_: object) -> None:
    """Do nothing. As a mailbox job, this function runs after all waiting turns."""


async def test_health(case: Case, tmp_path: Path) -> None:
    """`GET /webhooks/<name>/` responds with status 200 and `{"status": "ok"}`."""
    async with serving(case, tmp_path) as (http, _):
        answer = await http.get(f"/webhooks/{case.name}/")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_message_is_stored_with_its_channel(case: Case, tmp_path: Path) -> None:
    """A delivered message gets a success response and is logged with the channel's name."""
    async with serving(case, tmp_path) as (http, conversations):
        answer = await http.request(**case.deliver("ada", "hello", "m1"))
        events = await said(conversations, "ada")

    assert answer.is_success
    assert [(event.text, event.input_channel) for event in events] == [("hello", case.name)]


async def test_a_redelivered_message_is_one_turn(case: Case, tmp_path: Path) -> None:
    """A repeated delivery gets a success response and does not start a second turn."""
    if not case.knows_ids:
        pytest.skip("the platform sends no message ids")
    async with serving(case, tmp_path) as (http, conversations):
        answers = [await http.request(**case.deliver("ada", "hello", "m1")) for _ in range(3)]
        events = await said(conversations, "ada")

    assert all(answer.is_success for answer in answers)
    assert len(events) == 1


async def test_invalid_requests_change_nothing(case: Case, tmp_path: Path) -> None:
    """Forged and malformed requests are rejected and do not change any conversation."""
    url = case.deliver("ada", "hello", "m1")["url"]
    malformed: tuple[Arguments, ...] = ({"method": "POST", "url": url, "content": b"{"},)
    async with serving(case, tmp_path) as (http, conversations):
        answers = [await http.request(**request) for request in (*malformed, *case.rejected)]
        heads = await conversations.engine.store.conversations()

    assert [answer.status_code for answer in answers if not 400 <= answer.status_code < 500] == []
    assert list(heads) == []
