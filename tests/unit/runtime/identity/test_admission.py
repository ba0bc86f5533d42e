"""Who may use a conversation."""

from typing import Any

import pytest

from manent.core.errors import RequestError
from manent.runtime.identity.admission import Identity

MINTED = Identity(mode="minted", secret=b"0123456789abcdef")


async def test_open_admits_who_names_it() -> None:
    """In open mode an id is enough, and nothing proves it."""
    admission = await Identity().admit("ada")

    assert (admission.sender_id, admission.token) == ("ada", None)


@pytest.mark.parametrize("session_id", [0, 7, True, "", [], {}, 1.5, "x" * 256, "\ud800", "a\0b"])
async def test_no_session_id_is_told_so(session_id: Any) -> None:
    """Whatever cannot be an id is refused with a sentence, in every mode."""
    for identity in (Identity(), MINTED):
        with pytest.raises(RequestError) as refused:
            await identity.admit(session_id)
        assert refused.value.code == "bad_session_id"


async def test_minted_ids_are_proved_by_their_token() -> None:
    """A minted conversation is open to who has its token, in either form, and to nobody else."""
    mine, other = await MINTED.new(), await MINTED.new()

    assert await MINTED.admit(mine.sender_id, mine.token) == mine
    assert await MINTED.admit(MINTED.confirmation(mine)) == mine
    for token in (None, "", other.token, mine.sender_id, 5):
        with pytest.raises(RequestError) as refused:
            await MINTED.admit(mine.sender_id, token)
        assert (refused.value.code, refused.value.status) == ("forbidden", 403)


async def test_tokens_of_another_secret_are_refused() -> None:
    """A token is good under the key that made it only."""
    mine = await Identity(mode="minted", secret=b"another key, long").new()
    with pytest.raises(RequestError, match="no access"):
        await MINTED.admit(mine.sender_id, mine.token)


async def test_new_ids_differ() -> None:
    """No two minted conversations share an id or a token."""
    minted = [await MINTED.new() for _ in range(100)]

    assert len({admission.sender_id for admission in minted}) == 100
    assert len({admission.token for admission in minted}) == 100


async def test_open_channel_beside_a_minting_one_does_not_open_its_conversations() -> None:
    """An id of the minted form needs its token on the open channel, too; other ids are as open as ever."""
    beside = Identity(mode="open", secret=MINTED.secret, guards_minted=True)
    mine = await MINTED.new()

    assert (await beside.admit("ada")).sender_id == "ada"
    assert (await beside.admit(MINTED.confirmation(mine))).sender_id == mine.sender_id
    with pytest.raises(RequestError, match="no access"):
        await beside.admit(mine.sender_id)
