"""Create small assistants and messages for measuring thresholds.

Every run creates the same assistants and messages.

`measure.py` and `fit.py` (Manent) and `peer.py` (real Rasa, Python 3.10) use this module. The public data sets are read
from a folder outside the repository. The data in other languages were written for this benchmark and are in
`languages/`.
"""

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_SPAN = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MOST = {"own": 20, "typo": 10, "unseen": 70, "topic": 40}
"""Kind of message → maximum number of messages. The maximum for any other kind is 5.

Real Rasa takes 0.1 s for each message.
"""
_DRAWN = 100

Row = tuple[str, str]
"""A text and its intent."""


@dataclass(frozen=True)
class Case:
    """One assistant.

    Attributes:
        name: `source-intents x examples-seed`.
        part: "fit" if the scale was fitted on this case, or "check" if not.
        train: texts and their intents.
        ask: (kind, text, right intent) of each message; the intent is "" if no intent is right.
    """

    name: str
    part: str
    train: list[Row]
    ask: list[tuple[str, str, str]]


SIZES = {
    "fit": [
        ("hwu-a", 4, 4, 0), ("en", 5, 4, 0), ("hwu-a", 2, 5, 0), ("hwu-a", 6, 8, 0), ("it", 5, 4, 0),
        ("hwu-a", 3, 3, 0), ("hwu-a", 12, 10, 0), ("hwu-a", 4, 4, 1), ("hwu-a", 8, 6, 0), ("hwu-a", 20, 10, 0),
        ("hwu-a", 2, 8, 1), ("hwu-a", 3, 3, 1), ("en", 3, 6, 1), ("it", 4, 5, 1), ("hwu-a", 5, 8, 1),
    ],
    "check": [
        ("hwu-b", 4, 4, 0), ("de", 5, 4, 0), ("hwu-b", 2, 5, 0), ("hwu", 25, 10, 0), ("fr", 5, 4, 0),
        ("hwu-b", 3, 3, 0), ("es", 5, 4, 0), ("hwu-b", 8, 6, 0), ("tr", 5, 4, 0), ("snips", 7, 10, 0),
        ("hwu-b", 4, 4, 1), ("de", 3, 6, 1), ("hwu-b", 5, 8, 0), ("fr", 4, 5, 1), ("hwu-b", 16, 8, 0),
        ("hwu-b", 4, 4, 2), ("es", 3, 6, 1), ("tr", 4, 5, 1), ("hwu-b", 2, 5, 1), ("hwu", 64, 10, 0),
        ("hwu", 40, 20, 0),
    ],
}  # fmt: skip


def list_cases(data: Path, names: str = "") -> Iterator[Case]:
    """Create the assistants whose names begin with one of these comma-separated texts ("" selects all assistants)."""
    wanted = tuple(names.split(","))
    for part, sizes in SIZES.items():
        for size in sizes:
            source, intents, examples, seed = size
            if f"{source}-{intents}x{examples}-{seed}".startswith(wanted):
                yield make_case(data, part, size)


def make_case(data: Path, part: str, size: tuple[str, int, int, int]) -> Case:
    """Create an assistant and its messages. `size`: source, intents, examples of each, seed."""
    source, intents, examples, seed = size
    draw = random.Random(f"{source}-{intents}-{examples}-{seed}")
    rows, topics, greetings = _read_source(data, source)
    names = sorted({intent for _, intent in rows})
    if source in ("hwu-a", "hwu-b"):
        random.Random(7).shuffle(names)
        names = sorted(names[: len(names) // 2] if source == "hwu-a" else names[len(names) // 2 :])
    chosen = sorted(draw.sample(names, intents))
    train: list[Row] = []
    unseen: list[Row] = []
    for name in chosen:
        texts = sorted({text for text, intent in rows if intent == name})
        draw.shuffle(texts)
        train += [(text, name) for text in texts[:examples]]
        unseen += [(text, name) for text in texts[examples : examples + max(15, _DRAWN // intents)]]
    if source.startswith("hwu") and len(chosen) < len(names):
        topics = sorted({text for text, intent in rows if intent in names and intent not in chosen})
    elif source in ("hwu", "snips"):
        # The assistant has all of its source's intents, so messages to the bicycle shop are used as other topics.
        topics = [text for text, _ in _read_language("en")[0]]
    draw.shuffle(unseen)
    draw.shuffle(topics)
    own = draw.sample(train, len(train))
    taught = {text.lower() for text, _ in train}
    ask = [("own", text, name) for text, name in own[: _MOST["own"]]]
    for kind, change in _changes(greetings, draw).items():
        changed = [(kind, change(text), name) for text, name in own]
        ask += [row for row, (text, _) in zip(changed, own, strict=True) if row[1] and row[1] != text][
            : _MOST.get(kind, 5)
        ]
    ask += [("unseen", text, name) for text, name in unseen if text.lower() not in taught][: _MOST["unseen"]]
    ask += [("topic", text, "") for text in topics[: _MOST["topic"]]]
    nonsense = (HERE / "nonsense.txt").read_text(encoding="utf-8").splitlines()
    ask += [("nonsense", text, "") for text in nonsense]
    return Case(f"{source}-{intents}x{examples}-{seed}", part, train, ask)


def _changes(greetings: list[str], draw: random.Random) -> dict[str, Any]:
    return {
        "case": lambda text: text.upper() if draw.random() < 0.5 else text.title(),
        "accents": lambda text: "".join(
            letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
        ),
        "punctuation": lambda text: text + draw.choice(["!", "?", ".", " !!", "..."]),
        "greeting": lambda text: draw.choice(greetings) + text,
        "typo": lambda text: misspell(text, draw),
    }


def misspell(text: str, draw: random.Random) -> str:
    """Drop, double or swap a letter in a word with at least four letters. Return "" if there is no such word."""
    words = list(re.finditer(r"[^\W\d_]{4,}", text))
    if not words:
        return ""
    word = draw.choice(words)
    place = draw.randrange(word.start() + 1, word.end() - 1)
    kind = draw.randrange(3)
    if kind == 0:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + text[place] + text[place:]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _read_source(data: Path, source: str) -> tuple[list[Row], list[str], list[str]]:
    if source.startswith("hwu"):
        return _read_markdown(data / "hwu64-fold1/train.md"), [], _read_language("en")[2]
    if source == "snips":
        return _read_markdown(data / "snips/train.md"), [], _read_language("en")[2]
    return _read_language(source)


def _read_markdown(path: Path) -> list[Row]:
    rows, intent = [], None
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("## "):
            intent = line[3:].split(":", 1)[1].strip() if "intent" in line else None
        elif line.startswith("- ") and intent:
            rows.append((_SPAN.sub(r"\1", line[2:].strip()), intent))
    return rows


def _read_language(name: str) -> tuple[list[Row], list[str], list[str]]:
    from ruamel.yaml import YAML

    read = YAML(typ="safe").load((HERE / "languages" / f"{name}.yml").read_text(encoding="utf-8"))
    rows = [(text, intent) for intent, texts in read["intents"].items() for text in texts]
    return rows, list(read["topics"]), list(read["greetings"])
