"""A client of the session protocol, for programs that use a Manent server: tests, bridges, load generators.

    async with ChatClient("http://localhost:5005") as chat:
        await chat.send("hello")
        await chat.wait_for(lambda messages: any(message["role"] == "bot" for message in messages))

Like a visitor's page, it has an outbox whose messages are sent until they are acknowledged, a cursor, and the messages
in order without duplicates. Store `state()` and pass it to the next `ChatClient` to continue where this one stopped.
The client uses none of the server's code, only the protocol in `docs/protocol.md`.
"""

from manent.client.chat import ChatClient
from manent.client.outbox import Refused

__all__ = ["ChatClient", "Refused"]
