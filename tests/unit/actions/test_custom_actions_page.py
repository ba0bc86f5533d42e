"""The code and the tables of docs/custom-actions.md."""

import asyncio
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from manent.actions import endpoint, in_process, opening, remote, sdk
from support.action_servers import action_call

PAGE = (Path(__file__).parents[3] / "docs" / "custom-actions.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def defined(block: int, name: str) -> Any:
    """Run a code block and return an instance of a class that it defines."""
    names: dict[str, Any] = {"__name__": "rasa_sdk.from_the_page"}  # not registered with the actions of other tests
    exec(BLOCKS[block], names)  # noqa: S102  # our own page
    return names[name]()


def test_the_order_is_placed_once() -> None:
    """The same key again places no second order; another one does."""
    action = defined(0, "PlaceOrder")
    said = []
    for key in ("e:1:action_place_order", "e:1:action_place_order", "e:9:action_place_order"):
        wire = dict(action_call(pizza="margherita").tracker)
        wire["latest_message"] |= {"metadata": {"idempotency_key": key}}
        dispatcher = CollectingDispatcher()
        action.run(dispatcher, Tracker.from_dict(wire), {})
        said.append(dispatcher.messages[0]["text"])

    assert said == ["Order 1 is on its way.", "Order 1 is on its way.", "Order 2 is on its way."]


def test_the_validator_validates() -> None:
    """An address without a number is asked for again, and none is needed when the pizza is picked up."""
    validator = defined(1, "ValidatePizzaForm")
    dispatcher = CollectingDispatcher()
    picks_up: Any = SimpleNamespace(get_slot=lambda _: True)

    assert validator.validate_address("High Street", dispatcher, None, {}) == {"address": None}
    assert validator.validate_address("High Street 7", dispatcher, None, {}) == {"address": "High Street 7"}
    assert asyncio.run(validator.required_slots(["pizza", "address"], dispatcher, picks_up, {})) == ["pizza"]


def test_every_option_is_on_the_page() -> None:
    """What the code reads from `endpoints.yml` is explained."""
    sources = inspect.getsource(endpoint.read_endpoint) + inspect.getsource(opening)
    read = set(re.findall(r"""(?:options|action_endpoint)(?:\.get\(|\[)"(\w+)""", sources))

    assert {"timeout", "threads", "url", "basic_auth", "enable_selective_domain", "cafile"} <= read
    assert {option for option in read if f"`{option}`" not in PAGE} == set()


def test_every_error_is_on_the_page() -> None:
    """Each code that an action's failure may have is explained."""
    sources = "".join(inspect.getsource(module) for module in (remote, in_process, sdk, endpoint))
    codes = set(re.findall(r'ActionError\("(\w+)"', sources))
    codes |= {f"action_{kind}" for kind in re.findall(r'_error\("(\w+)"', sources)}

    assert len(codes) == 5
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
