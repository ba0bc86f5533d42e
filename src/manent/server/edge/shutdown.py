"""The server's shutdown state, which the readiness check and HTTP responses report."""

from dataclasses import dataclass


@dataclass(slots=True)
class Shutdown:
    """The shutdown state of one server process.

    Attributes:
        is_announced: whether the server is about to stop. It still serves all requests, but reports that it is not
            ready and closes each HTTP connection after the response, which makes load balancers choose another server.
    """

    is_announced: bool = False
