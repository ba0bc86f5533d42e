"""Reads the options of a part into the `msgspec.Struct` that its class declares as `options`.

The readers of a project's files report the problems with their lines (`project/settings/options.py`). The code that
creates parts calls `options_of` with sections that have been checked. Both use `convert`, so their results are the
same.
"""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from manent.core.errors import Problem, ProjectError

T = TypeVar("T", bound=msgspec.Struct)

Secret = Annotated[str, Meta(extra={"secret": True})]
"""A string that messages never show, such as a password or a token."""


class NoOptions(msgspec.Struct, frozen=True):
    """The options of a part that has no options."""


class WrongOption(ValueError):
    """Raised by `__post_init__` of an options class for a value that has the right type but is not valid.

    Attributes:
        option: name of the option.
        expected: what was expected.
        found: the value that was found, without secrets. None: the value.
        suggestion: what to do.
        within: keys that lead from the option to the wrong value, if the value is inside a mapping.
        choices: the allowed keys, if the last key of `within` is not one of them.
    """

    def __init__(
        self,
        option: str,
        expected: str,
        *,
        found: str | None = None,
        suggestion: str = "",
        within: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{option}: expected {expected}")
        self.option = option
        self.within = within
        self.choices = choices
        self.expected = expected
        self.found = found
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongValue:
    """A problem with one option.

    Attributes:
        option: name of the option in the file.
        expected: what was expected.
        kind: `type`, `missing`, or `value`.
        found: what was found. None: the message can show the value.
        choices: the allowed words, if the value must be in a fixed list; the allowed keys, if the last key of
            `within` is not one of them.
        is_flag: whether true or false was expected.
        suggestion: what to do.
        within: keys that lead from the option to the wrong value, if the value is inside a mapping.
    """

    option: str
    expected: str
    kind: Literal["type", "missing", "value"]
    found: str | None = None
    choices: tuple[str, ...] = ()
    is_flag: bool = False
    suggestion: str = ""
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One option of an options class.

    Attributes:
        name: the option's name in files, for example `page-access-token`.
        attribute: the attribute of the struct.
        type: its type, without `Annotated`.
        default: its default value. `msgspec.NODEFAULT`: the option is required.
        is_secret: whether the option's value must not be shown.
    """

    name: str
    attribute: str
    type: Any
    default: Any
    is_secret: bool

    @property
    def is_required(self) -> bool:
        """Whether a section must contain the option."""
        return self.default is msgspec.NODEFAULT

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words, if the value must be in a fixed list."""
        return tuple(
            str(choice) for part in _alternatives(self.type) if get_origin(part) is Literal for choice in get_args(part)
        )

    @property
    def expected(self) -> str:
        """The expected values, as text for messages."""
        return " or ".join(dict.fromkeys(_describe(part) for part in _alternatives(self.type)))


def fields_of(options: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Return the options that a class declares."""
    found = []
    for field in msgspec.structs.fields(options):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        found.append(Field(field.encode_name, field.name, field.type, default, is_secret=_is_secret(field.type)))
    return tuple(found)


def section_of(field: Field) -> type[msgspec.Struct] | None:
    """Return the class of the options inside an option, or None if the option's value is not a section."""
    parts = _alternatives(field.type)
    return next((part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)), None)


def convert(options: type[T], section: Mapping[str, Any]) -> tuple[T | None, list[WrongValue]]:
    """Convert a section of a file. Unknown keys are ignored; null means the default.

    A number or a flag can be a string, because environment variables are strings.

    Returns:
        The options (None if a value is wrong), and the wrong values.
    """
    wrong: list[WrongValue] = []
    values: dict[str, Any] = {}
    for field in fields_of(options):
        value = section.get(field.name)
        if value is None:
            if field.is_required:
                wrong.append(WrongValue(option=field.name, expected=field.expected, kind="missing"))
            continue
        try:
            values[field.attribute] = _convert(value, field.type)
        except msgspec.ValidationError as error:
            wrong.append(_wrong_value(field, value, error))
    if wrong:
        return None, wrong
    try:
        return options(**values), []
    except WrongOption as error:
        names = {field.attribute: field for field in fields_of(options)}
        field = names[error.option]
        found = error.found
        if found is None and field.is_secret:
            found = "a value that is not allowed"
        return None, [
            WrongValue(
                option=field.name,
                expected=error.expected,
                kind="value",
                found=found,
                suggestion=error.suggestion,
                within=error.within,
                choices=error.choices,
            )
        ]


def options_of(found: Any, name: str, section: Mapping[str, Any], *, file: str) -> Any:
    """Return a part's options from a section whose problems have already been reported with their lines.

    A class without `options` receives the section unchanged.

    Args:
        found: the class.
        name: its name in the file.
        section: its options, unchanged from the file.
        file: name of the file, for messages.

    Raises:
        ProjectError: an option is wrong.
    """
    declared = getattr(found, "options", None)
    if declared is None:
        return dict(section)
    options, wrong = convert(declared, section)
    if options is not None:
        return options
    stem = file.partition(".")[0]
    raise ProjectError(
        [
            Problem(
                file=file,
                line=0,
                path=".".join((name, each.option, *each.within)),
                code=f"{stem}.{each.option.replace('_', '-')}",
                found=each.found or "another value",
                expected=each.expected,
                suggestion=each.suggestion,
            )
            for each in wrong
        ]
    )


def _convert(value: Any, type_: Any) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        if isinstance(value, str) and value.strip():
            return msgspec.convert(value.strip(), type_, strict=False)
        raise


def _wrong_value(field: Field, value: Any, error: msgspec.ValidationError) -> WrongValue:
    kind: Literal["type", "value"] = "value" if _has_type(value, field.type) else "type"
    found = f"a value of the type {type(value).__name__}" if field.is_secret and kind == "type" else None
    expected = field.expected
    if isinstance(value, (dict, list)) and "$" in str(error):
        detail, _, place = str(error).partition(" - at ")
        expected = f"{expected} ({detail} at {place.strip('`')})" if place else expected
    return WrongValue(
        option=field.name,
        expected=expected,
        kind=kind,
        found=found,
        choices=field.choices,
        is_flag=any(part is bool for part in _alternatives(field.type)),
    )


def _has_type(value: Any, type_: Any) -> bool:
    """Return whether a value has the right type but is not allowed."""
    for part in _alternatives(type_):
        origin = get_origin(part)
        if origin is Literal and isinstance(value, str):
            return True
        if isinstance(part, type) and isinstance(value, part) and not (part is int and isinstance(value, bool)):
            return True
    return False


def _is_secret(type_: Any) -> bool:
    if get_origin(type_) is Annotated:
        return any(isinstance(meta, Meta) and bool((meta.extra or {}).get("secret")) for meta in type_.__metadata__)
    return any(_is_secret(part) for part in get_args(type_) if get_origin(type_) in (Union, types.UnionType))


def _alternatives(type_: Any) -> Sequence[Any]:
    """Return the types that a value can have, without None and without annotations."""
    if get_origin(type_) is Annotated:
        return _alternatives(get_args(type_)[0])
    if get_origin(type_) in (Union, types.UnionType):
        return [each for part in get_args(type_) if part is not type(None) for each in _alternatives(part)]
    return [type_]


_WORDS: dict[Any, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
    tuple: "a list",
    Any: "any value",
}


def _describe(type_: Any) -> str:
    origin = get_origin(type_)
    if origin is Literal:
        return f"one of: {', '.join(str(choice) for choice in get_args(type_))}"
    if origin in (list, tuple, set, frozenset):
        items = [part for part in get_args(type_) if part is not Ellipsis]
        plural = {str: "strings", int: "whole numbers", float: "numbers"}.get(items[0]) if items else None
        return f"a list of {plural}" if plural else "a list"
    return _WORDS.get(origin or type_, "a mapping")
