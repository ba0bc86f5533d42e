"""Reports attributes that Manent does not provide to policies. Rasa has no such module."""

from typing import Any


class Partial:
    """A class with only some of the attributes of Rasa's class.

    Reading another attribute raises an error that refers to the documentation.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{type(self).__name__}.{name} is not provided by Manent; see docs/extending.md#a-policy for a policy that "
            "does not need it"
        )
