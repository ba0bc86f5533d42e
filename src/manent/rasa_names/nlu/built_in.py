"""Creates stand-ins for Manent's built-in components. Rasa has no such module.

A project's classes can list these stand-ins in `required_components`, but cannot extend them, because Manent's
components have a different interface.
"""

from typing import Any

from manent.rasa_names.shared.exceptions import RasaException


class BuiltInComponent:
    """Base class of the stand-ins for built-in components."""


class NotExtensible(RasaException):
    """A class extends one of Rasa's components or policies that Manent implements differently."""


def built_in(name: str, *bases: type) -> Any:
    """Return a class that represents a built-in component in `required_components`."""

    def refuse(cls: Any, /, **_: Any) -> Any:
        raise NotExtensible(
            f"{cls.__name__} extends {name}, which Manent implements differently. Extend GraphComponent instead, or "
            f"use {name} and a second component behind it"
        )

    return type(name, (BuiltInComponent, *bases), {"__init_subclass__": classmethod(refuse), "__doc__": f"`{name}`."})
