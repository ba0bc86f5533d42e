"""Creates stand-ins for the components that Manent has built in. Rasa itself has no such module.

Classes of projects name them in `required_components`. They cannot be subclassed, because Manent's components work in
another way.
"""

from typing import Any

from manent.rasa_names.shared.exceptions import RasaException


class BuiltInComponent:
    """A component that Manent has built in."""


class NotExtensible(RasaException):
    """A class extends a component or a policy of Rasa that Manent implements in another way."""


def built_in(name: str, *bases: type) -> Any:
    """Return a class that stands for a built-in component in `required_components`."""

    def refuse(cls: Any, /, **_: Any) -> Any:
        raise NotExtensible(
            f"{cls.__name__} extends {name}, which Manent implements in another way. Extend GraphComponent instead, or "
            f"use {name} and a second component behind it"
        )

    return type(name, (BuiltInComponent, *bases), {"__init_subclass__": classmethod(refuse), "__doc__": f"`{name}`."})
