"""The comparison of secrets."""

import pytest

from manent.core.secret_text import is_same


@pytest.mark.parametrize(
    ("given", "expected", "same"),
    [
        ("s3cr3t", "s3cr3t", True),
        ("s3cr3", "s3cr3t", False),
        ("", "s3cr3t", False),
        ("\ud800", "s", False),
        ("é", "é", True),
    ],
)
def test_secrets_are_compared(given: str, expected: str, *, same: bool) -> None:
    """Only equal texts are the same, and no text raises an error."""
    assert is_same(given, expected) is same
