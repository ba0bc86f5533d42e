"""Splits a text into words by the observed rules of Rasa's WhitespaceTokenizer (contract §4.3).

A text is split at whitespace. Punctuation other than `#`, `@` and `&` is removed from the start and the end of each
chunk. A single sign before a digit stays, as in `-5` and `.5`. Inside a chunk, each character that cannot be part of an
address or a number ends a token. So `don't` is two tokens, but `10.5`, `a@b.org` and `https://x.org/?q=1` are one
token each. Emoji also separate tokens, unless the text consists only of emoji.
"""

import re

Token = tuple[int, int]

_KEPT_INSIDE = r"._~:/?#\[\]()@!$&*+,;=\-"
"""Characters that can be part of a number or a URL (the unreserved and reserved characters of RFC 3986)."""

_EMOJI = (
    "\u200d\u20e3\ufe0f\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff"
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff"
)
_chunk = re.compile(r"\S+")
_special = re.compile(r"[^\w\s]")
_simple = re.compile(r"[^\W_]+")
_head = re.compile(r"[^\w#@&]+")
_tail = re.compile(r"[^\w#@&]+$")
_separator = re.compile(rf"[^\w{_KEPT_INSIDE}]+")
_emoji = re.compile(f"[{_EMOJI}]+")


def whitespace_tokens(text: str) -> list[Token]:
    """Return the tokens of a text.

    Returns:
        `(start, end)` of each token, in order. If a text contains no words, the whole text is one token.
    """
    if not _special.search(text):
        return [chunk.span() for chunk in _chunk.finditer(text)] or [(0, len(text))]
    tokens: list[Token] = []
    for chunk in _chunk.finditer(text):
        start, end = chunk.span()
        if _simple.fullmatch(text, start, end):
            tokens.append((start, end))
        else:
            _split(text, start, end, tokens)
    return tokens or [(0, len(text))]


def character_tokens(text: str) -> list[Token]:
    """Return the tokens of a text in a language without spaces.

    Each letter of the language's scripts is one token. Words in other scripts are not split.
    """
    tokens: list[Token] = []
    for start, end in whitespace_tokens(text):
        place = start
        for match in _unspaced.finditer(text, start, end):
            if match.start() > place:
                tokens.append((place, match.start()))
            tokens.append(match.span())
            place = match.end()
        if place < end:
            tokens.append((place, end))
    return tokens or [(0, len(text))]


_unspaced = re.compile(
    "[\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002fa1f]"
)


def _split(text: str, start: int, end: int, tokens: list[Token]) -> None:
    """Append the tokens of one chunk to the result."""
    tail = _tail.search(text, start, end)
    if tail:
        end = tail.start()
    head = _head.match(text, start, end)
    if head:
        before_digit = head.end() < end and text[head.end()].isdecimal()
        start = head.end() - 1 if before_digit else head.end()
    place = start
    for separator in _separator.finditer(text, start, end):
        first, last = separator.span()
        # A single sign next to a digit is part of a number, as in 10'000.
        if first > start and text[first - 1].isdecimal() and not _emoji.match(text, first, first + 1):
            first += 1
        if last < end and text[last].isdecimal() and not _emoji.match(text, last - 1, last):
            last -= 1
        if first >= last or first == start:
            continue
        tokens.append((place, first))
        place = last
    if place < end:
        tokens.append((place, end))
