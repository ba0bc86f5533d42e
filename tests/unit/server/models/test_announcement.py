"""When the servers of a store switch to an announced model."""

from msgspec.structs import replace

from manent.server.models.announcement import LEAD_S, PREPARE_S, Announcement, decode, encode, with_switch

ANNOUNCED = Announcement(number=4, digest="d", parts=1, file="m.tar.gz", at=100.0)


def test_one_server_switches_at_once() -> None:
    """A server that is alone waits for nobody."""
    assert with_switch(ANNOUNCED, {"one": 4}, own="one", now=101.0) == replace(ANNOUNCED, switch_at=101.0)


def test_servers_wait_for_each_other() -> None:
    """The time is set when the last server is ready, and lies ahead so that all of them read it before."""
    servers = {"one": 4, "two": 3}
    assert with_switch(ANNOUNCED, servers, own="one", now=101.0) == ANNOUNCED
    assert with_switch(ANNOUNCED, {**servers, "two": 4}, own="one", now=101.0).switch_at == 101.0 + LEAD_S


def test_the_wait_is_limited() -> None:
    """A server that never gets ready does not keep the others from the new model."""
    servers = {"one": 4, "stuck": 0}
    assert with_switch(ANNOUNCED, servers, own="one", now=100.0 + PREPARE_S - 0.1).switch_at is None
    assert with_switch(ANNOUNCED, servers, own="one", now=100.0 + PREPARE_S).switch_at is not None


def test_announcements_are_stored_as_json() -> None:
    """What one server writes, another one reads; no value is no announcement."""
    assert decode(encode(ANNOUNCED)) == ANNOUNCED
    assert decode(None) is None
    assert decode(b'{"number":1,"digest":"","parts":0,"file":"","at":1.0,"added later":true}') is not None
