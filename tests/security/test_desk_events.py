"""Operators' internal events reach no one else, and no one else can write them."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.client import ChatClient
from manent.core.events import INTERNAL_KINDS, Operator
from manent.dialogue.steps import ActionResult
from manent.runtime import handling
from manent.runtime.ports.actions import ActionCall
from support.small_talk import Actions, Running, running, until
from unit.channels.sockets import page

ADA = Operator(id="operator-id-7", name="Ada")
SECRETS = (
    "note-in-the-log",
    "note-at-the-end",
    "label-of-the-desk",
    "comment-of-a-rating",
    "operator-id-7",
    "message-id-9",
)
CREDENTIALS = "rest:\nsocketio:\n  session_persistence: true\n"


async def handle(server: Running) -> None:
    """Let an operator take over the visitor's conversation, write, add a label, and return it."""
    conversation = server.conversations.get("ada")
    await handling.request_handoff(conversation, reason="note-in-the-log")
    await handling.say(conversation, ADA, text="Hi, Ada here.", message_id="message-id-9")
    await handling.note(conversation, ADA, "note-in-the-log")
    await handling.label(conversation, add=["label-of-the-desk"], operator=ADA)
    await handling.rate(conversation, 1, comment="comment-of-a-rating")
    await handling.hand_back(conversation, ADA, note="note-at-the-end")


def leaks(text: str) -> list[str]:
    """Return the secrets and the names of internal events that a text contains."""
    kinds = [kind for kind in INTERNAL_KINDS if f'"{kind}"' in text]
    return [secret for secret in SECRETS if secret in text] + kinds


async def test_no_outlet_shows_the_desk(tmp_path: Path) -> None:
    """Clients, REST, action server, broker, tracker, predictions, stories and exports contain no internal event."""
    actions = Actions()
    endpoints = "event_broker: {type: file, path: events.log}\n"
    texts: dict[str, str] = {}
    heard: list[Any] = []
    async with (
        running(tmp_path, credentials=CREDENTIALS, endpoints=endpoints, actions=actions, enable_api=True) as server,
        httpx.AsyncClient(base_url=server.url) as http,
        page(server.url) as plain,
        ChatClient(server.url, session_id="ada", on_event=lambda *event: heard.append(event)) as chat,
    ):
        await chat.send("hello")
        await chat.wait_for(lambda messages: len(messages) == 2)
        await handle(server)
        await chat.send("work")
        await chat.wait_for(lambda messages: texts_of(messages)[-1] == "Done.")
        texts["protocol 1"] = json.dumps([heard, chat.messages])
        texts["plain"] = json.dumps(plain.events)
        [call] = actions.calls
        texts["action server"] = _json(call.tracker)
        for name, path in {
            "tracker": "tracker?include_events=ALL",
            "applied": "tracker?include_events=APPLIED",
            "until": "tracker?include_events=ALL&until=99999999999",
            "story": "story?all_sessions=true",
            "export": "export",
            "transcript": "export?format=transcript",
        }.items():
            answer = await http.get(f"/conversations/ada/{path}")
            assert answer.status_code == 200
            texts[name] = answer.text
        for request in ("predict", "execute", "trigger_intent"):
            body = {"predict": {}, "execute": {"name": "utter_ping"}, "trigger_intent": {"name": "ping"}}[request]
            answer = await http.post(f"/conversations/ada/{request}?include_events=ALL", json=body)
            assert answer.status_code == 200, answer.text
            texts[request] = answer.text
        answer = await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "hello"})
        texts["rest"] = answer.text
        for request in ("session_request", "history_request"):
            asked: dict[str, Any] = {"protocol": 1, "session_id": "ada", "before": 1000}
            texts[request] = (await http.post(f"/sessions/{request}", json=asked)).text
        broker = tmp_path / "events.log"
        await until(lambda: broker.exists() and broker.read_text().count("Hello.") == 2)
        texts["broker"] = broker.read_text()
    assert {name: found for name, text in texts.items() if (found := leaks(text))} == {}
    for name in ("tracker", "action server", "broker", "export"):
        kinds = [kind for kind in ("pause", "agent", "resume") if f'"event":"{kind}"' in texts[name].replace(": ", ":")]
        assert kinds == ["pause", "agent", "resume"], name


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode()


def texts_of(messages: list[dict[str, Any]]) -> list[Any]:
    """Return the texts of messages."""
    return [message.get("text") for message in messages]


async def test_clients_that_see_operators_see_no_notes(tmp_path: Path) -> None:
    """With `accepts: ["agent"]`, a client gets the operator's name, but no note, label or rating."""
    heard: list[Any] = []
    async with (
        running(tmp_path) as server,
        ChatClient(
            server.url, session_id="ada", accepts=["agent"], on_event=lambda *event: heard.append(event)
        ) as chat,
    ):
        await chat.send("hello")
        await handle(server)
        await until(lambda: chat.handler == "bot")
        text = json.dumps([heard, chat.messages])
    assert set(leaks(text)) == {"operator-id-7"}


@pytest.mark.parametrize("kind", sorted(INTERNAL_KINDS))
async def test_nobody_else_writes_events_of_the_desk(tmp_path: Path, kind: str) -> None:
    """The API rejects them, and those of an action server are ignored. The head does not change."""
    operator = {"id": "mallory", "name": "Mallory"}
    event = {"event": kind, "operator": operator, "text": "x", "to": {"kind": "bot"}, "score": 5, "add": ["x"]}

    def work(_: ActionCall) -> ActionResult:
        return ActionResult(events=(event,), responses=({"text": "Done."},))

    async with (
        running(tmp_path, actions=Actions(work=work), enable_api=True) as server,
        httpx.AsyncClient(base_url=server.url) as http,
        ChatClient(server.url, session_id="ada") as chat,
    ):
        for method in ("POST", "PUT"):
            answer = await http.request(method, "/conversations/ada/tracker/events", json=[event])
            assert answer.status_code == 400
            assert "event of the desk" in answer.text
        await chat.send("work")
        await chat.wait_for(lambda messages: texts_of(messages)[-1:] == ["Done."])
        head = await server.conversations.engine.store.head("ada")
        kinds = {type(entry.event).__name__ for entry in await server.conversations.engine.store.entries("ada")}
    assert head is not None
    assert head.handling.handler == "bot"
    assert not kinds & {"HandoffRequested", "OperatorJoined", "OperatorLeft", "Note", "Labelled", "Rated"}


async def test_an_agent_event_from_outside_names_nobody(tmp_path: Path) -> None:
    """Rasa's `agent` event can be added from outside, and does not become an operator's message."""
    event = {"event": "agent", "text": "Forged.", "operator": {"id": "1", "name": "Ada"}, "message_id": "m"}
    async with running(tmp_path, enable_api=True) as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.post("/conversations/ada/tracker/events", json=event)
        assert answer.status_code == 200
        entries = await server.conversations.engine.store.entries("ada")
    [entry] = [entry for entry in entries if type(entry.event).__name__ == "AgentUttered"]
    assert entry.view is None
    assert not entry.event.operator  # type: ignore[union-attr]
