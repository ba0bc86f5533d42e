"""Splits texts into the words that the search compares, without case and accents.

Chinese, Japanese and Korean characters are separate words.
"""

import hashlib
import re
import unicodedata
from typing import Final

MAX_WORDS: Final = 2_000
MAX_WORD: Final = 64
MAX_QUERY_WORDS: Final = 10

_CJK: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD: Final = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


def words_of(text: str, *, limit: int = MAX_WORDS) -> list[str]:
    """Return the words of a text in order."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return [found[:MAX_WORD] for found in _WORD.findall(plain.casefold())][:limit]


def fts5_query(q: str) -> str | None:
    """Return the query of SQLite's FTS5 for texts with all words of `q`. The last word may be a beginning."""
    words = words_of(q, limit=MAX_QUERY_WORDS)
    return " ".join(f'"{word}"' for word in words) + "*" if words else None


def tsquery(q: str) -> str | None:
    """Return the same query for PostgreSQL."""
    words = words_of(q, limit=MAX_QUERY_WORDS)
    return " & ".join(f"'{word}'" for word in words) + ":*" if words else None


def text_key(text: str) -> str:
    """Return the key under which equal messages are grouped. Case and white space make no difference."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()
