"""How WhatsApp shows buttons that open a page."""

from manent.channels.whatsapp import WhatsAppChannel, WhatsAppOptions
from manent.core.events import BotUttered, Json

LINK = {"title": "Terms", "url": "https://example.invalid/terms"}
YES = {"title": "Yes", "payload": "/affirm"}


def _channel() -> WhatsAppChannel:
    secrets: Json = {"access_token": "t", "app_secret": "s", "verify": "v"}
    return WhatsAppChannel(WhatsAppOptions(phone_number_id="1", **secrets))


async def test_an_address_is_shown_although_reply_buttons_have_none() -> None:
    """A button that only opens a page is a line of the text; the others are reply buttons."""
    [part] = _channel().shown(BotUttered(text="Do you agree?", data={"buttons": [LINK, YES]}))
    shown = part["interactive"]
    assert shown["body"]["text"] == "Do you agree?\nTerms: https://example.invalid/terms"
    assert [one["reply"]["title"] for one in shown["action"]["buttons"]] == ["Yes"]


async def test_a_message_with_addresses_only_is_a_text() -> None:
    """Without reply buttons, the message and a card are texts."""
    event = BotUttered(data={"buttons": [LINK], "elements": [{"title": "Shoes", "buttons": [LINK]}]})
    texts = [part["text"]["body"] for part in _channel().shown(event)]
    assert texts == ["Terms: https://example.invalid/terms", "Shoes\nTerms: https://example.invalid/terms"]
