"""The spool passes the suite for event brokers."""

import pytest
from manent.testing.brokers import *
from manent.testing.brokers import Place
from manent_shop.spool import SpoolBroker, SpoolOptions


@pytest.fixture
def place(tmp_path):
    async def read():
        return [path.read_text() for path in sorted((tmp_path / "spool").iterdir())]

    return Place(lambda: SpoolBroker(SpoolOptions(folder=str(tmp_path / "spool"))), read)
