"""Divides a file of stories in two, comments and all. Called by `manent data split stories`."""

import io
import random
from typing import Any

from ruamel.yaml import YAML


def split_stories(text: str, *, fraction: float = 0.8, seed: int | None = None) -> tuple[str, str] | None:
    """Divide the stories of a file; its rules go to neither part.

    Args:
        text: of the file.
        fraction: of the stories, for the first part, in (0, 1); each part gets at least one of two or more.
        seed: the same seed makes the same division.

    Returns:
        The texts of both parts; None when there are not two stories to divide.
    """
    count = len(_load(text).get("stories") or ())
    if count < 2:  # noqa: PLR2004 - one for each part
        return None
    places = list(range(count))
    random.Random(seed).shuffle(places)  # noqa: S311 - no secret
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
