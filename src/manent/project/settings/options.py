"""Checks names and options of parts that `credentials.yml`, `endpoints.yml` and `config.yml` configure.

All extension points use these functions. They find the class, compare the section with the options that the class
declares, and report each problem at its line.
"""

from typing import Any

import msgspec

from manent.extensions.finding import BadExtension, find
from manent.extensions.options import WrongValue, convert, fields_of, section_of
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
    """Report a section's unknown and wrong options, also those of the sections inside it.

    Args:
        spot: the section, which is a mapping or empty.
        declared: `options` of the class. None: the class accepts any options.
        code: first part of the codes, for example `credentials`.
        besides: keys of the section that are not options of the class, such as `type`.
        required: whether missing options are reported.
    """
    if declared is None or not isinstance(spot.value, dict | None):
        return
    fields = {field.name: field for field in fields_of(declared)}
    names = list(fields)
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
        inner = spot.get(each.option)
        section = section_of(fields[each.option])
        if inner is not None and section is not None and not each.within and _check_section(inner, section, code):
            continue
        if each.kind != "missing":
            _report(each, inner or spot, code)
        elif required:
            spot.error(
                f"{code}.no-{each.option.replace('_', '-')}",
                f"`{each.option}:`, {each.expected}",
                found=f"{spot.path} without {each.option}",
            )


def _check_section(spot: Spot, declared: type[msgspec.Struct], code: str) -> bool:
    """Report the errors of a section inside an option. Return whether there are any."""
    if not isinstance(spot.value, dict):
        return False
    names = [field.name for field in fields_of(declared)]
    unknown = [(name, option) for name, option in spot.entries() if name not in names]
    for name, option in unknown:
        option.error(f"{code}.unknown-key", one_of(names, 20), did_you_mean(name, names), found=f'the option "{name}"')
    _, wrong = convert(declared, plain(spot.value))
    for each in wrong:
        _report(each, spot.get(each.option) or spot, code)
    return bool(unknown or wrong)


def _report(wrong: WrongValue, spot: Spot, code: str) -> None:
    for key in wrong.within:
        spot = spot.get(key) or spot
    suggestion = wrong.suggestion
    if not suggestion and wrong.choices:
        suggestion = did_you_mean(wrong.within[-1] if wrong.within else spot.value, wrong.choices)
    elif not suggestion and wrong.is_flag:
        suggestion = flag_hint(spot.value)
    elif wrong.expected == "a string" and wrong.found is None and isinstance(spot.value, bool | int | float):
        suggestion = f'Put it in quotes: "{spot.value}"'
    written = f"{code}.{wrong.option.replace('_', '-')}" if wrong.kind == "value" else "yaml.type"
    spot.error(written, wrong.expected, suggestion, found=wrong.found)
