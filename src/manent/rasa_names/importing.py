"""Makes the stand-ins importable as `rasa.…`.

`extensions/finding.py` calls `provide_rasa_names` before it imports a class of a project. A server whose project has no
such class never gets here. Once installed, the finder stays: functions of the class may import more names when they
run.
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
    """A class imports a module of Rasa for which there is no stand-in."""


def provide_rasa_names() -> None:
    """Make the stand-ins importable, unless Rasa itself is installed."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path) or importlib.util.find_spec("rasa") is not None:
        return
    # First: the usual finder would load the modules below an alias again, from the folder that the alias names.
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds `rasa.x.y` as the module `x.y` of this package."""

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
    """Loads a module that is already there under another name, so that both names are the same module."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, _: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has set it to the alias
