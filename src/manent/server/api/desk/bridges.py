"""The webhooks of bridged help desks."""

from starlette.requests import Request
from starlette.responses import Response

from manent.core.errors import ManentError, RequestError
from manent.desk.desk import Desk
from manent.server.api.desk.serving import json_response, refusal


class BridgeRequests:
    """The requests below `/bridges`. Their signature takes the place of a session."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def chatwoot(self, request: Request) -> Response:
        """Accept a webhook of Chatwoot. The answer is sent when the webhook is stored."""
        try:
            if self.desk.chatwoot is None:
                message = "the bridge to Chatwoot is not configured: see `chatwoot` under `desk` in endpoints.yml"
                raise RequestError("not_found", message, status=404)
            await self.desk.chatwoot.accept(request.headers, await request.body())
        except ManentError as error:
            return refusal(request, error)
        return json_response({"ok": True})
