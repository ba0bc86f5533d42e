"""A token that expires during a form: no message is lost, and no question is repeated."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from manent.training import TrainingOptions, train
from security.sites import Site, Visitor, start, stop, token
from support.small_talk import write_project

DOMAIN = """
version: "3.1"
intents: [order, answer]
slots:
  colour: {type: text, mappings: [{type: from_text, conditions: [{active_loop: shirt, requested_slot: colour}]}]}
  size: {type: text, mappings: [{type: from_text, conditions: [{active_loop: shirt, requested_slot: size}]}]}
  name: {type: text, mappings: [{type: from_text, conditions: [{active_loop: shirt, requested_slot: name}]}]}
forms:
  shirt: {required_slots: [colour, size, name]}
responses:
  utter_ask_colour: [{text: "Which colour?"}]
  utter_ask_size: [{text: "Which size?"}]
  utter_ask_name: [{text: "Which name?"}]
  utter_done: [{text: "{colour}, {size}, for {name}."}]
"""
RULES = """
version: "3.1"
rules:
- rule: order
  steps: [{intent: order}, {action: shirt}, {active_loop: shirt}]
- rule: ordered
  condition: [{active_loop: shirt}]
  steps: [{action: shirt}, {active_loop: null}, {slot_was_set: [{requested_slot: null}]}, {action: utter_done}]
"""
NLU = """
version: "3.1"
nlu:
- intent: order
  examples: |
    - order
- intent: answer
  examples: |
    - blue
"""


@pytest.fixture(scope="module")
def tailor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server in jwt mode whose form has three questions."""
    root = write_project(tmp_path_factory.mktemp("tailor"))
    for name, content in (("domain.yml", DOMAIN), ("data/rules.yml", RULES), ("data/nlu.yml", NLU)):
        (root / name).write_text(content)
    site = start(tmp_path_factory.mktemp("tailors"), model=train(TrainingOptions(root=root)).path)
    yield site
    stop(site)


async def say(visitor: Visitor, session: str, text: str, answers: int) -> None:
    """Send a message, and wait for this number of bot messages."""
    answer = await visitor.ask("user_uttered", session_id=session, message=text, message_id=uuid.uuid4().hex)
    assert answer["ok"], answer
    await visitor.wait("bot_uttered", answers)


def spoken(visitor: Visitor) -> list[str]:
    """Return the bot's messages on this socket."""
    return [message["text"] for message in visitor.told("bot_uttered")]


async def test_refreshed_in_the_middle_of_a_form(tailor: Site) -> None:
    """Before the token expires, the socket is warned. It continues with a new token, only of the same subject."""
    subject = uuid.uuid4().hex
    async with tailor.visitor(token(subject, lifetime_s=3)) as ada:
        session = (await ada.join())["session_id"]
        await say(ada, session, "order", 1)
        await say(ada, session, "blue", 2)
        await ada.wait("token_expiring")
        refused = await ada.code("token_refresh", token=token(uuid.uuid4().hex))
        nothing = [await ada.code("token_refresh", token=given) for given in ("", None, 5)]
        fresh = await ada.ask("token_refresh", token=token(subject, lifetime_s=600))
        await asyncio.sleep(3.5)  # the first one is over
        await say(ada, session, "large", 3)
        await say(ada, session, "Ada", 4)

    assert (refused, nothing) == ("forbidden", ["bad_request"] * 3)
    assert fresh["ok"]
    assert spoken(ada) == ["Which colour?", "Which size?", "Which name?", "blue, large, for Ada."]
    assert ada.told("session_changed") == []


async def test_expired_in_the_middle_of_a_form(tailor: Site) -> None:
    """With another token, the visitor continues the form, and a message that was interrupted is accepted once."""
    subject = uuid.uuid4().hex
    async with tailor.visitor(token(subject, lifetime_s=2)) as before:
        joined = await before.join()
        session = joined["session_id"]
        await say(before, session, "order", 1)
        await before.wait("session_changed")
        await before.ended()
        with pytest.raises(Exception, match=r"namespace|connected"):  # python-socketio's errors of a closed socket
            await before.ask("user_uttered", session_id=session, message="blue", message_id="typed")
    async with tailor.visitor(token(subject)) as after:
        again = await after.join(session_id=session, cursor={"epoch": joined["epoch"], "seq": 0})
        for _ in range(2):  # an outbox sends until it is answered
            answer = await after.ask("user_uttered", session_id=session, message="blue", message_id="typed")
        await after.wait("bot_uttered")
        await say(after, session, "large", 2)
        await say(after, session, "Ada", 3)

    assert before.told("session_changed") == [{"reason": "expired"}]
    assert [message.get("message") or message["text"] for message in again["messages"]] == ["order", "Which colour?"]
    assert answer["duplicate"]
    assert spoken(after) == ["Which size?", "Which name?", "blue, large, for Ada."]
