"""Gets response texts from the project's NLG server: `nlg: {url: …}` in `endpoints.yml` (contract §10).

The runtime calls the generator after a commit. This module must not select one of the domain's response variations.
"""

from typing import Any

import msgspec

from manent.actions.endpoint import Endpoint
from manent.core.errors import ActionError
from manent.core.events import Json

_FIRST_ERROR = 400


class _Message(msgspec.Struct):
    """The keys in a message that the dialogue reads. All other keys are passed through."""

    text: str | None = None
    id: str | None = None
    image: str | None = None
    buttons: list[Json] | None = None
    quick_replies: list[Json] | None = None
    elements: list[Any] | None = None
    attachment: Any = None
    custom: Any = None


class RemoteGenerator:
    """Implements `Generator` with one request to an NLG server per response."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def generate(self, response: str, arguments: Json, tracker: Json, channel: str) -> Json:
        """Return the message for a response.

        Raises:
            ActionError: `nlg_unreachable`, `nlg_timeout`, `nlg_failed` (a status of 400 or more), or `nlg_garbage`.
        """
        request = {
            "response": response,
            "id": None,
            "arguments": arguments,
            "tracker": tracker,
            "channel": {"name": channel},
        }
        answer = await self._endpoint.post(msgspec.json.encode(request))
        if answer.status >= _FIRST_ERROR:
            raise ActionError("nlg_failed", f"the NLG server returned status {answer.status} for {response}")
        try:
            message: Json = msgspec.json.decode(answer.body, type=Json)
            msgspec.convert(message, _Message)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ActionError(
                "nlg_garbage", f"the NLG server returned an invalid answer for {response}: {error}"
            ) from error
        return {key: value for key, value in message.items() if value is not None}

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()
