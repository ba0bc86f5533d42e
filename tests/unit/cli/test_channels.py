"""`manent channels`: what is configured, the webhook URLs, and whether the credentials are right."""

from collections.abc import Callable
from pathlib import Path

import pytest

CREDENTIALS = """
rest:
telegram:
  access_token: t
  verify: bot
  webhook_url: https://bot.example.com/webhooks/telegram/webhook
  api_url: http://127.0.0.1:9
generic: {url: "https://service.example.com/bot", secret: "0123456789abcdef"}
rasa: {url: u}
"""


Call = Callable[[str], tuple[int, str]]


@pytest.fixture(autouse=True)
def _credentials(shop: Path) -> None:
    """The project has channels."""
    (shop / "credentials.yml").write_text(CREDENTIALS)


def test_list(manent: Call) -> None:
    """Each channel is listed with the address to enter on the platform's page."""
    status, out = manent("channels --url https://bot.example.com/")
    assert status == 0
    assert out.splitlines() == [
        "rest      https://bot.example.com/webhooks/rest/webhook",
        "telegram  https://bot.example.com/webhooks/telegram/webhook",
        "generic   https://bot.example.com/webhooks/generic/webhook",
        "rasa      is not supported and is ignored",
    ]


def test_check(manent: Call) -> None:
    """A platform that cannot be asked is reported, without secrets, and the exit status is 1."""
    status, out = manent("channels --check")
    assert status == 1
    assert "telegram  failed: could not be reached" in out
    assert "generic   ok: messages are sent to https://service.example.com/bot" in out
    assert "0123456789abcdef" not in out


def test_set_webhook(manent: Call) -> None:
    """A failure, a channel without such a call, and a channel that is not configured are reported."""
    for channel, expected in (
        ("telegram", "could not be reached"),
        ("generic", "enter the URL from `manent channels` on the platform's page"),
        ("slack", "credentials.yml contains no channel slack; it contains: rest, telegram, generic, rasa"),
    ):
        status, error = manent(f"channels set-webhook {channel}")
        assert (status, expected in error) == (1, True)
