"""The management API of conversations (contract §8), served with `--enable-api` only.

Reads come from the log (`runtime/tracker_reader.py`). Writes go through the conversation's mailbox
(`runtime/operations.py`), so that they stay in order with what visitors say and reach every socket.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, cast, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from manent.authoring import stories
from manent.channels.replies import replies_in
from manent.core.conversation_log import Head, LogEntry
from manent.core.domain import DEFAULT_INTENTS
from manent.core.errors import RequestError
from manent.core.events import Event, Json, encode_event, event_from_wire
from manent.runtime import export, operations, tracker_reader
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import checked_id
from manent.runtime.json_input import read_json, read_json_object
from manent.runtime.tracker_json import tracker_to_wire
from manent.runtime.tracker_reader import Reading, Verbosity
from manent.runtime.user_messages import user_message
from manent.server.api.auth import Guard
from manent.server.api.predictions import predict

_encode = msgspec.json.Encoder(enc_hook=str).encode

Endpoint = Callable[[Request, str], Awaitable[Response]]


def routes(conversations: Conversations, guard: Guard) -> list[Route]:
    """Return `/conversations/<id>/…`; an id may contain slashes."""
    api = _ConversationsApi(conversations)

    def guarded(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            sender_id = request.path_params["sender_id"]
            guard.check(request, sender_id)
            _ = conversations.engine.assistant  # without a model every one of these is a conflict
            return await endpoint(request, checked_id(sender_id))

        return serve

    served: tuple[tuple[str, str, Endpoint], ...] = (
        ("GET", "tracker", api.tracker),
        ("POST", "tracker/events", api.add_events),
        ("PUT", "tracker/events", api.replace_events),
        ("GET", "story", api.story),
        ("GET", "export", api.export),
        ("POST", "execute", api.execute),
        ("POST", "trigger_intent", api.trigger_intent),
        ("POST", "predict", api.predict),
        ("POST", "messages", api.add_message),
    )
    return [
        *(
            Route("/conversations/{sender_id:path}/" + path, guarded(endpoint), methods=[method])
            for method, path, endpoint in served
        ),
        Route("/conversations/{sender_id:path}", guarded(api.erase), methods=["DELETE"]),
    ]


class _ConversationsApi:
    """The endpoints, each of a request and the conversation it names."""

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations

    async def tracker(self, request: Request, sender_id: str) -> Response:
        """Show a tracker. An unknown id becomes a conversation, an empty one."""
        verbosity, until = verbosity_of(request), _until(request)
        if await self.conversations.engine.store.head(sender_id) is None:
            await self.conversations.create(sender_id)
        return await self._tracker(sender_id, verbosity, until=until)

    async def erase(self, _: Request, sender_id: str) -> Response:
        """Erase a conversation and notify its subscribers."""
        conversation = self.conversations.get(sender_id)
        if not await conversation.erase(new_epoch=None):
            raise unknown_conversation()
        conversation.feed.notify_moved("erased", "")
        return Response(status_code=204)

    async def add_events(self, request: Request, sender_id: str) -> Response:
        """Append events, one or a list."""
        verbosity = verbosity_of(request)
        body = read_json(await request.body())
        events = events_of(body if isinstance(body, list) else [body])
        if not events:
            raise RequestError("bad_request", "the body needs at least one event")
        conversation = self.conversations.get(sender_id)
        effects = _flag(request, "execute_side_effects")
        entries = await operations.apply_events(conversation, events, schedules=effects)
        if effects:
            await operations.send_out(conversation, entries, request.query_params.get("output_channel"))
        return await self._tracker(sender_id, verbosity)

    async def replace_events(self, request: Request, sender_id: str) -> Response:
        """Put a list of events in the place of the log."""
        verbosity = verbosity_of(request)
        body = read_json(await request.body())
        if not isinstance(body, list):
            raise RequestError("bad_request", "the body must be a list of events")
        await operations.replace_events(self.conversations.get(sender_id), events_of(body))
        return await self._tracker(sender_id, verbosity)

    async def story(self, request: Request, sender_id: str) -> Response:
        """Show a conversation as a test story."""
        head = await self._known(sender_id)
        until = _until(request)
        every = _flag(request, "all_sessions")
        after = 0 if every else max(0, head.session_seq - 1)
        entries = await self.conversations.engine.store.entries(sender_id, after=after, limit=head.version - after)
        events = [entry.event for entry in entries if until is None or (entry.event.timestamp or 0.0) <= until]
        return PlainTextResponse(stories.write(sender_id, events))

    async def export(self, request: Request, sender_id: str) -> Response:
        """Hand out all that is kept of a conversation, as JSON or as a transcript."""
        form = request.query_params.get("format", "json")
        if form not in get_args(export.Format):
            raise RequestError("bad_request", f"format must be one of {', '.join(get_args(export.Format))}")
        head = await self._known(sender_id)
        kind = "application/json" if form == "json" else "text/plain; charset=utf-8"
        written = export.pieces(self.conversations.engine.store, head, cast("export.Format", form))
        return StreamingResponse(written, media_type=kind)

    async def execute(self, request: Request, sender_id: str) -> Response:
        """Run an action."""
        verbosity = verbosity_of(request)
        body = read_json_object(await request.body())
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise RequestError("bad_request", "the body needs the name of an action")
        policy, confidence = body.get("policy"), body.get("confidence")
        if not isinstance(policy, str | None) or not isinstance(confidence, int | float | None):
            raise RequestError("bad_request", "policy must be a string, confidence a number")
        await self._known(sender_id)
        conversation = self.conversations.get(sender_id)
        channel = request.query_params.get("output_channel")
        try:
            entries = await operations.execute(
                conversation, name, policy=policy, confidence=confidence or 0.0, output_channel=channel
            )
        except RequestError as error:
            if error.code == "unknown_action":  # a fault of the request that Rasa's API answers so
                raise RequestError(error.code, error.message, status=500) from error
            raise
        return await self._said(conversation, entries, channel, verbosity)

    async def trigger_intent(self, request: Request, sender_id: str) -> Response:
        """Act as if the user had meant an intent."""
        verbosity = verbosity_of(request)
        body = read_json_object(await request.body())
        name, entities = body.get("name"), body.get("entities", [])
        if not isinstance(name, str) or not name:
            raise RequestError("bad_request", "the body needs the name of an intent")
        check_entities(entities)
        if name not in self.conversations.engine.assistant.domain.intents and name not in DEFAULT_INTENTS:
            raise RequestError("unknown_intent", f"the intent {name!r} does not exist in the domain", status=404)
        conversation = self.conversations.get(sender_id)
        channel = request.query_params.get("output_channel")
        entries = await operations.trigger(conversation, name, entities, output_channel=channel)
        return await self._said(conversation, entries, channel, verbosity)

    async def predict(self, request: Request, sender_id: str) -> Response:
        """Say what the policies would do next."""
        verbosity = verbosity_of(request)
        if await self.conversations.engine.store.head(sender_id) is None:
            raise unknown_conversation()
        found = await self._read(sender_id, verbosity)
        answer = predict(self.conversations.engine.assistant, found.tracker)
        answer["scores"].sort(key=lambda each: (-each["score"], each["action"]))
        return Response(_encode({**answer, "tracker": _wire(found)}), media_type="application/json")

    async def add_message(self, request: Request, sender_id: str) -> Response:
        """Log a user's message and fill slots from it, without answering."""
        verbosity = verbosity_of(request)
        body = read_json_object(await request.body())
        text, sender, parse_data = body.get("text"), body.get("sender", "user"), body.get("parse_data")
        if not isinstance(text, str):
            raise RequestError("bad_request", "the body needs the text of a message")
        if sender != "user":
            raise RequestError("bad_request", f"only messages of sender 'user' are taken; found {sender!r}")
        if not isinstance(parse_data, dict | None):
            raise RequestError("bad_request", "parse_data must be an object")
        message = user_message(
            sender_id,
            text,
            limits=self.conversations.engine.limits,
            input_channel=None,
            output_channel=operations.DEFAULT_OUTPUT,
            parse_data=parse_data,
        )
        await operations.log_message(self.conversations.get(sender_id), message)
        return await self._tracker(sender_id, verbosity)

    async def _said(
        self, conversation: Conversation, entries: list[LogEntry], channel: str | None, verbosity: Verbosity
    ) -> Response:
        await operations.send_out(conversation, entries, channel)
        found = await self._read(conversation.sender_id, verbosity)
        body: Json = {"messages": replies_in(conversation.sender_id, entries)}
        if operations.is_followed(conversation, channel):
            body = {}  # as in Rasa: what sockets are sent is not in the answer
        return Response(
            await asyncio.to_thread(lambda: _encode({"tracker": _wire(found), **body})),
            media_type="application/json",
        )

    async def _tracker(self, sender_id: str, verbosity: Verbosity, *, until: float | None = None) -> Response:
        found = await self._read(sender_id, verbosity, until=until)
        return Response(await asyncio.to_thread(lambda: _encode(_wire(found))), media_type="application/json")

    async def _read(self, sender_id: str, verbosity: Verbosity, *, until: float | None = None) -> Reading:
        found = await tracker_reader.read(
            self.conversations.engine.store,
            self.conversations.engine.assistant,
            sender_id,
            verbosity=verbosity,
            until=until,
        )
        if found is None:
            raise unknown_conversation()
        return found

    async def _known(self, sender_id: str) -> Head:
        head = await self.conversations.engine.store.head(sender_id)
        if head is None:
            raise unknown_conversation()
        return head


def unknown_conversation() -> RequestError:
    """Return the error of a request about a conversation that does not exist."""
    return RequestError("unknown_conversation", "there is no conversation of this id", status=404)


def events_of(wires: list[Any]) -> list[Event]:
    """Read events.

    Raises:
        RequestError: `invalid_event`.
    """
    events: list[Event] = []
    for number, wire in enumerate(wires):
        if not isinstance(wire, dict):
            raise RequestError("invalid_event", f"event {number} is not an object")
        events.append(event_from_wire(wire))
    return events


def verbosity_of(request: Request) -> Verbosity:
    """Read `include_events`, in any case.

    Raises:
        RequestError: `bad_request`.
    """
    asked_for = request.query_params.get("include_events")
    if asked_for is None:
        return Verbosity.AFTER_RESTART
    with contextlib.suppress(KeyError):
        return Verbosity[asked_for.upper()]
    names = ", ".join(verbosity.name for verbosity in Verbosity)
    raise RequestError("bad_request", f"include_events must be one of {names}")


def check_entities(entities: Any) -> None:
    """Check what `trigger_intent` may be given: a list of entities, or an object entity → value.

    Raises:
        RequestError: `bad_request`.
    """
    match entities:
        case None | dict():
            return
        case list() if all(isinstance(entity, dict) and isinstance(entity.get("entity"), str) for entity in entities):
            return
    raise RequestError("bad_request", 'entities must be a list of {"entity", "value", …} or an object entity → value')


def _wire(found: Reading) -> Json:
    wire = tracker_to_wire(found.tracker, None)
    if found.events is not None:
        wire["events"] = [msgspec.Raw(encode_event(event)) for event in found.events]
    return wire


def _until(request: Request) -> float | None:
    until = request.query_params.get("until")
    if until is None:
        return None
    try:
        return float(until)
    except ValueError as error:
        raise RequestError("bad_request", "until must be a time, in seconds since the epoch") from error


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "false").lower() in ("true", "1", "yes")
