"""Checks names and options of parts that `credentials.yml`, `endpoints.yml` and `config.yml` configure.

All extension points use these functions. They find the class, compare the section with the options that the class
declares, and report each problem at its line.
"""

from typing import Any

from manent.extensions.finding import BadExtension, find
from manent.extensions.options import WrongValue, convert, fields_of
from manent.extensions.points import ExtensionPoint
from manent.project.problems import Spot, did_you_mean, flag_hint, one_of
from manent.project.yaml.documents import plain


def find_class(point: ExtensionPoint, name: str, spot: Spot, code: str) -> Any:
    """Return the class that a name refers to. None: the name is unknown, or the problem is reported at the spot."""
    try:
        return find(point, name)
    except BadExtension as error:
        suggestion = did_you_mean(error.wrong, error.known) if error.wrong else ""
        text = ". ".join(part for part in (suggestion, error.advice) if part)
        spot.error(code, error.expected, text, found=f'"{name}": {error.found}')
        return None


def check_options(
    spot: Spot, declared: Any, code: str, *, besides: tuple[str, ...] = (), required: bool = True
) -> None:
    """Report a section's unknown and wrong options.

    Args:
        spot: the section, which is a mapping or empty.
        declared: `options` of the class. None: the class accepts any options.
        code: first part of the codes, for example `credentials`.
        besides: keys of the section that are not options of the class, such as `type`.
        required: whether missing options are reported.
    """
    if declared is None or not isinstance(spot.value, dict | None):
        return
    fields = fields_of(declared)
    names = [field.name for field in fields]
    for name, option in spot.entries():
        if name not in names and name not in besides:
            option.warn(
                f"{code}.unknown-key",
                one_of(names, 20) if names else "no options",
                did_you_mean(name, names),
                found=f'the option "{name}"',
            )
    _, wrong = convert(declared, plain(spot.value or {}))
    for each in wrong:
        if each.kind != "missing":
            _report(each, spot.get(each.option) or spot, code)
        elif required:
            spot.error(
                f"{code}.no-{each.option.replace('_', '-')}",
                f"`{each.option}:`, {each.expected}",
                found=f"{spot.path} without {each.option}",
            )


def _report(wrong: WrongValue, spot: Spot, code: str) -> None:
    suggestion = wrong.suggestion
    if not suggestion and wrong.choices:
        suggestion = did_you_mean(spot.value, wrong.choices)
    elif not suggestion and wrong.is_flag:
        suggestion = flag_hint(spot.value)
    elif wrong.expected == "a string" and wrong.found is None and isinstance(spot.value, bool | int | float):
        suggestion = f'Put it in quotes: "{spot.value}"'
    written = f"{code}.{wrong.option.replace('_', '-')}" if wrong.kind == "value" else "yaml.type"
    spot.error(written, wrong.expected, suggestion, found=wrong.found)
