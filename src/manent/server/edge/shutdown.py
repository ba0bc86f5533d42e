"""Whether the server is about to stop, for the parts that have to say so: readiness, and answers over HTTP."""

from dataclasses import dataclass


@dataclass(slots=True)
class Shutdown:
    """The state of one server process.

    Attributes:
        is_announced: the server will stop soon. It still serves everything, but load balancers should choose another
            server: it is not ready, and it closes each HTTP connection after its answer.
    """

    is_announced: bool = False
