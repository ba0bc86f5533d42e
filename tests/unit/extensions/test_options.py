"""Options that a class declares, read from a section."""

from typing import Any, Literal

import msgspec
import pytest

from manent.core.errors import ProjectError
from manent.extensions.options import NoOptions, Secret, WrongOption, convert, fields_of, options_of


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of every kind."""

    url: str
    page_token: Secret | None = msgspec.field(default=None, name="page-token")
    retries: int = 3
    pause: float = 0.5
    loud: bool = False
    mode: Literal["fast", "slow"] = "fast"
    queues: list[str] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Check the address."""
        if not self.url.startswith("https://"):
            raise WrongOption("url", "a URL that starts with https://")
        if self.page_token == "weak":  # noqa: S105  # a test value
            raise WrongOption("page_token", "a long token")


def test_values_of_the_environment_are_texts() -> None:
    """Numbers and flags may come as text; null is the default; names may have dashes."""
    section = {"url": "https://x", "page-token": "t", "retries": "5", "pause": 1, "loud": "true", "mode": None}

    options, wrong = convert(Options, section)

    assert wrong == []
    assert msgspec.to_builtins(options) == {
        "url": "https://x",
        "page-token": "t",
        "retries": 5,
        "pause": 1,
        "loud": True,
        "mode": "fast",
        "queues": [],
    }


@pytest.mark.parametrize(
    ("section", "option", "kind", "expected"),
    [
        ({}, "url", "missing", "a string"),
        ({"url": "http://x"}, "url", "value", "a URL that starts with https://"),
        ({"url": "https://x", "retries": "many"}, "retries", "type", "a whole number"),
        ({"url": "https://x", "retries": 1.5}, "retries", "type", "a whole number"),
        ({"url": "https://x", "loud": "yes"}, "loud", "type", "true or false"),
        ({"url": "https://x", "mode": "fats"}, "mode", "value", "one of: fast, slow"),
        ({"url": "https://x", "queues": {"a": 1}}, "queues", "type", "a list of strings"),
        (
            {"url": "https://x", "queues": [1]},
            "queues",
            "type",
            "a list of strings (Expected `str`, got `int` at $[0])",
        ),
        ({"url": "https://x", "page-token": 5}, "page-token", "type", "a string"),
        ({"url": "https://x", "page-token": "weak"}, "page-token", "value", "a long token"),
    ],
)
def test_what_is_wrong(section: dict[str, Any], option: str, kind: str, expected: str) -> None:
    """Each wrong value is named as it is written, with what was expected."""
    options, wrong = convert(Options, section)

    assert options is None
    assert [(each.option, each.kind) for each in wrong] == [(option, kind)]
    assert wrong[0].expected.startswith(expected)


@pytest.mark.parametrize("token", [12345, "weak"])
def test_secrets_are_not_shown(token: object) -> None:
    """A message about a secret option does not contain the secret."""
    with pytest.raises(ProjectError) as caught:
        options_of(_Part, "part", {"url": "https://x", "page-token": token}, file="credentials.yml")

    assert str(token) not in caught.value.message
    assert caught.value.problems[0].path == "part.page-token"


def test_all_wrong_values_are_reported_at_once() -> None:
    """One reading of a section finds every wrong type in it."""
    _, wrong = convert(Options, {"retries": "x", "loud": 5, "mode": 1})

    assert [each.option for each in wrong] == ["url", "retries", "loud", "mode"]


def test_a_class_without_declared_options_gets_the_section() -> None:
    """A part that declares nothing takes what is written."""
    assert options_of(object, "part", {"a": [1]}, file="x.yml") == {"a": [1]}
    assert options_of(_Bare, "part", {}, file="x.yml") == NoOptions()


def test_fields_show_defaults_and_requirements() -> None:
    """The reference page is made from these."""
    fields = {field.name: field for field in fields_of(Options)}

    assert [name for name, field in fields.items() if field.is_required] == ["url"]
    assert [name for name, field in fields.items() if field.is_secret] == ["page-token"]
    assert fields["queues"].default == []


class _Part:
    options = Options


class _Bare:
    options = NoOptions
