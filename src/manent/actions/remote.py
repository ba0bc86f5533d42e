"""Runs custom actions on an action server over HTTP (contract §9): `action_endpoint: {url: …}`.

The runtime calls the runner after a commit. The runner returns events or a rejection, or raises an `ActionError`. The
runtime decides how the conversation continues after a failure.
"""

import asyncio
import zlib

import msgspec

from manent.actions.answer import decode_answer
from manent.actions.endpoint import Answer, Endpoint
from manent.core.domain import Domain
from manent.core.errors import ActionError
from manent.core.events import Json
from manent.dialogue.steps import ActionResult
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionCall

PROTOCOL_VERSION = "3.6.21"
"""The Rasa release whose action protocol this module implements.

SDKs compare this number with their own version and can print a warning.
"""

_NO_CONTENT, _REJECTED, _UNKNOWN, _NEEDS_DOMAIN = 204, 400, 404, 449


class _Body(msgspec.Struct, kw_only=True):
    """The body of a request. `domain` is encoded JSON."""

    next_action: str
    sender_id: str
    tracker: Json
    domain: msgspec.Raw | msgspec.UnsetType
    version: str = PROTOCOL_VERSION


class RemoteActions:
    """Implements `ActionRunner` with the project's action server.

    Args:
        endpoint: the action server.
        domain: the domain that actions receive.
        selective_domain: whether to send the domain only to actions that need it. These are actions with `send_domain:
            true`, and `validate_…` actions that are declared as plain names.
        compress: whether to compress request bodies (deflate).
        newest_events: maximum number of events from the session that an action receives, newest first. None means all
            events.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        domain: Domain,
        *,
        selective_domain: bool = False,
        compress: bool = False,
        newest_events: int | None = NEWEST_EVENTS,
    ) -> None:
        self.newest_events = newest_events
        self._endpoint = endpoint
        # A domain can be 100 kB of JSON, so it is encoded once and copied into each request as bytes.
        self._domain = msgspec.Raw(encode_domain(domain))
        self._wants_domain = _names_with_domain(domain) if selective_domain else None
        self._compress = compress

    async def run(self, call: ActionCall) -> ActionResult:
        """Run an action and return its result. Status 400 is a rejection.

        Raises:
            ActionError: `action_unreachable`, `action_timeout`, `action_unknown` (status 404), `action_failed` (any
                other status above 400), or `action_garbage`.
        """
        with_domain = self._wants_domain is None or call.name in self._wants_domain
        answer = await self._post(call, with_domain=with_domain)
        if answer.status == _NEEDS_DOMAIN and not with_domain:
            answer = await self._post(call, with_domain=True)
        if answer.status == _NO_CONTENT:
            return ActionResult()
        if answer.status < _REJECTED:  # action servers without Rasa's SDK can use status 201
            return decode_answer(call.name, answer.body)
        if answer.status == _REJECTED:
            return ActionResult(rejected=True)
        if answer.status == _UNKNOWN:
            raise ActionError("action_unknown", f"the action server does not know {call.name} (status 404)")
        raise ActionError("action_failed", f"{call.name} failed with status {answer.status}: {_reason(answer.body)}")

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    async def _post(self, call: ActionCall, *, with_domain: bool) -> Answer:
        body = msgspec.json.encode(
            _Body(
                next_action=call.name,
                sender_id=call.sender_id,
                tracker=call.tracker,
                domain=self._domain if with_domain else msgspec.UNSET,
            )
        )
        headers = {"Idempotency-Key": _header_value(call.idempotency_key)}
        if self._compress:
            body = await asyncio.to_thread(zlib.compress, body)
            headers["Content-Encoding"] = "deflate"
        return await self._endpoint.post(body, headers)


def encode_domain(domain: Domain) -> bytes:
    """Encode the domain for actions, in format 3.1.

    If the project's domain is in format 2.0, keep its `forms`, from which validators of rasa-sdk 2.x read the slot
    mappings.
    """
    original = domain.original
    if domain.legacy_forms is not None:
        original = original | {"forms": domain.legacy_forms}
    return msgspec.json.encode(original)


def _names_with_domain(domain: Domain) -> frozenset[str]:
    declared = domain.original.get("actions") or domain.actions
    plain = {name for name in declared if isinstance(name, str) and name.startswith("validate_")}
    return domain.send_domain | plain


def _header_value(key: str) -> str:
    """Convert an idempotency key to a valid header value (printable ASCII).

    An action's name can contain any character.
    """
    return key.encode("ascii", "backslashreplace").decode("ascii").replace("\r", "").replace("\n", "")


def _reason(body: bytes) -> str:
    """Return the error message in an SDK server's response body.

    The body also contains the request, which the result does not include.
    """
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, IndexError):
        return "no reason given"
    return str(error)[:500]
