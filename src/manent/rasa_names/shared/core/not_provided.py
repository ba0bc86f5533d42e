"""Names what a policy asks for and Manent does not provide. Rasa itself has no such module."""

from typing import Any


class Partial:
    """A class with the attributes that policies use. Another one is an error that says what to write instead."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{type(self).__name__}.{name} is not provided by Manent; see docs/extending.md#a-policy for a policy that "
            "does not need it"
        )
