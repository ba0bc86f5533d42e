"""Behaviour that only WhatsApp has: it accepts messages that it cannot deliver."""

from pathlib import Path

import httpx

from support.messengers import ADA, deliver, delivered, log_of, serving
from support.platforms.platform import Webhook
from support.platforms.whatsapp import WhatsApp
from support.small_talk import until


async def test_a_message_that_cannot_be_delivered_is_recorded(tmp_path: Path) -> None:
    """After 24 hours, WhatsApp accepts a message and reports a failure later, which is recorded with the message."""
    platform = WhatsApp()
    async with platform.running(), serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        store = server.conversations.engine.store
        for _ in range(2):
            await delivered(server, platform, platform.failed(platform.sent[0]))
        [lost] = await store.undelivered(ADA)
        entries = await log_of(server, ADA)
        assert entries[lost.seq - 1].event.text == "Hello."  # type: ignore[union-attr]
        assert (lost.reason, lost.is_uncertain) == ("error 131047: Re-engagement message", False)

        async with httpx.AsyncClient(base_url=server.url) as http:
            metrics = (await http.get("/metrics")).text
        assert 'manent_channel_messages_undeliverable_total{channel="whatsapp"} 2.0' in metrics

        hook = platform.failed(platform.sent[0])
        other = platform.change(
            {"statuses": [{"status": "failed", "recipient_id": ADA, "biz_opaque_callback_data": "x:y"}]}
        )
        assert (await deliver(server, platform, other)).status_code == 200
        assert (await deliver(server, platform, Webhook(body=hook.body))).status_code == 403
        assert await store.undelivered(ADA) == [lost]
    assert platform.rejected == []
