"""Counts the runs of an action in a slot of the conversation and, if `COUNT_FILE` is set, in a file."""

import os
import time
from pathlib import Path
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher


class ActionCount(Action):
    """Adds one to the slot. Each run writes a line with its key to `COUNT_FILE`, and takes `COUNT_SECONDS`."""

    def name(self) -> str:
        """Return the name of the action in the domain."""
        return "action_count"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Add one to the slot."""
        del dispatcher, domain
        ledger = os.environ.get("COUNT_FILE")
        if ledger:
            key = (tracker.latest_message.get("metadata") or {}).get("idempotency_key")
            with Path(ledger).open("a") as file:
                file.write(f"{time.time()}\t{os.getpid()}\t{tracker.sender_id}\t{key}\n")
        time.sleep(float(os.environ.get("COUNT_SECONDS", "0")))
        return [SlotSet("counted", (tracker.get_slot("counted") or 0) + 1)]
