"""What the channels of Meta's platforms share: the challenge and the signature of the webhook, and the Graph API."""

from abc import abstractmethod
from collections.abc import Set as AbstractSet
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from manent.channels.inbox import Inbox
from manent.channels.messenger import MessengerChannel, Update, is_signature, part_of, text_of
from manent.core.events import Json
from manent.core.secret_text import is_same
from manent.runtime.ports.channel import SendLater, Undeliverable


class MetaChannel(MessengerChannel):
    """The webhook of an app of Meta.

    Args:
        secret: the app's secret, which signs webhooks.
        verify: the text that Meta sends when the address of the webhook is entered.
        access_token: token of the page or of the system user.
        base: base of the Graph API, with its version.
        later: codes of errors after which a message is sent again.
    """

    def __init__(self, *, secret: str, verify: str, access_token: str, base: str, later: AbstractSet[str]) -> None:
        super().__init__()
        self._secret = secret
        self._verify = verify
        self._access_token = access_token
        self._base = base
        self._later = later

    @abstractmethod
    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        challenge = HttpRoute(f"/webhooks/{self.name}/webhook", self._challenge, methods=["GET"])
        return [*super().routes(inbox), challenge]

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`. The older signature with SHA-1 counts only without one with SHA-256."""
        given, algorithm = request.headers.get("x-hub-signature-256"), "sha256"
        if given is None:
            given, algorithm = request.headers.get("x-hub-signature", ""), "sha1"
        if not is_signature(given.removeprefix(f"{algorithm}="), self._secret, body, algorithm=algorithm):
            self.refuse("the signature is missing or wrong")

    async def _challenge(self, request: Request) -> Response:
        query = request.query_params
        if query.get("hub.mode") != "subscribe" or not is_same(query.get("hub.verify_token", ""), self._verify):
            self.refuse("the verify token is wrong")
        return Response(query.get("hub.challenge", ""), media_type="text/plain")

    async def call(self, method: str, path: str, body: Json | None = None) -> dict[str, Any]:
        """Call the Graph API.

        Raises:
            SendLater, Undeliverable: the call failed.
        """
        headers = {"Authorization": f"Bearer {self._access_token}"}
        answer = await self.api.call(method, f"{self._base}/{path}", json=body, headers=headers)
        error = part_of(answer.json, "error")
        code, message = text_of(error, "code"), text_of(error, "message")
        if code in self._later:
            raise SendLater(f"error {code}: {message}", retry_after=answer.retry_after)
        if code and answer.status < 500:  # noqa: PLR2004
            raise Undeliverable(f"error {code}: {message}")
        answer.check(message)
        return answer.json
