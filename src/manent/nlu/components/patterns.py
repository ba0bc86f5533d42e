"""Uses a project's regexes and lookup tables to extract entities and as features of tokens."""

import re
from collections.abc import Iterable

from manent.core.events import Json
from manent.core.training_data import NluData
from manent.nlu.component import Component, Context, Idle, Kind, Training
from manent.nlu.files import Files, dump_json, load_json
from manent.nlu.message import MAX_WORDS, Message

EXTRACTOR = "RegexEntityExtractor"

MAX_SEARCHED = 4_000
"""Number of characters of a message that patterns search.

Anyone can send a text, and many patterns take quadratic time on a text without a match. For example, a search for a
word followed by `@` in 64,000 letters takes most of a minute.
"""

_OPTIONS = {"case_sensitive": False, "use_lookup_tables": True, "use_regexes": True, "use_word_boundaries": True}

Named = list[tuple[str, str]]


class PatternExtractor:
    """Extracts every match of a pattern as an entity with the pattern's name."""

    def __init__(self, patterns: Named, *, case_sensitive: bool) -> None:
        self._patterns = compile_all(patterns, case_sensitive=case_sensitive)

    def process(self, message: Message) -> None:
        """Add an entity for each match of each pattern."""
        for name, pattern in self._patterns:
            for match in pattern.finditer(message.text, 0, MAX_SEARCHED):
                start, end = match.span()
                if start < end:
                    message.entities.append(
                        {"entity": name, "start": start, "end": end, "value": match[0], "extractor": EXTRACTOR}
                    )


class PatternFeatures(Idle):
    """Adds features to the tokens within a match. Each pattern has one feature."""

    def __init__(self, patterns: Named, *, case_sensitive: bool) -> None:
        self._patterns = compile_all(patterns, case_sensitive=case_sensitive)

    def token_features(self, message: Message) -> list[list[tuple[str, float]]]:
        """Return for each token the names of the patterns that match it, with the value 1."""
        tokens = (message.tokens or [])[:MAX_WORDS]
        features: list[list[tuple[str, float]]] = [[] for _ in message.tokens or ()]
        limit = min(tokens[-1][1], MAX_SEARCHED) if tokens else 0
        for name, pattern in self._patterns:
            for match in pattern.finditer(message.text, 0, limit):
                first, last = match.span()
                for place, (start, end) in enumerate(tokens):
                    if start < last and end > first:
                        features[place].append((f"re:{name}", 1.0))
        return features


def collect(data: NluData, options: Json, only: frozenset[str] | None = None) -> Named:
    """Return the patterns to use, first the regexes by name and pattern, then the lookup tables in their order.

    The order determines the order of the entities: the last entity of a name fills its slot. If `only` is given,
    return only patterns with these names.
    """
    found: Named = []
    if options["use_regexes"]:
        found += sorted(data.regexes)
    if options["use_lookup_tables"]:
        found += [(name, _alternatives(entries, options)) for name, entries in data.lookups.items() if entries]
    return [(name, pattern) for name, pattern in found if only is None or name in only]


def _alternatives(entries: Iterable[str], options: Json) -> str:
    edge = r"\b" if options["use_word_boundaries"] else ""
    # The longest alternative comes first, so that "new york city" is not matched as "new york".
    escaped = (re.escape(entry) for entry in sorted(set(entries), key=lambda entry: (-len(entry), entry)))
    return f"{edge}(?:{'|'.join(escaped)}){edge}"


def compile_all(patterns: Named, *, case_sensitive: bool) -> list[tuple[str, re.Pattern[str]]]:
    """Compile patterns. Omit invalid patterns. Training reports them."""
    flags = 0 if case_sensitive else re.IGNORECASE
    compiled = []
    for name, pattern in patterns:
        try:
            compiled.append((name, re.compile(pattern, flags)))
        except re.error:
            continue
    return compiled


def _note_broken(patterns: Named, training: Training) -> None:
    for name, pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            training.notes.append(
                f"regex {name!r} is ignored, because {pattern!r} is not a valid regular expression ({error})."
            )


def _train_extractor(options: Json, training: Training) -> Files:
    annotated = frozenset(mention.entity for example in training.examples for mention in example.entities)
    patterns = collect(training.data, options, annotated)
    _note_broken(patterns, training)
    if not patterns:
        training.notes.append(
            f"{EXTRACTOR} finds nothing, because no annotated entity has the name of a regex or lookup table."
        )
    return {"patterns.json": dump_json(patterns)}


def _load_extractor(options: Json, files: Files, _: Context) -> Component:
    patterns = load_json(files["patterns.json"], list[tuple[str, str]])
    return PatternExtractor(patterns, case_sensitive=bool(options["case_sensitive"]))


def _train_features(options: Json, training: Training) -> Files:
    patterns = collect(training.data, options)
    _note_broken(patterns, training)
    return {"patterns.json": dump_json(patterns)}


def _load_features(options: Json, files: Files, _: Context) -> Component:
    patterns = load_json(files["patterns.json"], list[tuple[str, str]])
    if not patterns:
        return Idle()
    return PatternFeatures(patterns, case_sensitive=bool(options["case_sensitive"]))


PATTERN_EXTRACTOR = Kind(load=_load_extractor, train=_train_extractor, options=_OPTIONS, reads=("examples", "patterns"))
PATTERN_FEATURES = Kind(
    load=_load_features,
    train=_train_features,
    options={**_OPTIONS, "case_sensitive": True},
    ignored=frozenset({"number_additional_patterns"}),
    reads=("patterns",),
)
