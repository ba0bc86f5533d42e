"""The generic channel: signed webhooks in both directions, for services without a built-in channel.

Requests in both directions have the header `X-Manent-Signature: t=<seconds>,v1=<hex>`. It contains the HMAC-SHA256 of
the seconds, a full stop and the body, computed with the shared secret. `docs/channels/generic.md` describes both
bodies.
"""

import hashlib
import hmac
import time
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from manent.channels.messenger import (
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    read_object,
    text_of,
)
from manent.channels.replies import replies_of
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.core.secret_text import is_same
from manent.extensions.options import Secret, WrongOption

WINDOW_S = 300.0
"""Maximum difference between the time of a signature and the server's clock."""

MIN_SECRET = 16

_encode = msgspec.json.Encoder(enc_hook=str).encode


class GenericOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `generic:` section of `credentials.yml`.

    Attributes:
        url: URL to which the bot's messages are sent.
        secret: key that signs requests in both directions, at least 16 bytes.
    """

    url: str
    secret: Secret

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            WrongOption: the URL does not start with http:// or https://, or the secret is too short.
        """
        super().__post_init__()
        if len(self.secret.encode()) < MIN_SECRET:
            found = f"{len(self.secret.encode())} bytes"
            raise WrongOption("secret", f"at least {MIN_SECRET} bytes", found=found)


class GenericChannel(MessengerChannel):
    """`POST /webhooks/generic/webhook`. Implements `Channel` and `Messenger`."""

    name = "generic"
    options = GenericOptions
    max_buttons = 1_000

    def __init__(self, options: GenericOptions) -> None:
        super().__init__()
        self._options = options

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        if not is_signed(request.headers.get("x-manent-signature", ""), self._options.secret, body, now=time.time()):
            self.refuse("the signature is missing, wrong or too old")

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        del request
        message = read_object(body)
        sender, message_id = text_of(message, "sender"), text_of(message, "message_id")
        text, metadata = message.get("text"), message.get("metadata")
        if not sender or not message_id or not isinstance(text, str) or not isinstance(metadata, dict | None):
            raise RequestError(
                "bad_request",
                'the body must contain the strings "sender", "message_id" and "text"; "metadata" must be an object',
            )
        incoming = Incoming(address=sender, text=text, message_id=message_id, metadata=metadata or {})
        answer = Response(b'{"status":"accepted"}', media_type="application/json")
        return Update(messages=[incoming], answer=answer)

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """Return the messages in the format of Rasa's REST channel; see `MessengerChannel.shown`."""
        return [
            {name: value for name, value in reply.items() if name != "recipient_id"} for reply in replies_of("", event)
        ]

    def parts(self, event: BotUttered) -> Sequence[Json]:
        """See `Messenger.parts`. JSON can show everything."""
        return self.shown(event)

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        _, seq, number = key.rsplit(":", 2)
        body = _encode({"recipient_id": route.address, "seq": int(seq), "part": int(number), **part})
        headers = {
            "X-Manent-Signature": signature(self._options.secret, body, now=time.time()),
            "Idempotency-Key": key,
        }
        answer = await self.api.call("POST", self._options.url, body=body, headers=headers)
        answer.check(text_of(answer.json, "error"))

    async def check(self) -> str:
        """Return the URL that receives the messages, without a test request."""
        return f"messages are sent to {self._options.url}"


def signature(secret: str, body: bytes, *, now: float) -> str:
    """Return the value of `X-Manent-Signature` for a body that is sent at `now`, in seconds since the epoch."""
    moment = str(int(now))
    return f"t={moment},v1={_digest(secret, moment, body)}"


def is_signed(given: str, secret: str, body: bytes, *, now: float) -> bool:
    """Return whether a value of `X-Manent-Signature` matches a body and is recent."""
    moment, _, rest = given.partition(",")
    moment = moment.strip().removeprefix("t=")
    if not moment.isascii() or not moment.isdigit() or len(moment) > 12:  # noqa: PLR2004  # longer: not a time
        return False
    if not is_same(rest.strip().removeprefix("v1="), _digest(secret, moment, body)):
        return False
    return abs(now - int(moment)) <= WINDOW_S


def _digest(secret: str, moment: str, body: bytes) -> str:
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
