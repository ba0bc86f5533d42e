"""Who may use a conversation."""

from typing import Any

import pytest

from manent.core.errors import RequestError
from manent.runtime.identity.admission import Identity

MINTED = Identity(mode="minted", secret=b"0123456789abcdef")


async def test_open_mode_needs_only_the_id() -> None:
    """In open mode, a client can use a conversation if it knows the id."""
    admission = await Identity().admit("ada")

    assert (admission.sender_id, admission.token) == ("ada", None)


@pytest.mark.parametrize("session_id", [0, 7, True, "", [], {}, 1.5, "x" * 256, "\ud800", "a\0b"])
async def test_invalid_session_ids_are_rejected(session_id: Any) -> None:
    """In every mode, an invalid session id is rejected with `bad_session_id`."""
    for identity in (Identity(), MINTED):
        with pytest.raises(RequestError) as refused:
            await identity.admit(session_id)
        assert refused.value.code == "bad_session_id"


async def test_minted_ids_need_their_token() -> None:
    """A minted conversation accepts only its own token, separately or as part of the id."""
    mine, other = await MINTED.new(), await MINTED.new()

    assert await MINTED.admit(mine.sender_id, mine.token) == mine
    assert await MINTED.admit(MINTED.confirmation(mine)) == mine
    for token in (None, "", other.token, mine.sender_id, 5):
        with pytest.raises(RequestError) as refused:
            await MINTED.admit(mine.sender_id, token)
        assert (refused.value.code, refused.value.status) == ("forbidden", 403)


async def test_tokens_of_another_secret_are_rejected() -> None:
    """A token that was made with another secret is rejected."""
    mine = await Identity(mode="minted", secret=b"another key, long").new()
    with pytest.raises(RequestError, match="no access"):
        await MINTED.admit(mine.sender_id, mine.token)


async def test_new_ids_differ() -> None:
    """A hundred minted conversations have different ids and tokens."""
    minted = [await MINTED.new() for _ in range(100)]

    assert len({admission.sender_id for admission in minted}) == 100
    assert len({admission.token for admission in minted}) == 100


async def test_open_channel_beside_a_minting_one_does_not_open_its_conversations() -> None:
    """With a minting channel, the open channel also requires the token of a minted id. Other ids need none."""
    beside = Identity(mode="open", secret=MINTED.secret, guards_minted=True)
    mine = await MINTED.new()

    assert (await beside.admit("ada")).sender_id == "ada"
    assert (await beside.admit(MINTED.confirmation(mine))).sender_id == mine.sender_id
    with pytest.raises(RequestError, match="no access"):
        await beside.admit(mine.sender_id)
