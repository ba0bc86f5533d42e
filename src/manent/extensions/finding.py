"""Finds the class for a name in a project's files, and creates an object of the class.

A name is looked up among the built-in classes first. If the name is not built in and contains a dot, it is the path of
a class, such as `my_package.my_module.MyClass`. Any other name is looked up among the classes that installed packages
register as entry points. This search is slow, because it reads the metadata of every package. The command line has
added the project's folder to the import path.
"""

import contextlib
import hashlib
import importlib
import importlib.metadata
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manent.core.errors import ManentError, Problem, ProjectError
from manent.extensions.points import ExtensionPoint
from manent.rasa_names.importing import RASA_NAMES, MissingRasaName, provide_rasa_names

EXTRAS = {
    "aiokafka": "kafka",
    "aiormq": "rabbitmq",
    "asyncpg": "postgresql",
    "opentelemetry": "tracing",
    "rasa_sdk": "actions",
    "sanic": "actions",
}
"""Module → the extra of Manent that installs it."""


class BadExtension(ManentError):
    """The class that a name refers to cannot be used.

    Attributes:
        found: the problem, for example `no module named "chanels"`.
        expected: what was expected instead.
        wrong: the part of the name that does not exist. "": the name exists.
        known: existing names that can be suggested instead.
        advice: what to do, for example `pip install 'manent[rabbitmq]'`. "": no advice.
        is_for_rasa: whether the class was written for Rasa and imports names that Manent does not provide.
    """

    status = 400

    def __init__(
        self,
        name: str,
        found: str,
        expected: str,
        *,
        wrong: str = "",
        known: tuple[str, ...] = (),
        advice: str = "",
        is_for_rasa: bool = False,
    ) -> None:
        super().__init__("bad_extension", f"{name}: found {found}; expected {expected}. {advice}".strip())
        self.found = found
        self.expected = expected
        self.wrong = wrong
        self.known = known
        self.advice = advice
        self.is_for_rasa = is_for_rasa


@dataclass(frozen=True, slots=True)
class Site:
    """The project for which an object is created.

    Attributes:
        root: the project's folder, to which other paths are relative.
    """

    root: Path = Path()


def find(point: ExtensionPoint, name: str) -> Any:
    """Return the class that a name refers to. None: the name is unknown and is not the path of a class.

    Raises:
        BadExtension: the class cannot be imported, or lacks a method.
    """
    target = built_in(point, name)
    if target is not None:
        return _import_built_in(name, target)
    if "." in name:
        return _checked(point, name, _import_class(point, name))
    registered = importlib.metadata.entry_points(group=point.group, name=name)
    targets = sorted({entry.value for entry in registered})
    if not targets:
        return None
    if len(targets) > 1:
        raise BadExtension(
            name,
            f"several packages that register it: {', '.join(targets)}",
            f"one package with this name in {point.group}",
            advice="Uninstall all but one, or write the path of the class instead",
        )
    return _checked(point, name, _import_class(point, targets[0].replace(":", ".")))


def built_in_options(point: ExtensionPoint, name: str) -> Any:
    """Return the class of the options of a built-in class, without importing the class. None: find the class."""
    target = point.options.get(name)
    return _import_built_in(name, target) if target is not None else None


def code_digest(found: Any) -> str:
    """Return a hash of the module of a class that `find` returned.

    Training uses the hash to detect changes to the code.
    """
    original = getattr(found, "original", found)
    file = getattr(sys.modules.get(original.__module__), "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file is not None else ""


def built_in(point: ExtensionPoint, name: str) -> str | None:
    """Return `module:class` of a built-in name. None: the name is not built in."""
    if not point.ignores_case:
        return point.built_in.get(name)
    return next((target for known, target in point.built_in.items() if known.lower() == name.lower()), None)


def known_names(point: ExtensionPoint) -> tuple[str, ...]:
    """Return the names that are built in or registered by a package. Reads the metadata of every installed package."""
    registered = importlib.metadata.entry_points(group=point.group)
    return tuple(dict.fromkeys((*point.built_in, *sorted(registered.names))))


def create(name: str, found: Any, options: Any, site: Site) -> Any:
    """Create an object of a class that `find` returned for a name.

    A class that needs the project's folder has a class method `from_options(options, site)`. Other classes are called
    with their options.

    Raises:
        BadExtension: the class raises an error, or a library that it needs is not installed.
        ManentError: the class raises this error.
    """
    with calling(name, "it is created"):
        return found.from_options(options, site) if hasattr(found, "from_options") else found(options)


@contextlib.contextmanager
def calling(name: str, when: str) -> Iterator[None]:
    """Raise BadExtension if the code of a class raises an error. Errors of Manent are not changed.

    Args:
        name: the class's name in the project's files.
        when: when the code runs, for example `its routes are created`.
    """
    try:
        yield
    except ManentError:
        raise
    except ModuleNotFoundError as error:
        raise _missing_library(name, error) from error
    except Exception as error:  # code of the project can raise any exception
        raise BadExtension(
            name, f"a class that {_raises(error, when)}", "a class that accepts its options and starts"
        ) from error


@contextlib.contextmanager
def in_section(file: str, path: str, code: str) -> Iterator[None]:
    """Raise ProjectError for a class that the section of a file names. The caller's caller adds the line.

    Args:
        file: `credentials.yml` or `endpoints.yml`.
        path: path of the section in the file, for example `event_broker`.
        code: code of the problem.
    """
    try:
        yield
    except BadExtension as error:
        raise ProjectError(
            [
                Problem(
                    file=file,
                    line=0,
                    path=path,
                    code=code,
                    found=error.found,
                    expected=error.expected,
                    suggestion=error.advice,
                )
            ]
        ) from error


def _import_built_in(name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise _missing_library(name, error) from error


def _import_class(point: ExtensionPoint, path: str) -> Any:
    module_name, _, class_name = path.rpartition(".")
    what = f"the path of a {point.what} class (package.module.Class)"
    provide_rasa_names()
    try:
        module = importlib.import_module(module_name)
    except MissingRasaName as error:
        raise _not_provided(path, f"the module {error.name}") from error
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name != missing and not module_name.startswith(f"{missing}."):
            raise _missing_library(path, error) from error
        parent, _, wrong = missing.rpartition(".")
        raise BadExtension(
            path,
            f'no module named "{missing}"',
            what,
            wrong=wrong,
            known=_modules_in(parent),
            advice=f"Module paths start in the project's folder, {Path.cwd()}, or in an installed package",
        ) from error
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "rasa" or (error.name or "").startswith(RASA_NAMES):
            raise _not_provided(path, str(error).partition(" (")[0].replace(RASA_NAMES, "rasa")) from error
        raise _fails(path, module_name, error, what) from error
    except Exception as error:  # importing runs the project's code, which can raise anything
        raise _fails(path, module_name, error, what) from error
    found = getattr(module, class_name, None)
    if found is None:
        raise BadExtension(
            path,
            f'no class "{class_name}" in the module {module_name}',
            what,
            wrong=class_name,
            known=tuple(name for name in vars(module) if not name.startswith("_")),
        )
    return found


def _fails(path: str, module: str, error: Exception, what: str) -> BadExtension:
    return BadExtension(
        path,
        f"a module that {_raises(error, 'it is imported')}",
        what,
        advice=f"Correct the module; `python -c 'import {module}'` shows the whole error",
    )


def _raises(error: Exception, when: str) -> str:
    """Return the error's type and text, and the line that raised it."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"raises {type(error).__name__} when {when}: {error} (line {place.lineno} of {place.filename})"


def _not_provided(path: str, what: str) -> BadExtension:
    return BadExtension(
        path,
        f"an import from Rasa that Manent does not provide: {what}",
        "a class that imports only the names in docs/extending.md",
        advice="docs/extending.md#classes-written-for-rasa lists these names",
        is_for_rasa=True,
    )


def _modules_in(package: str) -> tuple[str, ...]:
    """Return the names of the modules in a package. They are suggestions for a name that does not exist."""
    paths = importlib.import_module(package).__path__ if package else None
    return tuple(module.name for module in pkgutil.iter_modules(paths))


def _missing_library(name: str, error: ModuleNotFoundError) -> BadExtension:
    top = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(top)
    install = f"pip install 'manent[{extra}]'" if extra else "Install the package that contains this module"
    return BadExtension(
        name, f"no module named {error.name!r}, which it imports", "an installed module", advice=install
    )


def _checked(point: ExtensionPoint, name: str, found: Any) -> Any:
    """Return the class, or the adapter of a class that is written for Rasa."""
    if not isinstance(found, type):
        raise BadExtension(name, f"a {type(found).__name__} with this name", f"a {point.what} class")
    for mark, target in point.adapters.items():
        if hasattr(found, mark):
            return _import_built_in(name, target)(found)
    missing = [method for method in point.methods if not callable(getattr(found, method, None))]
    if missing:
        raise BadExtension(
            name,
            f"a class without {_listed(missing)}",
            f"a {point.what} class, with the methods {_listed(point.methods)}",
            advice="docs/extending.md shows an example",
        )
    return found


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
