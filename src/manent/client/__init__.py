"""A client of the session protocol, for programs that talk to a Manent server: tests, bridges, load.

    async with ChatClient("http://localhost:5005") as chat:
        await chat.send("hello")
        await chat.wait_for(lambda messages: any(message["role"] == "bot" for message in messages))

It keeps what a visitor's page keeps: an outbox whose messages are sent until they are acknowledged, a cursor, and the
messages in order, none twice. `state()` is what to store and give to the next `ChatClient`, which then goes on where
this one stopped. Knows nothing of the server's code; speaks only what `docs/protocol.md` says.
"""

from manent.client.chat import ChatClient
from manent.client.outbox import Refused

__all__ = ["ChatClient", "Refused"]
