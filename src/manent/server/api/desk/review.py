"""Search, review, numbers, canned replies, members and webhooks."""

import re
import secrets
import time
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from manent.core.errors import RequestError
from manent.core.events import Json
from manent.desk.access import RIGHTS
from manent.desk.desk import Desk
from manent.desk.identity import Person
from manent.desk.numbers import Bucket, numbers_json
from manent.desk.reading import DAY_S
from manent.desk.stories import annotations_yaml
from manent.runtime.ports.desk import Annotation, Canned, Hit, Webhook
from manent.runtime.user_messages import checked_text
from manent.server.api.desk.serving import body_of, limit_of, number_of, time_of

SNIPPET: Final = 160
MAX_TEXT: Final = 4_000
MAX_QUERY: Final = 255
MAX_ENTITIES: Final = 50
MAX_DAYS: Final = 366 * 2
DEFAULT_DAYS: Final = 28
MAX_CANNED: Final = 1_000
MAX_WEBHOOKS: Final = 20
MIN_SECRET: Final = 16
EVENTS: Final = ("handoff_requested", "queue")
SORTS: Final = ("uncertain", "frequent", "newest")

_KEY: Final = re.compile(r"[\w.-]{1,64}")


class EntityAnnotation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An entity in a text: characters `start` to `end`."""

    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(ge=0)]
    entity: Annotated[str, Meta(min_length=1, max_length=255)]
    value: Any = None
    role: str | None = None
    group: str | None = None


class AnnotateRequest(msgspec.Struct, kw_only=True):
    """What a reviewer decided about a text. `intent` null discards the text."""

    text: str
    intent: str | None
    entities: list[EntityAnnotation] = []


class CannedRequest(msgspec.Struct, kw_only=True):
    """A canned reply. An empty string removes it."""

    text: str


class WebhookRequest(msgspec.Struct, kw_only=True):
    """An address that receives signed notices."""

    url: str
    secret: str
    events: tuple[str, ...] = EVENTS


class ReviewRequests:
    """The requests about messages of all conversations."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def search(self, request: Request, person: Person) -> Json:
        """Return messages that contain the words of `q`, newest first."""
        q = request.query_params.get("q", "")
        if not 1 <= len(q.strip()) <= MAX_QUERY:
            raise RequestError("bad_request", f"q must have 1 to {MAX_QUERY} characters")
        hits, before = await self.desk.tables.search(q, limit=limit_of(request), before=number_of(request, "before"))
        await self.desk.identity.audit(person.member, "search", hits=len(hits))
        found: Json = {"hits": [_hit_json(hit, q) for hit in hits]}
        return found if before is None else {**found, "next": before}

    async def messages(self, request: Request, person: Person) -> Json:
        """Return messages of visitors that no reviewer has seen, grouped by their text."""
        sort = request.query_params.get("sort") or "uncertain"
        if sort not in SORTS:
            raise RequestError("bad_request", f"sort must be one of {', '.join(SORTS)}")
        found = await self.desk.tables.review(sort=sort, limit=limit_of(request))  # type: ignore[arg-type]
        await self.desk.identity.audit(person.member, "review", messages=len(found))
        model = self.desk.conversations.engine.model
        intents = sorted(model.domain.intents) if model is not None else []
        return {"messages": [msgspec.to_builtins(one) for one in found], "intents": intents}

    async def annotate(self, request: Request, person: Person) -> Json:
        """Store the decision about a text."""
        body = await body_of(request, AnnotateRequest)
        text = checked_text(body.text, MAX_TEXT, field="text")
        if not text:
            raise RequestError("bad_request", "the text is empty")
        model = self.desk.conversations.engine.model
        if body.intent is not None and model is not None and body.intent not in model.domain.intents:
            raise RequestError("unknown_intent", f"the domain does not contain the intent {body.intent!r}")
        if len(body.entities) > MAX_ENTITIES:
            raise RequestError("bad_request", f"too many entities (limit {MAX_ENTITIES})")
        end = 0
        for entity in sorted(body.entities, key=lambda one: one.start):
            if not end <= entity.start < entity.end <= len(text):
                raise RequestError("bad_request", "entities must be within the text and must not overlap")
            end = entity.end
        await self.desk.tables.annotate(
            Annotation(
                text=text,
                intent=body.intent,
                entities=tuple(_entity_json(one) for one in body.entities),
                member_id=person.member.id,
                time=time.time(),
            )
        )
        await self.desk.identity.audit(person.member, "annotate", intent=body.intent)
        return {"ok": True}

    async def annotations(self, _: Request, person: Person) -> Response:
        """Return the decisions as NLU data in YAML."""
        text = annotations_yaml(await self.desk.tables.annotations())
        await self.desk.identity.audit(person.member, "annotations")
        return Response(text, media_type="application/yaml", headers={"Cache-Control": "no-store"})

    async def numbers(self, request: Request, _: Person) -> Json:
        """Return the numbers of a range of days."""
        bucket = request.query_params.get("bucket") or "day"
        if bucket not in ("day", "week", "all"):
            raise RequestError("bad_request", "bucket must be one of day, week, all")
        to, begin = time_of(request, "to"), time_of(request, "from")
        until = int(-(-(time.time() if to is None else to) // DAY_S)) * DAY_S
        since = int(begin // DAY_S) * DAY_S if begin is not None else until - DEFAULT_DAYS * DAY_S
        if not 0 <= until - since <= MAX_DAYS * DAY_S:
            raise RequestError("bad_request", f"from must be before to, at most {MAX_DAYS} days")
        counts = await self.desk.tables.counts(since=since, until=until)
        return numbers_json(counts, since=since, until=until, bucket=cast("Bucket", bucket))

    async def canned(self, _: Request, __: Person) -> Json:
        """Return the canned replies."""
        return {"canned": [msgspec.to_builtins(one) for one in await self.desk.tables.canned()]}

    async def put_canned(self, request: Request, person: Person) -> Json:
        """Store a canned reply."""
        key = request.path_params["key"]
        body = await body_of(request, CannedRequest)
        if not _KEY.fullmatch(key):
            raise RequestError("bad_request", "the key must have 1 to 64 letters, digits, dots, hyphens or underscores")
        text = checked_text(body.text, MAX_TEXT, field="text")
        known = {one.key for one in await self.desk.tables.canned()}
        if text and key not in known and len(known) >= MAX_CANNED:
            raise RequestError("too_many", f"there are {MAX_CANNED:,} canned replies, which is the limit", status=409)
        await self.desk.tables.put_canned(Canned(key=key, text=text))
        await self.desk.identity.audit(person.member, "canned", key=key)
        return {"ok": True}

    async def members(self, _: Request, __: Person) -> Json:
        """Return the members, and who of them has the desk open."""
        present = {one.operator.id for one in self.desk.feed.present}
        return {
            "members": [
                {
                    "id": one.id,
                    "name": one.name,
                    "role": one.role,
                    "handles": "handle" in RIGHTS[one.role],
                    "present": one.id in present,
                }
                for one in await self.desk.tables.members()
            ]
        }

    async def webhooks(self, _: Request, __: Person) -> Json:
        """Return the webhooks without their secrets."""
        return {"webhooks": [_webhook_json(one) for one in await self.desk.tables.webhooks()]}

    async def add_webhook(self, request: Request, person: Person) -> Json:
        """Store a webhook. It receives notices of what happens from now on."""
        body = await body_of(request, WebhookRequest)
        await self.desk.allowed.check_url(body.url, "url")
        if len(body.secret.encode()) < MIN_SECRET:
            raise RequestError("bad_request", f"the secret must have at least {MIN_SECRET} bytes")
        if not body.events or not set(body.events) <= set(EVENTS):
            raise RequestError("bad_request", f"events must be one or more of {', '.join(EVENTS)}")
        if len(await self.desk.tables.webhooks()) >= MAX_WEBHOOKS:
            raise RequestError("too_many", f"there are {MAX_WEBHOOKS} webhooks, which is the limit", status=409)
        webhook = Webhook(
            id=secrets.token_hex(8),
            url=body.url,
            secret=body.secret,
            events=tuple(dict.fromkeys(body.events)),
            created=time.time(),
            position=(await self.desk.tables.feed_ends())[1],
        )
        await self.desk.tables.put_webhook(webhook)
        await self.desk.identity.audit(person.member, "webhook.add", webhook=webhook.id)
        return {"ok": True, "webhook": _webhook_json(webhook)}

    async def remove_webhook(self, request: Request, person: Person) -> Json:
        """Remove a webhook."""
        webhook_id = request.path_params["webhook_id"]
        if not await self.desk.tables.remove_webhook(webhook_id):
            raise RequestError("not_found", "no webhook has this id", status=404)
        await self.desk.identity.audit(person.member, "webhook.remove", webhook=webhook_id)
        return {"ok": True}


def _hit_json(hit: Hit, q: str) -> Json:
    return {
        "sender_id": hit.sender_id,
        "seq": hit.seq,
        "role": hit.role,
        "timestamp": hit.time,
        "snippet": snippet(hit.text, q),
    }


def snippet(text: str, q: str) -> str:
    """Return up to `SNIPPET` characters of a text, starting shortly before the place where the search matches."""
    plain = " ".join(text.split())
    words = q.split()
    at = plain.casefold().find(words[0].casefold()) if words else -1
    start = max(0, at - SNIPPET // 3)
    end = start + SNIPPET
    return ("…" if start else "") + plain[start:end] + ("…" if end < len(plain) else "")


def _entity_json(one: EntityAnnotation) -> Json:
    found: Json = msgspec.to_builtins(one)
    return {key: value for key, value in found.items() if value is not None}


def _webhook_json(one: Webhook) -> Json:
    return {
        "id": one.id,
        "url": one.url,
        "events": list(one.events),
        "created": one.created,
        "failures": one.failures,
    }
