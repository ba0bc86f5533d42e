"""Texts that come in together are understood together."""

import asyncio

import pytest

from manent.core.events import Json
from manent.nlu.pipeline import Pipeline
from manent.runtime.parse_batching import MAX_BATCH, ParseBatcher
from support.small_talk import assistant


class Noting(Pipeline):
    """A pipeline that notes what it parses, and cannot parse "bad"."""

    def __init__(self) -> None:
        self.inner = assistant().pipeline
        self.parsed: list[str] = []

    def parse(self, text: str, **_: object) -> Json:
        """Parse, or fail."""
        self.parsed.append(text)
        if text == "bad":
            raise ValueError(text)
        return self.inner.parse(text)


async def test_texts_of_one_round_are_parsed_one_after_another() -> None:
    """Nothing is parsed at once; then all is, each text for whoever asked, and a failure is one asker's own."""
    pipeline, together = Noting(), ParseBatcher()
    asked = [together.parse(pipeline, text) for text in ("hello", "bad", "count")]
    assert pipeline.parsed == []
    await asyncio.sleep(0)
    assert pipeline.parsed == ["hello", "bad", "count"]

    assert [asked[n].result()["intent"]["name"] for n in (0, 2)] == ["greet", "count"]
    with pytest.raises(ValueError, match="bad"):
        asked[1].result()


async def test_nobody_is_kept_from_the_event_loop_for_long() -> None:
    """Many texts are parsed in several rounds, in the order in which they came."""
    pipeline, together = Noting(), ParseBatcher()
    texts = [f"hello {number}" for number in range(2 * MAX_BATCH + 1)]
    asked = [together.parse(pipeline, text) for text in texts]
    done = []
    while len(pipeline.parsed) < len(texts):
        await asyncio.sleep(0)
        done.append(len(pipeline.parsed))

    assert done == [MAX_BATCH, 2 * MAX_BATCH, 2 * MAX_BATCH + 1]
    assert [one.result()["text"] for one in asked] == texts == pipeline.parsed


async def test_what_nobody_waits_for_is_not_parsed() -> None:
    """Whoever has gone costs nothing."""
    pipeline, together = Noting(), ParseBatcher()
    gone, there = together.parse(pipeline, "hello"), together.parse(pipeline, "count")
    gone.cancel()

    assert (await there)["intent"]["name"] == "count"
    assert pipeline.parsed == ["count"]
