"""Splits a story file into two files and keeps comments. Called by `manent data split stories`."""

import io
import random
from typing import Any

from ruamel.yaml import YAML


def split_stories(text: str, *, fraction: float = 0.8, seed: int | None = None) -> tuple[str, str] | None:
    """Split the stories of a file. Neither part contains the rules of the file.

    Args:
        text: text of the file.
        fraction: share of the stories in the first part, in (0, 1). Each part gets at least one story.
        seed: the same seed always gives the same split.

    Returns:
        The texts of both parts, or None if the file has fewer than two stories.
    """
    count = len(_load(text).get("stories") or ())
    if count < 2:  # noqa: PLR2004  # each part needs one story
        return None
    places = list(range(count))
    random.Random(seed).shuffle(places)  # noqa: S311  # not used for secrets
    kept = max(1, min(count - 1, round(count * fraction)))
    return _only(text, set(places[:kept])), _only(text, set(places[kept:]))


def _load(text: str) -> Any:
    return _yaml().load(text)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100_000
    return yaml


def _only(text: str, places: set[int]) -> str:
    document = _load(text)
    for key in [key for key in document if key not in ("version", "stories")]:
        del document[key]
    stories = document["stories"]
    for place in reversed(range(len(stories))):
        if place not in places:
            del stories[place]
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()
