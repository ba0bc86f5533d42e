"""A client of the session protocol for programs that use a Manent server, such as tests, bridges and load generators.

    async with ChatClient("http://localhost:5005") as chat:
        await chat.send("hello")
        await chat.wait_for(lambda messages: any(message["role"] == "bot" for message in messages))

Like the web chat, the client has an outbox, a cursor, and all messages in order without duplicates. The client sends
the messages of the outbox until the server acknowledges them. To continue a conversation later, store `state()` and
pass it to the next `ChatClient`. The client does not use the server's code, but only the protocol in
`docs/protocol.md`.
"""

from manent.client.chat import ChatClient
from manent.client.outbox import Refused

__all__ = ["ChatClient", "Refused"]
