"""Makes the stand-ins importable as `rasa.…`.

`extensions/finding.py` calls `provide_rasa_names` before it imports a project's class. A server without such a class
does not import this module. The finder stays installed, because a class's methods can import more names when they run.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

RASA_NAMES = "manent.rasa_names"
"""The package of the stand-ins."""


class MissingRasaName(ModuleNotFoundError):
    """A class imports a Rasa module that has no stand-in."""


def provide_rasa_names() -> None:
    """Make the stand-ins importable, unless Rasa itself is installed."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path) or importlib.util.find_spec("rasa") is not None:
        return
    # The finder is first in the list, because the standard finder would load an alias's submodules a second time.
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Resolves `rasa.x.y` to the module `x.y` of this package."""

    def find_spec(self, name: str, _: Sequence[str] | None = None, __: ModuleType | None = None) -> ModuleSpec | None:
        top, _dot, rest = name.partition(".")
        if top != "rasa":
            return None
        target = f"{RASA_NAMES}.{rest}" if rest else RASA_NAMES
        if importlib.util.find_spec(target) is None:
            raise MissingRasaName(f"No module named {name!r}", name=name)
        found = importlib.import_module(target)
        return ModuleSpec(name, _Alias(found), is_package=hasattr(found, "__path__"))


class _Alias(Loader):
    """Makes an imported module available under a second name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, _: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has replaced the spec with the alias's spec
