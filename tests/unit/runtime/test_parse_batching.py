"""Texts that arrive at the same time are parsed together."""

import asyncio

import pytest

from manent.core.events import Json
from manent.nlu.pipeline import Pipeline
from manent.runtime.parse_batching import MAX_BATCH, ParseBatcher
from support.small_talk import assistant


class Noting(Pipeline):
    """A pipeline that records the texts that it parses, and fails for "bad"."""

    def __init__(self) -> None:
        self.inner = assistant().pipeline
        self.parsed: list[str] = []

    def parse(self, text: str, **_: object) -> Json:
        """Parse the text, or fail."""
        self.parsed.append(text)
        if text == "bad":
            raise ValueError(text)
        return self.inner.parse(text)


async def test_texts_of_one_round_are_parsed_one_after_another() -> None:
    """All waiting texts are parsed in the next round of the event loop. A failure affects only its own text."""
    pipeline, together = Noting(), ParseBatcher()
    asked = [together.parse(pipeline, text) for text in ("hello", "bad", "count")]
    assert pipeline.parsed == []
    await asyncio.sleep(0)
    assert pipeline.parsed == ["hello", "bad", "count"]

    assert [asked[n].result()["intent"]["name"] for n in (0, 2)] == ["greet", "count"]
    with pytest.raises(ValueError, match="bad"):
        asked[1].result()


async def test_many_texts_are_parsed_in_several_rounds() -> None:
    """Many texts are parsed in several rounds of the event loop, in the order of the calls."""
    pipeline, together = Noting(), ParseBatcher()
    texts = [f"hello {number}" for number in range(2 * MAX_BATCH + 1)]
    asked = [together.parse(pipeline, text) for text in texts]
    done = []
    while len(pipeline.parsed) < len(texts):
        await asyncio.sleep(0)
        done.append(len(pipeline.parsed))

    assert done == [MAX_BATCH, 2 * MAX_BATCH, 2 * MAX_BATCH + 1]
    assert [one.result()["text"] for one in asked] == texts == pipeline.parsed


async def test_cancelled_texts_are_not_parsed() -> None:
    """A text is not parsed if its caller was cancelled."""
    pipeline, together = Noting(), ParseBatcher()
    gone, there = together.parse(pipeline, "hello"), together.parse(pipeline, "count")
    gone.cancel()

    assert (await there)["intent"]["name"] == "count"
    assert pipeline.parsed == ["count"]
