"""Runs custom actions in this process, without an action server (`action_endpoint: {actions_module: actions}`).

The runtime calls the runner after a commit. Each call runs in a thread of a pool with its own event loop. So an action
that sleeps or computes does not delay other conversations, even if it blocks in an `async def`. Actions receive copies
and cannot change the assistant or the conversation. If an action crashes the interpreter, the server also crashes.
"""

import asyncio
import copy
import functools
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from manent.actions.answer import decode_answer
from manent.actions.remote import PROTOCOL_VERSION, encode_domain
from manent.actions.threads import ActionThreads
from manent.core.domain import Domain
from manent.core.errors import ActionError
from manent.core.finite import finite
from manent.dialogue.steps import ActionResult
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionCall

if TYPE_CHECKING:
    from rasa_sdk.executor import ActionExecutor

DEFAULT_THREADS = 32
"""Maximum number of concurrent actions. More actions wait. An idle thread needs about 10 kB."""

log = logging.getLogger(__name__)


class InProcessActions:
    """Implements `ActionRunner` with threads in this process.

    Args:
        executor: the SDK's executor with the project's actions (`sdk.load_executor`).
        domain: the domain that actions receive.
        threads: maximum number of concurrent actions, at least 1.
        timeout_s: seconds after which the action fails and the conversation continues. The thread cannot be stopped,
            and remains occupied until the action returns.
        newest_events: maximum number of events from the session that an action receives, newest first. None means all
            events.
    """

    def __init__(
        self,
        executor: "ActionExecutor",
        domain: Domain,
        *,
        threads: int = DEFAULT_THREADS,
        timeout_s: float,
        newest_events: int | None = NEWEST_EVENTS,
    ) -> None:
        self.newest_events = newest_events
        self._executor = executor
        self._domain = encode_domain(domain)
        self._threads = ActionThreads(threads)
        self._timeout_s = timeout_s

    async def run(self, call: ActionCall) -> ActionResult:
        """Run an action and return its result.

        Raises:
            ActionError: `action_unknown`, `action_timeout`, `action_failed` (the action raised an exception), or
                `action_garbage`.
        """
        if call.name not in self._executor.actions:
            raise ActionError("action_unknown", f"unknown action {call.name}; the actions module does not define it")
        # Encode the tracker in the event loop's thread, so that the tracker cannot change in the meantime. Decode the
        # tracker in the action's thread.
        tracker = msgspec.json.encode(call.tracker)
        running = self._threads.submit(functools.partial(self._run_in_thread, call, tracker))
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.wrap_future(running)
        except TimeoutError as error:
            raise ActionError("action_timeout", f"{call.name} did not finish within {self._timeout_s:g} s") from error

    async def close(self) -> None:
        """End each thread after its current action.

        Neither this call nor the exit of the process waits for the threads.
        """
        self._threads.close()

    def _run_in_thread(self, call: ActionCall, tracker: bytes) -> ActionResult:
        from rasa_sdk.interfaces import ActionExecutionRejection

        request = {
            "next_action": call.name,
            "sender_id": call.sender_id,
            "tracker": msgspec.json.decode(tracker),
            "domain": msgspec.json.decode(self._domain),
            "version": PROTOCOL_VERSION,
        }
        # Copy the executor for each call, because the SDK's executor stores the domain of the current call.
        executor = copy.copy(self._executor)
        try:
            result = asyncio.run(executor.run(request))
        except ActionExecutionRejection:
            return ActionResult(rejected=True)
        except BaseException as error:  # this includes SystemExit, which sys.exit() raises in an action
            raise ActionError("action_failed", f"{call.name} raised {type(error).__name__}: {error}") from error
        return decode_answer(call.name, _encode(call.name, result))


def _encode(action: str, result: Any) -> bytes:
    answer = {"events": result.events, "responses": result.responses}
    try:
        return msgspec.json.encode(finite(msgspec.to_builtins(answer)))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise ActionError(
            "action_garbage", f"{action} returned a value that is not JSON-serializable: {error}"
        ) from error
