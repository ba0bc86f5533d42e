"""Behaviour that only the Slack channel has."""

from pathlib import Path

from support.messengers import ADA, delivered, serving, utter
from support.platforms.slack import Slack
from support.small_talk import until


async def test_messages_are_posted_as_the_bot_user(tmp_path: Path) -> None:
    """Messages have `as_user`, as in Rasa; a custom message can change it."""
    platform = Slack()
    async with platform.running(), serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: len(platform.sent) == 1)
        await utter(server, platform.address(ADA), None, custom={"text": "Hi.", "as_user": False})
        await until(lambda: len(platform.sent) == 2)
    assert [one.raw["as_user"] for one in platform.sent] == [True, False]
    assert platform.rejected == []
