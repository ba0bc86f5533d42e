"""What the roles of the desk may do."""

from typing import Final, Literal

from manent.core.errors import RequestError
from manent.runtime.ports.desk import Role

Right = Literal["read", "handle", "annotate", "manage"]

RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    "viewer": frozenset({"read"}),
    "operator": frozenset({"read", "handle"}),
    "reviewer": frozenset({"read", "annotate"}),
    "admin": frozenset({"read", "handle", "annotate", "manage"}),
}
"""The rights of each role. `read`: see conversations. `handle`: answer, take, write notes and canned replies.
`annotate`: correct messages for the training data. `manage`: webhooks."""


def check_right(role: Role, right: Right) -> None:
    """Check that a role has a right.

    Raises:
        RequestError: `not_authorized`.
    """
    if right not in RIGHTS[role]:
        allowed = " or ".join(name for name, rights in RIGHTS.items() if right in rights)
        raise RequestError(
            "not_authorized", f"your role {role!r} does not permit this; it needs the role {allowed}", status=403
        )
