"""All routes of the desk, and their description for the OpenAPI document."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.desk.access import Right
from manent.desk.desk import Desk
from manent.server.api.desk.bridges import BridgeRequests
from manent.server.api.desk.conversations import (
    AnswerRequest,
    AssignRequest,
    CloseRequest,
    ConversationRequests,
    HandBackRequest,
    HandoffRequest,
    LabelsRequest,
    NoteRequest,
    OperatorTypingRequest,
    ReadRequest,
    TakeRequest,
)
from manent.server.api.desk.events import EventRequests
from manent.server.api.desk.review import AnnotateRequest, CannedRequest, ReviewRequests, WebhookRequest
from manent.server.api.desk.serving import API, Serve, endpoint
from manent.server.api.desk.sign_in import JOIN, SIGN_IN, SIGN_IN_CALLBACK, SignInRequests
from manent.server.api.errors import Refusal
from manent.server.operation import Operation


class DeskOperator(msgspec.Struct, kw_only=True):
    """A person who answers in place of the bot."""

    id: str
    name: str
    avatar: str | UnsetType = UNSET


class DeskHead(msgspec.Struct, kw_only=True):
    """Who handles a conversation. `seq` is the number of its newest event; times are in seconds since the epoch."""

    sender_id: str
    epoch: str
    seq: int
    handler: Literal["bot", "queue", "human"]
    operator: DeskOperator | UnsetType = UNSET
    waiting_since: float | UnsetType = UNSET
    closed_at: float | UnsetType = UNSET


class DeskChange(msgspec.Struct, kw_only=True):
    """The head after a change."""

    ok: bool
    head: DeskHead


class DeskConflict(msgspec.Struct, kw_only=True):
    """An error. With status 409, `head` is the present head if the handler does not permit the request."""

    ok: bool
    error: dict[str, Any]
    head: DeskHead | UnsetType = UNSET


class DeskConversation(msgspec.Struct, kw_only=True):
    """One conversation: messages with the role user, bot, agent, note or event, and the context."""

    head: DeskHead
    messages: list[dict[str, Any]]
    slots: dict[str, Any]
    active_loop: str | None
    labels: list[str]
    channel: str
    owner: str | None
    earlier: list[dict[str, Any]]
    started: float
    has_more: bool


class DeskList(msgspec.Struct, kw_only=True):
    """A page of the list. `next` is the value of `after` for the next page."""

    conversations: list[dict[str, Any]]
    next: str | UnsetType = UNSET


class DeskMe(msgspec.Struct, kw_only=True):
    """Who is signed in. Changes with a cookie need the header `X-CSRF-Token` with the value of `csrf`."""

    operator: DeskOperator
    role: Literal["viewer", "operator", "reviewer", "admin"]
    csrf: str | None


_ERRORS: Final = (400, 401, 403, 429, 503)
_ACTIONS: Final[tuple[tuple[str, str, Any, Any], ...]] = (
    ("take", "Take a conversation", TakeRequest, DeskChange),
    ("say", "Answer the visitor", AnswerRequest, DeskChange),
    ("hand_back", "Return a conversation to the bot", HandBackRequest, DeskChange),
    ("assign", "Give a conversation to an operator", AssignRequest, DeskChange),
    ("release", "Return a conversation to the queue", None, DeskChange),
    ("close", "Close a conversation", CloseRequest, DeskChange),
    ("request_handoff", "Request a person", HandoffRequest, DeskChange),
    ("note", "Add a note for operators", NoteRequest, DeskChange),
    ("labels", "Add and remove labels", LabelsRequest, DeskChange),
    ("typing", "Show that the operator types", OperatorTypingRequest, DeskChange),
    ("read", "Note what the operator has read", ReadRequest, DeskChange),
    ("test", "The conversation as a test story", None, "application/yaml"),
)


def _operation(method: Any, path: str, summary: str, answer: Any, body: Any = None) -> Operation:
    return Operation(
        method=method, path=f"{API}{path}", summary=summary, answer=answer, body=body, errors=_ERRORS, error=Refusal
    )


OPERATIONS: Final = (
    _operation("GET", "/me", "Who is signed in to the desk", DeskMe),
    _operation("POST", "/sign_out", "End the session", dict[str, Any]),
    _operation("GET", "/conversations", "The list of conversations", DeskList),
    _operation("GET", "/conversations/{sender_id}", "One conversation", DeskConversation),
    *(
        Operation(
            method="POST",
            path=f"{API}/conversations/{{sender_id}}/{name}",
            summary=summary,
            body=body,
            answer=answer,
            errors=(*_ERRORS, 404, 409, 413),
            error=DeskConflict,
        )
        for name, summary, body, answer in _ACTIONS
    ),
    _operation("GET", "/events", "News as server-sent events", "text/event-stream"),
    _operation("GET", "/search", "Search messages", dict[str, Any]),
    _operation("GET", "/members", "The members of the desk", dict[str, Any]),
    _operation("GET", "/numbers", "Numbers of a range of days", dict[str, Any]),
    _operation("GET", "/review/messages", "Messages to review", dict[str, Any]),
    _operation("POST", "/review/annotations", "Correct or discard a message", dict[str, Any], AnnotateRequest),
    _operation("GET", "/review/annotations.yml", "Reviewed messages as NLU data", "application/yaml"),
    _operation("GET", "/canned", "Canned replies", dict[str, Any]),
    _operation("PUT", "/canned/{key}", "Store a canned reply", dict[str, Any], CannedRequest),
    _operation("GET", "/webhooks", "Webhooks", dict[str, Any]),
    _operation("POST", "/webhooks", "Add a webhook", dict[str, Any], WebhookRequest),
    _operation("DELETE", "/webhooks/{webhook_id}", "Remove a webhook", dict[str, Any]),
    _operation("POST", "/bridges/chatwoot", "Chatwoot names a conversation with news", dict[str, Any], dict[str, Any]),
)


def routes(desk: Desk) -> list[Route]:
    """Return the routes."""
    conversations, review, sign_in = ConversationRequests(desk), ReviewRequests(desk), SignInRequests(desk)
    served: tuple[tuple[str, str, Right, Serve], ...] = (
        ("GET", "/me", "read", sign_in.me),
        ("POST", "/sign_out", "read", sign_in.sign_out),
        ("GET", "/conversations", "read", conversations.find),
        ("GET", "/events", "read", EventRequests(desk).follow),
        ("GET", "/search", "read", review.search),
        ("GET", "/members", "read", review.members),
        ("GET", "/numbers", "read", review.numbers),
        ("GET", "/review/messages", "annotate", review.messages),
        ("POST", "/review/annotations", "annotate", review.annotate),
        ("GET", "/review/annotations.yml", "annotate", review.annotations),
        ("GET", "/canned", "read", review.canned),
        ("PUT", "/canned/{key}", "handle", review.put_canned),
        ("GET", "/webhooks", "manage", review.webhooks),
        ("POST", "/webhooks", "manage", review.add_webhook),
        ("DELETE", "/webhooks/{webhook_id}", "manage", review.remove_webhook),
    )
    return [
        *(_route(method, f"{API}{path}", endpoint(desk, right, serve)) for method, path, right, serve in served),
        _route("POST", f"{API}/bridges/chatwoot", BridgeRequests(desk).chatwoot),
        Route(f"{API}/conversations/{{path:path}}", conversations.serve, methods=["GET", "POST"]),
        _route("GET", JOIN, sign_in.show_invitation),
        _route("POST", JOIN, sign_in.redeem),
        _route("GET", SIGN_IN, sign_in.begin),
        _route("GET", SIGN_IN_CALLBACK, sign_in.finish),
    ]


def _route(method: str, path: str, serve: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, serve, methods=[method])
