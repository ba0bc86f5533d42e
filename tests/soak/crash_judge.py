"""Finds violations in the records of `crash.py`: the raw frames of every tab, and the ledger of the custom action.

The log is read once at the end, over the network. The frames show which messages were acknowledged, under which number,
and which messages each tab received in which order.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from soak.crash_client import REPLY_PARTS, Frame, Plain, Sent, Visitor
from soak.crash_operators import NOTE, Operator


@dataclass(slots=True)
class Verdict:
    """Violations by name, and counts of checked items."""

    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, example: object) -> None:
        """Record a violation."""
        self.violations[name] += 1
        self.examples.setdefault(name, str(example)[:300])


def events_of(record: Iterable[Frame]) -> Iterator[tuple[str, str, Any]]:
    """Parse frames into requests, answers (with the name of the request) and events, each with its JSON."""
    asked: dict[str, tuple[str, Any]] = {}
    for frame in record:
        kind, body = frame.text[:2], frame.text[2:]
        number, bracket, rest = body.partition("[")
        if frame.way == "lost":
            asked.clear()
            yield "lost", "", None
        elif frame.way == "sent" and kind == "42":
            name, payload = json.loads(bracket + rest)
            asked[number] = (name, payload)
            yield "request", name, payload
        elif frame.way == "received" and kind == "43":
            name, payload = asked.pop(number, ("", None))
            yield "answer", name, (payload, *json.loads(bracket + rest))
        elif frame.way == "received" and kind == "42":
            name, *arguments = json.loads(bracket + rest)
            yield "event", name, arguments[0] if arguments else None


def judge_visitor(
    verdict: Verdict, visitor: Visitor, history: list[dict[str, Any]], epoch: str, handled: set[int]
) -> None:
    """Compare the final log of a conversation with the frames that its tabs received."""
    acknowledged = acknowledgements(visitor.speaker.record)
    judge_history(verdict, visitor.sent, acknowledged, history, handled)
    log = {message["id"]: _shown(message) for message in history}
    for tab in (visitor.speaker, visitor.listener):
        delivered = judge_tab(verdict, tab.record, epoch)
        for missing in sorted(log.keys() - delivered.keys()):
            verdict.add("not delivered", f"{tab.session_id} {missing}; last frames: {tab.record[-3:]}")
        for id_, shown in delivered.items():
            if log.get(id_) != shown:
                verdict.add("delivered, then gone", f"{tab.session_id} {id_}: {shown}, in the log: {log.get(id_)}")
        verdict.seen["frames"] += len(tab.record)
        verdict.seen["joins refused"] += tab.refused_joins
    verdict.seen["acknowledged"] += sum(message.message_id in acknowledged for message in visitor.sent)
    verdict.seen["resent"] += sum(message.attempts > 1 for message in visitor.sent)
    verdict.seen["erased"] += visitor.erased


def acknowledgements(record: Iterable[Frame]) -> dict[str, int]:
    """Return the number with which each message was acknowledged."""
    found = {}
    for kind, name, data in events_of(record):
        if kind == "answer" and name == "user_uttered" and data[1].get("ok"):
            found[data[0]["message_id"]] = data[1]["seq"]
    return found


def judge_history(
    verdict: Verdict, sent: list[Sent], acknowledged: dict[str, int], history: list[dict[str, Any]], handled: set[int]
) -> None:
    """Check that the log contains every acknowledged message once, in order, and one answer after each.

    Messages with a `seq` in `handled` were sent while the bot was silent, and have no answer.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for index, message in enumerate(history):
        if message["role"] == "user":
            places[message["message_id"]].append(index)
    order = []
    for one in sent:
        found = places.get(one.message_id, [])
        number = acknowledged.get(one.message_id)
        if number is not None and not found:
            verdict.add("acknowledged, then lost", one)
        if len(found) > 1:
            verdict.add("accepted twice", one)
        if number is not None and found and history[found[0]]["seq"] != number:
            verdict.add("acknowledged under another number", (one, number, history[found[0]]["seq"]))
        order += found
        for index in found:
            if history[index]["seq"] not in handled:
                _judge_answer(verdict, one, history[index + 1 :])
    if order != sorted(order):
        verdict.add("out of order", order)
    for before, after in pairwise(history):
        if _place(before) >= _place(after):
            verdict.add("out of order", (before["id"], after["id"]))


def _judge_answer(verdict: Verdict, message: Sent, later: list[dict[str, Any]]) -> None:
    replies = sum(1 for _ in takewhile(lambda one: one["role"] == "bot", later))
    wanted = REPLY_PARTS[message.text]
    if replies == 0:
        verdict.add("unanswered", message)
    elif replies > wanted:
        verdict.add("answered twice", (message, replies))
    elif replies < wanted:
        verdict.add("part missing", (message, replies))


def judge_tab(verdict: Verdict, record: Iterable[Frame], epoch: str) -> dict[str, Any]:
    """Return the events of the final epoch that a tab received.

    Check that their order is right and that no event after the cursor is repeated.
    """
    delivered: dict[str, Any] = {}
    cursor, mine, last = 0, False, (0, -1)
    connection: set[str] = set()
    for kind, name, data in events_of(record):
        if kind == "lost":
            connection, last = set(), (0, -1)
        elif kind == "event" and name == "session_changed":
            mine = False
        elif kind == "answer" and "epoch" in data[1]:
            request, answer = data
            mine = answer["epoch"] == epoch
            if not mine:
                continue
            given = (request or {}).get("cursor") or {}
            asked = given.get("seq", 0) if given.get("epoch") == epoch else 0
            for message in answer["messages"]:
                if not answer["gap"] and message["seq"] <= asked:
                    verdict.add("delivered twice", ("answer", asked, message["id"]))
                delivered[message["id"]] = _shown(message)
            cursor = answer["seq"]
            connection, last = set(), (cursor, 1_000_000)
        elif kind == "event" and name in ("bot_uttered", "user_uttered", "agent_uttered") and mine:
            if data["id"] in connection or data["seq"] <= cursor:
                verdict.add("delivered twice", ("event", cursor, data["id"]))
            elif _place(data) <= last:
                verdict.add("out of order", (last, data["id"]))
            connection.add(data["id"])
            delivered[data["id"]] = _shown(data)
            last = _place(data)
    return delivered


def _place(message: dict[str, Any]) -> tuple[int, int]:
    seq, part = message["id"].split(".")
    return int(seq), int(part)


def _shown(message: dict[str, Any]) -> Any:
    return message.get("text", message.get("message")), message["timestamp"]


def judge_plain(verdict: Verdict, plain: Plain, history: list[dict[str, Any]], handled: set[int]) -> None:
    """Check that a plain page's messages were accepted and answered once, and that it received every answer."""
    judge_history(verdict, plain.sent, {}, history, handled)
    in_log = {message["message_id"] for message in history if message["role"] == "user"}
    for message in plain.sent:
        if message.seq is not None and message.message_id not in in_log:
            verdict.add("acknowledged, then lost", message)
    said = Counter(message.get("text", "") for message in history if message["role"] != "user")
    events = (data for kind, name, data in events_of(plain.record) if kind == "event" and name == "bot_uttered")
    received = Counter(data.get("text", "") for data in events)
    for text, count in (said - received).items():
        verdict.add("not delivered", f"plain {plain.session_id}: {count} times {text!r}")
    verdict.seen["twice at a plain page, as promised"] += (received - said).total()
    verdict.seen["frames"] += len(plain.record)
    verdict.seen["acknowledged"] += sum(message.seq is not None for message in plain.sent)


def judge_handler(verdict: Verdict, sender_id: str, events: list[dict[str, Any]]) -> set[int]:
    """Check that one person at a time handles a conversation, and that only this person speaks then.

    Returns:
        `seq` of the visitor's messages that the bot must not answer.
    """
    handler, operator = "bot", None
    handled: set[int] = set()
    for event in events:
        where = f"{sender_id} {event['seq']}"
        match event["event"]:
            case "handoff_requested" if handler == "bot":
                handler = "queue"
            case "operator_joined":
                if handler == "human":
                    verdict.add("two operators at once", f"{where}: {operator} and {event['operator']['id']}")
                handler, operator = "human", event["operator"]["id"]
                verdict.seen["joined"] += 1
            case "operator_left":
                if handler == "human" and event["operator"]["id"] != operator:
                    verdict.add("left for somebody else", f"{where}: {event['operator']['id']} for {operator}")
                handler, operator = ("bot" if event["to"]["kind"] == "bot" else "queue"), None
            case "agent" if event["operator"]["id"] != operator:
                verdict.add("spoke without the conversation", f"{where}: {event['operator']['id']}, not {operator}")
            case "bot" if handler != "bot":
                verdict.add("bot answered while a person handles", f"{where}: {event['text']!r}")
            case "user" if handler != "bot":
                handled.add(event["seq"])
            case _:
                pass
    verdict.seen["messages to a person"] += len(handled)
    return handled


def judge_operators(verdict: Verdict, operators: Iterable[Operator], logs: dict[str, dict[str, Any]]) -> None:
    """Check that every acknowledged message of an operator is in the log once, and no message twice."""
    places: Counter[tuple[str, str]] = Counter()
    for sender_id, log in logs.items():
        for event in log["events"]:
            if event["event"] == "agent":
                places[sender_id, event["message_id"]] += 1
    for operator in operators:
        verdict.seen["acts of operators"] += operator.acts
        verdict.seen["conflicts"] += operator.conflicts
        for said in operator.sent:
            count = places[said.sender_id, said.message_id]
            if count > 1:
                verdict.add("operator's message twice", said)
            is_lost = said.epoch is not None and said.epoch == logs[said.sender_id]["epoch"] and count == 0
            if is_lost:
                verdict.add("operator's message lost", said)
            verdict.seen["operators' messages"] += count


def judge_notes(verdict: Verdict, record: Iterable[Frame]) -> None:
    """Check that no frame that a visitor received contains a note."""
    for frame in record:
        if frame.way == "received" and NOTE in frame.text:
            verdict.add("note shown to the visitor", frame.text)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the custom action, as the action recorded it."""

    at: float
    pid: int
    key: str


def read_ledger(path: Path) -> list[Run]:
    """Read the runs that the custom action recorded."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Run(float(at), int(pid), key) for at, pid, _, key in (line.split("\t") for line in lines)]


def judge_keys(verdict: Verdict, ledger: list[Run], history: list[dict[str, Any]], epoch: str) -> None:
    """Check that the action used one key for each message in a log, so that a repeated run keeps its key."""
    keys = {run.key for run in ledger if run.key.startswith(f"{epoch}:")}
    wanted = sum(message["role"] == "user" and message["message"] == "count" for message in history)
    if len(keys) > wanted:
        verdict.add("action run again under another key", f"{epoch}: {len(keys)} keys for {wanted} messages")


def judge_ledger(verdict: Verdict, ledger: list[Run], kills: list[tuple[float, int]]) -> None:
    """Check that an action ran again only if its process was killed before it committed the result."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in ledger:
        if run.key == "None":
            verdict.add("action without a key", run)
        runs[run.key].append(run)
    killed = {pid: at for at, pid in kills}
    verdict.seen["actions"] += len(runs)
    for times in runs.values():
        verdict.seen["actions run again, under the same key"] += len(times) - 1
        for before, again in pairwise(sorted(times, key=lambda run: run.at)):
            if killed.get(before.pid, float("inf")) > again.at:
                verdict.add("action run twice without a crash", (before, again, killed.get(before.pid)))
