"""Judges what `crash.py` recorded: from frames and from the action's own ledger, never from the server's word alone."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from crash_client import REPLY_PARTS, Plain, Record, Sent, Visitor


@dataclass(slots=True)
class Verdict:
    """Violations by name, and counts of what was seen."""

    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, example: object) -> None:
        """Note a violation."""
        self.violations[name] += 1
        self.examples.setdefault(name, str(example)[:300])


def judge_visitor(verdict: Verdict, visitor: Visitor, history: list[dict[str, Any]], epoch: str) -> None:
    """Judge one conversation: the log as it reads at the end, against what its tabs were told on the way."""
    judge_history(verdict, visitor.sent, history)
    for tab in (visitor.speaker, visitor.listener):
        delivered = judge_tab(verdict, tab.record, epoch)
        expected = {message["id"] for message in history}
        for missing in sorted(expected - delivered):
            verdict.add("not delivered", f"{tab.session_id} {missing}")
        for extra in sorted(delivered - expected):
            verdict.add("delivered, then gone", f"{tab.session_id} {extra}")
    verdict.seen["acknowledged"] += sum(message.seq is not None for message in visitor.sent)
    verdict.seen["resent"] += sum(message.attempts > 1 for message in visitor.sent)
    verdict.seen["erased"] += visitor.erased


def judge_history(verdict: Verdict, sent: list[Sent], history: list[dict[str, Any]]) -> None:
    """Every acknowledged message stands in the log once, in order, each followed by its one answer."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, message in enumerate(history):
        if message["role"] == "user":
            places[message["message_id"]].append(index)
    order = []
    for message in sent:
        found = places.get(message.message_id, [])
        if message.seq is not None and not found:
            verdict.add("acknowledged, then lost", message)
        if len(found) > 1:
            verdict.add("accepted twice", message)
        if message.seq is not None and found and history[found[0]]["seq"] != message.seq:
            verdict.add("acknowledged under another number", (message, history[found[0]]["seq"]))
        for index in found:
            order.append(index)
            replies = 0
            for later in history[index + 1 :]:
                if later["role"] == "user":
                    break
                replies += 1
            wanted = REPLY_PARTS[message.text]
            if replies == 0:
                verdict.add("unanswered", message)
            elif replies > wanted:
                verdict.add("answered twice", (message, replies))
            elif replies < wanted:
                verdict.add("part missing", (message, replies))
    if order != sorted(order):
        verdict.add("out of order", order)
    for before, after in pairwise(history):
        if (before["seq"], before["id"]) >= (after["seq"], after["id"]):
            verdict.add("out of order", (before["id"], after["id"]))


def judge_tab(verdict: Verdict, record: list[Record], epoch: str) -> set[str]:
    """What one tab received of the final epoch; nothing twice above its cursor, everything in order."""
    delivered: set[str] = set()
    cursor, mine, last = 0, False, (0, -1)
    asked = 0
    connection: set[str] = set()
    for entry in record:
        if entry.kind == "lost":
            connection, last = set(), (0, -1)
        elif entry.kind == "request" and entry.name == "session_request":
            given = entry.data.get("cursor") or {}
            asked = given.get("seq", 0) if given.get("epoch") == epoch else 0
        elif entry.kind == "answer" and isinstance(entry.data, dict) and "messages" in entry.data:
            if "epoch" not in entry.data:
                continue
            mine = entry.data["epoch"] == epoch
            if not mine:
                continue
            for message in entry.data["messages"]:
                if not entry.data["gap"] and message["seq"] <= asked:
                    verdict.add("delivered twice", ("answer", asked, message["id"]))
                delivered.add(message["id"])
            cursor = entry.data["seq"]
            connection, last = set(), (cursor, 1_000_000)
        elif entry.kind == "event" and entry.name == "session_changed":
            mine = False
        elif entry.kind == "event" and entry.name in ("bot_uttered", "user_uttered") and mine:
            seq, part = (int(number) for number in entry.data["id"].split("."))
            if entry.data["id"] in connection or seq <= cursor:
                verdict.add("delivered twice", ("event", cursor, entry.data["id"]))
            elif (seq, part) <= last:
                verdict.add("out of order", (last, entry.data["id"]))
            connection.add(entry.data["id"])
            delivered.add(entry.data["id"])
            last = (seq, part)
    return delivered


def judge_plain(verdict: Verdict, plain: Plain, history: list[dict[str, Any]]) -> None:
    """A plain page: accepted once, answered once; nothing that was said to it is missing on its side."""
    judge_history(verdict, [Sent(s.message_id, s.text, None) for s in plain.sent], history)
    in_log = {message["message_id"] for message in history if message["role"] == "user"}
    for message in plain.sent:
        if message.seq is not None and message.message_id not in in_log:
            verdict.add("acknowledged, then lost", message)
    said = Counter(message["text"] for message in history if message["role"] == "bot")
    for text, count in (said - Counter(plain.texts)).items():
        verdict.seen["plain replies that came after the end"] += count
        if count > max(REPLY_PARTS.values()):
            verdict.add("not delivered", f"plain {plain.session_id}: {count} times {text!r}")
    verdict.seen["acknowledged"] += sum(message.seq is not None for message in plain.sent)


def judge_ledger(verdict: Verdict, ledger: Path, kills: list[tuple[float, int]]) -> None:
    """An action runs again only when the process that ran it was killed before it had committed the result."""
    runs: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in ledger.read_text().splitlines() if ledger.exists() else []:
        at, pid, _, key = line.split("\t")
        if key == "None":
            verdict.add("action without a key", line)
        runs[key].append((float(at), int(pid)))
    killed = {pid: at for at, pid in kills}
    verdict.seen["actions"] += len(runs)
    for key, times in runs.items():
        verdict.seen["actions run again"] += len(times) - 1
        for (_, pid), (again, _) in pairwise(sorted(times)):
            if killed.get(pid, float("inf")) > again:
                verdict.add("action run twice without a crash", key)
