"""Tokenizers, which determine the words of a message."""

import importlib
import importlib.util
import re
from collections.abc import Callable, Mapping
from typing import Any

from manent.core.config_options import PATTERN, TEXT
from manent.core.events import Json
from manent.core.tokens import Token, character_tokens, whitespace_tokens
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Languages that are written without spaces between words."""

OPTIONS: Mapping[str, Any] = {
    "token_pattern": None,
    "intent_tokenization_flag": False,
    "intent_split_symbol": "_",
}


class Tokenizer:
    """Finds tokens with a function, then splits them by the `token_pattern` option, if it is set."""

    def __init__(self, find: Callable[[str], list[Token]], pattern: str | None) -> None:
        self._find = find
        self._pattern = re.compile(pattern) if pattern else None

    def process(self, message: Message) -> None:
        """Set the message's tokens."""
        tokens = self._find(message.text)
        if self._pattern is not None:
            text = message.text
            parts = [part.span() for token in tokens for part in self._pattern.finditer(text, *token)]
            tokens = [part for part in parts if part[0] < part[1]] or tokens
        message.set_tokens(tokens)

    def process_training(self, training: Training) -> Files:
        """Set the tokens of all examples."""
        for message in training.messages:
            self.process(message)
        return {}


def _load_whitespace(options: Json, _: Files, context: Context) -> Component:
    _note_split(options, context)
    unspaced = (context.language or "").split("-")[0].split("_")[0].lower() in UNSPACED_LANGUAGES
    return Tokenizer(character_tokens if unspaced else whitespace_tokens, options["token_pattern"])


def _note_split(options: Json, context: Context) -> None:
    if options["intent_tokenization_flag"]:
        context.intent_split = str(options["intent_split_symbol"]) or None


def _load_jieba(options: Json, _: Files, context: Context) -> Component:
    _note_split(options, context)
    if importlib.util.find_spec("jieba") is None:
        return Tokenizer(character_tokens, options["token_pattern"])
    jieba = importlib.import_module("jieba")
    cutter = jieba.Tokenizer()

    def find(text: str) -> list[Token]:
        return [(start, end) for word, start, end in cutter.tokenize(text) if word.strip()] or [(0, len(text))]

    return Tokenizer(find, options["token_pattern"])


def _train_jieba(_: Json, training: Training) -> Files:
    if importlib.util.find_spec("jieba") is None:
        training.notes.append(
            "JiebaTokenizer: jieba is not installed, so every character becomes a token. Run `pip install jieba` to "
            "get words."
        )
    return {}


_VALUES = {"token_pattern": PATTERN, "intent_split_symbol": TEXT}
WHITESPACE = Kind(
    load=_load_whitespace,
    options=OPTIONS,
    values=_VALUES,
    ignored=frozenset({"prefix_separator_symbol", "case_sensitive"}),
)
JIEBA = Kind(
    load=_load_jieba,
    train=_train_jieba,
    options=OPTIONS,
    values=_VALUES,
    ignored=frozenset({"prefix_separator_symbol", "dictionary_path"}),
)
