"""Imports a project's actions with rasa-sdk, for `in_process.py` and `server.py`.

`pip install "manent[actions]"` installs rasa-sdk. The SDK is imported only inside functions, so a server with remote
actions never imports it. This module must not run an action.
"""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json

if TYPE_CHECKING:
    from rasa_sdk.executor import ActionExecutor
    from rasa_sdk.forms import FormValidationAction

INSTALL = 'pip install "manent[actions]"'


def load_executor(actions_module: str, *, root: Path) -> "ActionExecutor":
    """Import and register all of the project's actions.

    Args:
        actions_module: name of a package or module, for example `actions`.
        root: the project's folder, which is inserted at the front of `sys.path`.

    Raises:
        ProjectError: rasa-sdk is not installed, the module or one of its submodules cannot be imported, or an action
            cannot be registered.
    """
    if importlib.util.find_spec("rasa_sdk") is None:
        raise ProjectError([_not_installed()])
    if str(root.resolve()) not in sys.path:
        sys.path.insert(0, str(root.resolve()))
    from rasa_sdk.executor import ActionExecutor

    _copy_form_slots()
    executor = ActionExecutor()
    try:
        importlib.import_module(actions_module)
        executor.register_package(actions_module)
    except SystemExit as error:  # the SDK exits on an ImportError in a submodule
        cause = error.__context__
        raise ProjectError([_broken(actions_module, root, cause or error)]) from cause
    except Exception as error:  # importing the project's code can raise any exception
        raise ProjectError([_broken(actions_module, root, error)]) from error
    return executor


def _copy_form_slots() -> None:
    """Replace the SDK's method that returns a form's slots with a method that returns a new list.

    Validators written for 2.x modify the list, for example by `domain_slots.remove("age")`. SDK 3 returns the domain's
    own list and calls the method twice, so the second removal would raise an error. In SDK 2, the method has a
    different name.
    """
    from rasa_sdk.forms import FormValidationAction

    FormValidationAction.domain_slots = _form_slots
    FormValidationAction.slots_mapped_in_domain = _form_slots


def _form_slots(validator: "FormValidationAction", domain: Json) -> list[str]:
    """Return a new list with the slots of the validator's form, for all domain formats.

    Format 3.x lists the slots. Format 2.0 maps slots to slot mappings: under `required_slots` since Rasa 2.6, and
    directly in the form before.
    """
    form = (domain.get("forms") or {}).get(validator.form_name()) or {}
    return [name for name in form.get("required_slots", form) if name != "ignored_intents"]


def _not_installed() -> Problem:
    return Problem(
        file="endpoints.yml",
        line=0,
        path="action_endpoint",
        code="actions.no-sdk",
        found="rasa-sdk is not installed",
        expected="rasa-sdk, because it runs custom actions",
        suggestion=INSTALL,
    )


def _broken(actions_module: str, root: Path, error: BaseException) -> Problem:
    """Return a problem for an error in the project's code, at the last traceback line that belongs to the project."""
    file, line = _place(root.resolve(), error)
    missing = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing and missing == actions_module.split(".", maxsplit=1)[0] and not file:
        return Problem(
            file=f"{missing}/",
            line=0,
            path=actions_module,
            code="actions.missing",
            found=f"no module {missing} in {root.resolve()}",
            expected=f"a package {missing}/ or a file {missing}.py",
        )
    return Problem(
        file=file,
        line=line,
        path=actions_module,
        code="actions.broken",
        found=f"{type(error).__name__}: {error}",
        expected="action code that can be imported",
        suggestion=_suggestion(error, missing),
    )


def _suggestion(error: BaseException, missing: str) -> str:
    if missing:
        return f"The module {missing} is not installed; install it, for example with `pip install {missing}`"
    if isinstance(error, ImportError) and error.name == "rasa_sdk.forms" and "FormAction" in str(error):
        return (
            "rasa-sdk 3 has no FormAction: list the form's slots in the domain, and validate them in a "
            "FormValidationAction"
        )
    return ""


def _place(root: Path, error: BaseException) -> tuple[str, int]:
    """Return the file (relative to `root`) and line of the last traceback entry in the project.

    Return `("", 0)` if no entry belongs to the project.
    """
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno or 0)]
    else:
        places = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    for file, line in reversed(places):
        path = Path(file)
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            return str(path.relative_to(root)), line
    return "", 0
