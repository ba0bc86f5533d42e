"""The REST channel passes the suite of `manent.testing.channels`. Its requests are described by the API's document."""

import pytest

from manent.testing.channels import *  # noqa: F403  # the tests
from manent.testing.channels import Arguments, Case


@pytest.fixture
def case() -> Case:
    """The REST channel."""

    def deliver(sender: str, text: str, message_id: str) -> Arguments:
        body = {"sender": sender, "message": text, "message_id": message_id}
        return {"method": "POST", "url": "/webhooks/rest/webhook", "json": body}

    nameless = {"method": "POST", "url": "/webhooks/rest/webhook", "json": {"sender": "ada"}}
    return Case(section="rest", name="rest", deliver=deliver, rejected=(nameless,))
