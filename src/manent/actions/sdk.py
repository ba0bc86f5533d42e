"""Loads a project's action code with the real rasa-sdk, for `in_process.py` and `server.py`.

rasa-sdk comes with `pip install "manent[actions]"` and is imported here and nowhere else at the top of a module, so
that a server whose actions are remote never loads it. Must not run an action.
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
    """Import the project's actions and register every one of them.

    Args:
        actions_module: a package or module, for example `actions`.
        root: the project's directory; goes to the front of `sys.path`.

    Raises:
        ProjectError: rasa-sdk is not installed, or the module (or one below it) cannot be imported, or an action
            cannot be registered.
    """
    if importlib.util.find_spec("rasa_sdk") is None:
        raise ProjectError([_not_installed()])
    if str(root.resolve()) not in sys.path:
        sys.path.insert(0, str(root.resolve()))
    from rasa_sdk.executor import ActionExecutor

    _hand_out_copies()
    executor = ActionExecutor()
    try:
        importlib.import_module(actions_module)
        executor.register_package(actions_module)
    except SystemExit as error:  # how the SDK ends on an ImportError in a module below the package
        cause = error.__context__
        raise ProjectError([_broken(actions_module, root, cause or error)]) from cause
    except Exception as error:  # whatever the project's code raises while it is imported
        raise ProjectError([_broken(actions_module, root, error)]) from error
    return executor


def _hand_out_copies() -> None:
    """Let form validators edit the list of slots that they are handed.

    Those of the 2.x years do: `domain_slots.remove("age")`. SDK 3 hands out the domain's own list, and a second time
    in the same call, when the name is gone and the removal raises. SDK 2 had the method under another name.
    """
    from rasa_sdk.forms import FormValidationAction

    FormValidationAction.domain_slots = _form_slots
    FormValidationAction.slots_mapped_in_domain = _form_slots


def _form_slots(validator: "FormValidationAction", domain: Json) -> list[str]:
    """Return a list of its own with the slots of the validator's form, whichever format the domain has.

    3.x lists them; 2.0 maps them to slot mappings, from 2.6 on under `required_slots`, before without it.
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
        expected="rasa-sdk, which runs custom actions",
        suggestion=INSTALL,
    )


def _broken(actions_module: str, root: Path, error: BaseException) -> Problem:
    """Say what is wrong with the project's code, and in which of its lines it showed."""
    file, line = _place(root.resolve(), error)
    missing = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing and missing == actions_module.split(".", maxsplit=1)[0] and not file:
        return Problem(
            file=f"{missing}/",
            line=0,
            path=actions_module,
            code="actions.missing",
            found=f"no such module in {root.resolve()}",
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
        return f"Perhaps: pip install {missing}"
    if isinstance(error, ImportError) and error.name == "rasa_sdk.forms" and "FormAction" in str(error):
        return (
            "rasa-sdk 3 has no FormAction: list the form's slots in the domain, and validate in a FormValidationAction"
        )
    return ""


def _place(root: Path, error: BaseException) -> tuple[str, int]:
    """Return file (relative to `root`) and line where the error left the project's own code; `("", 0)` if nowhere."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno or 0)]
    else:
        places = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    for file, line in reversed(places):
        path = Path(file)
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            return str(path.relative_to(root)), line
    return "", 0
