"""A channel: a kiosk POSTs what a customer types, and shows the replies in the answer."""

import hmac

import msgspec
from manent.channels.replies import replies_in
from manent.channels.webhook import webhook_route
from manent.core.errors import RequestError
from manent.extensions.options import Secret
from manent.runtime.json_input import read_json_object
from starlette.responses import JSONResponse


class KioskOptions(msgspec.Struct):
    token: Secret


class KioskChannel:
    name = "kiosk"
    options = KioskOptions
    output = None

    def __init__(self, options):
        self.token = options.token

    def routes(self, inbox):
        self.inbox = inbox
        return [webhook_route(self.name, self.receive)]

    async def open(self): ...
    async def close(self): ...

    async def receive(self, request):
        if not hmac.compare_digest(request.headers.get("x-token", "").encode(), self.token.encode()):
            raise RequestError("forbidden", "wrong token", status=403)
        body = read_json_object(await request.body())
        ticket = await self.inbox.take(str(body.get("user", "")), str(body.get("text", "")), message_id=body.get("id"))
        await ticket.accepted
        return JSONResponse(replies_in(ticket.message.sender_id, await ticket.finished))
