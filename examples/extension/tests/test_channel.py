"""The kiosk passes the suite for channels."""

import pytest
from manent.testing.channels import *
from manent.testing.channels import Case


@pytest.fixture
def case():
    def deliver(sender, text, message_id, token="t1"):
        body = {"user": sender, "text": text, "id": message_id}
        return {"method": "POST", "url": "/webhooks/kiosk/webhook", "json": body, "headers": {"x-token": token}}

    forged = deliver("ada", "hello", "m1", token="t2")
    return Case(section="kiosk", name="kiosk", options={"token": "t1"}, deliver=deliver, rejected=(forged,))
