"""The management API for conversations (contract §8).

It is served only with `--enable-api`. Reads use the log (`runtime/tracker_reader.py`). Writes go through the
conversation's mailbox (`runtime/operations.py`), which keeps them in order with the visitors' messages and notifies
every socket.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from manent.authoring import stories
from manent.channels.replies import replies_in
from manent.core.conversation_log import Head, LogEntry
from manent.core.domain import DEFAULT_INTENTS
from manent.core.errors import RequestError
from manent.core.events import Json, encode_event
from manent.runtime import export, operations, tracker_reader
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import checked_id
from manent.runtime.json_input import read_body, read_json
from manent.runtime.tracker_json import tracker_to_wire
from manent.runtime.tracker_reader import Reading, Verbosity
from manent.runtime.user_messages import user_message
from manent.server.api.auth import Guard
from manent.server.api.predictions import Prediction, predict
from manent.server.api.trackers import Event, Tracker, TrackerQuery, events_of, verbosity_of
from manent.server.api.webhooks import Reply
from manent.server.operation import Operation

_encode = msgspec.json.Encoder(enc_hook=str).encode

Endpoint = Callable[[Request, str], Awaitable[Response]]

Name = Annotated[str, Meta(min_length=1)]


class UntilQuery(TrackerQuery, kw_only=True):
    """Query parameters. `until` is a time in seconds since the epoch. Later events are omitted."""

    until: float | UnsetType = UNSET


class OutputQuery(TrackerQuery, kw_only=True):
    """Query parameters. `output_channel` is the channel that sends the bot's messages, or `latest`."""

    output_channel: str | UnsetType = UNSET


class AddEventsQuery(OutputQuery, kw_only=True):
    """Query parameters. With `execute_side_effects`, bot events are sent and reminders are scheduled."""

    execute_side_effects: bool | UnsetType = UNSET


class StoryQuery(msgspec.Struct, kw_only=True):
    """Query parameters. With `all_sessions`, all sessions are returned, not only the newest one."""

    until: float | UnsetType = UNSET
    all_sessions: bool | UnsetType = UNSET


class ExportQuery(msgspec.Struct, kw_only=True):
    """Options of an export."""

    format: Literal["json", "transcript"] | UnsetType = UNSET


class ExecuteRequest(msgspec.Struct, kw_only=True):
    """The action to run, and the policy and confidence to record for it."""

    name: Name
    policy: str | None = None
    confidence: float | None = None


class TriggerRequest(msgspec.Struct, kw_only=True):
    """The intent to trigger.

    `entities` is a list of `{entity, value, …}`, or an object that maps entity names to values.
    """

    name: Name
    entities: list[dict[str, Any]] | dict[str, Any] | None = msgspec.field(default_factory=list)


class MessageRequest(msgspec.Struct, kw_only=True):
    """A user's message to log. `parse_data` is its NLU result. If it is missing, the model parses the text."""

    text: str
    sender: Literal["user"] = "user"
    parse_data: dict[str, Any] | None = None


class TurnResult(msgspec.Struct, kw_only=True):
    """The tracker after a turn, and those of the bot's messages that were not sent to sockets."""

    tracker: Tracker
    messages: list[Reply] | UnsetType = UNSET


class Export(msgspec.Struct, kw_only=True):
    """All of a conversation's stored data. Times are in seconds since the epoch."""

    sender_id: str
    events: list[dict[str, Any]]
    slots: dict[str, Any]
    owner: str | UnsetType | None = UNSET
    started: float | UnsetType = UNSET
    updated: float | UnsetType = UNSET


class _AnyText(PathConvertor):
    """A path converter like `path` that also matches line breaks, because conversation ids can contain them."""

    regex = "(?s:.*)"


register_url_convertor("any_text", _AnyText())

_OF = "/conversations/{sender_id:any_text}"
_ERRORS = (400, 401, 403, 409)

TRACKER = Operation(
    method="GET", path=f"{_OF}/tracker", summary="The tracker", query=UntilQuery, answer=Tracker, errors=_ERRORS
)
ADD_EVENTS = Operation(
    method="POST",
    path=f"{_OF}/tracker/events",
    summary="Append events",
    body=Event | Annotated[list[Event], Meta(min_length=1)],
    query=AddEventsQuery,
    answer=Tracker,
    errors=_ERRORS,
)
REPLACE_EVENTS = Operation(
    method="PUT",
    path=f"{_OF}/tracker/events",
    summary="Replace the log with these events",
    body=list[Event],
    query=TrackerQuery,
    answer=Tracker,
    errors=_ERRORS,
)
STORY = Operation(
    method="GET",
    path=f"{_OF}/story",
    summary="The conversation as a test story",
    query=StoryQuery,
    answer="text/plain",
    errors=(*_ERRORS, 404),
)
EXPORT = Operation(
    method="GET",
    path=f"{_OF}/export",
    summary="Export a conversation as JSON or as a transcript",
    query=ExportQuery,
    answer=Export,
    also="text/plain",
    errors=(*_ERRORS, 404),
)
EXECUTE = Operation(
    method="POST",
    path=f"{_OF}/execute",
    summary="Run an action",
    body=ExecuteRequest,
    query=OutputQuery,
    answer=TurnResult,
    errors=(*_ERRORS, 404, 500),
)
TRIGGER_INTENT = Operation(
    method="POST",
    path=f"{_OF}/trigger_intent",
    summary="Trigger an intent as if the user had expressed it",
    body=TriggerRequest,
    query=OutputQuery,
    answer=TurnResult,
    errors=(*_ERRORS, 404),
)
PREDICT = Operation(
    method="POST",
    path=f"{_OF}/predict",
    summary="Predict the next action",
    query=TrackerQuery,
    answer=Prediction,
    errors=(*_ERRORS, 404),
)
ADD_MESSAGE = Operation(
    method="POST",
    path=f"{_OF}/messages",
    summary="Log a user's message without replying",
    body=MessageRequest,
    query=TrackerQuery,
    answer=Tracker,
    errors=(*_ERRORS, 413),
)
ERASE = Operation(
    method="DELETE",
    path=_OF,
    summary="Erase a conversation and all data stored about it",
    errors=(401, 403, 404, 409),
    status=204,
)
OPERATIONS = (
    TRACKER,
    ADD_EVENTS,
    REPLACE_EVENTS,
    STORY,
    EXPORT,
    EXECUTE,
    TRIGGER_INTENT,
    PREDICT,
    ADD_MESSAGE,
    ERASE,
)


def routes(conversations: Conversations, guard: Guard) -> list[Route]:
    """Return the routes under `/conversations/<id>`. An id can contain slashes."""
    api = _ConversationsApi(conversations)

    def guarded(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            sender_id = request.path_params["sender_id"]
            guard.check(request, sender_id)
            _ = conversations.engine.assistant  # raises an error with status 409 if no model is loaded
            return await endpoint(request, checked_id(sender_id))

        return serve

    return [
        TRACKER.route(guarded(api.tracker)),
        ADD_EVENTS.route(guarded(api.add_events)),
        REPLACE_EVENTS.route(guarded(api.replace_events)),
        STORY.route(guarded(api.story)),
        EXPORT.route(guarded(api.export)),
        EXECUTE.route(guarded(api.execute)),
        TRIGGER_INTENT.route(guarded(api.trigger_intent)),
        PREDICT.route(guarded(api.predict)),
        ADD_MESSAGE.route(guarded(api.add_message)),
        ERASE.route(
            guarded(api.erase)
        ),  # this must be the last route, because its path also matches the paths of all other routes
    ]


class _ConversationsApi:
    """The endpoints. Each handler takes a request and the id of its conversation."""

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations

    async def tracker(self, request: Request, sender_id: str) -> Response:
        """Return the tracker. Create an empty conversation for an unknown id."""
        verbosity, until = verbosity_of(request), _until(request)
        if await self.conversations.engine.store.head(sender_id) is None:
            await self.conversations.create(sender_id)
        return await self._tracker(sender_id, verbosity, until=until)

    async def erase(self, _: Request, sender_id: str) -> Response:
        """Erase a conversation and all data stored about it, and notify its subscribers."""
        conversation = self.conversations.get(sender_id)
        if not await conversation.erase(new_epoch=None):
            raise unknown_conversation()
        conversation.feed.notify_moved("erased", "")
        return Response(status_code=204)

    async def add_events(self, request: Request, sender_id: str) -> Response:
        """Append one event or a list of events."""
        verbosity = verbosity_of(request)
        body = read_json(await request.body())
        events = events_of(body if isinstance(body, list) else [body])
        if not events:
            raise RequestError("bad_request", "the body must contain at least one event")
        conversation = self.conversations.get(sender_id)
        effects = _flag(request, "execute_side_effects")
        channel = request.query_params.get("output_channel") if effects else None
        entries = await operations.apply_events(conversation, events, schedules=effects, output_channel=channel)
        if effects:
            await operations.send_out(conversation, entries, channel)
        return await self._tracker(sender_id, verbosity)

    async def replace_events(self, request: Request, sender_id: str) -> Response:
        """Replace the log with a list of events."""
        verbosity = verbosity_of(request)
        body = read_json(await request.body())
        if not isinstance(body, list):
            raise RequestError("bad_request", "the body must be a list of events")
        await operations.replace_events(self.conversations.get(sender_id), events_of(body))
        return await self._tracker(sender_id, verbosity)

    async def story(self, request: Request, sender_id: str) -> Response:
        """Return the conversation as a test story."""
        head = await self._known(sender_id)
        until = _until(request)
        every = _flag(request, "all_sessions")
        after = 0 if every else max(0, head.session_seq - 1)
        entries = await self.conversations.engine.store.entries(sender_id, after=after, limit=head.version - after)
        events = [entry.event for entry in entries if until is None or (entry.event.timestamp or 0.0) <= until]
        return PlainTextResponse(stories.write(sender_id, events))

    async def export(self, request: Request, sender_id: str) -> Response:
        """Return all of a conversation's stored data, as JSON or as a transcript."""
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
        asked = read_body(await request.body(), ExecuteRequest)
        await self._known(sender_id)
        conversation = self.conversations.get(sender_id)
        channel = request.query_params.get("output_channel")
        try:
            entries = await operations.execute(
                conversation,
                asked.name,
                policy=asked.policy,
                confidence=asked.confidence or 0.0,
                output_channel=channel,
            )
        except RequestError as error:
            if error.code == "unknown_action":  # as in Rasa, this client error has status 500
                raise RequestError(error.code, error.message, status=500) from error
            raise
        return await self._turn_result(conversation, entries, channel, verbosity)

    async def trigger_intent(self, request: Request, sender_id: str) -> Response:
        """Trigger an intent as if the user had expressed it."""
        verbosity = verbosity_of(request)
        asked = read_body(await request.body(), TriggerRequest)
        name, entities = asked.name, asked.entities
        _check_entities(entities)
        if name not in self.conversations.engine.assistant.domain.intents and name not in DEFAULT_INTENTS:
            raise RequestError("unknown_intent", f"unknown intent {name!r}; the domain does not contain it", status=404)
        conversation = self.conversations.get(sender_id)
        channel = request.query_params.get("output_channel")
        entries = await operations.trigger(conversation, name, entities, output_channel=channel)
        return await self._turn_result(conversation, entries, channel, verbosity)

    async def predict(self, request: Request, sender_id: str) -> Response:
        """Predict the next action."""
        verbosity = verbosity_of(request)
        if await self.conversations.engine.store.head(sender_id) is None:
            raise unknown_conversation()
        found = await self._read(sender_id, verbosity)
        answer = predict(self.conversations.engine.assistant, found.tracker)
        answer["scores"].sort(key=lambda each: (-each["score"], each["action"]))
        return Response(_encode({**answer, "tracker": _wire(found)}), media_type="application/json")

    async def add_message(self, request: Request, sender_id: str) -> Response:
        """Log a user's message and fill slots from it, without replying."""
        verbosity = verbosity_of(request)
        asked = read_body(await request.body(), MessageRequest)
        message = user_message(
            sender_id,
            asked.text,
            limits=self.conversations.engine.limits,
            input_channel=None,
            output_channel=operations.DEFAULT_OUTPUT,
            parse_data=asked.parse_data,
        )
        await operations.log_message(self.conversations.get(sender_id), message)
        return await self._tracker(sender_id, verbosity)

    async def _turn_result(
        self, conversation: Conversation, entries: list[LogEntry], channel: str | None, verbosity: Verbosity
    ) -> Response:
        await operations.send_out(conversation, entries, channel)
        found = await self._read(conversation.sender_id, verbosity)
        body: Json = {"messages": replies_in(conversation.sender_id, entries)}
        if operations.is_followed(conversation, channel):
            body = {}  # as in Rasa, the response does not contain replies that are sent to sockets
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
    """Return the error for a request that concerns a conversation that does not exist."""
    return RequestError("unknown_conversation", "unknown conversation id", status=404)


def _check_entities(entities: list[Json] | Json | None) -> None:
    if isinstance(entities, list) and not all(isinstance(entity.get("entity"), str) for entity in entities):
        raise RequestError("bad_request", 'each entity must contain "entity", a string')


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
        raise RequestError("bad_request", "until must be a number of seconds since the epoch") from error


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "false").lower() in ("true", "1", "yes")
