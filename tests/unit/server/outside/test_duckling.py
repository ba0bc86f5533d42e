import asyncio
import time
from typing import Any

import pytest

from manent.core.events import Json
from manent.nlu.components.duckling import URL_VARIABLE
from manent.runtime.assistant import Assistant
from manent.runtime.parse_batching import ParseBatcher
from manent.server.outside.duckling import open_services
from support.ducklings import Duckling, duckling
from support.nlu_samples import data, domain, trained


def _assistant(*ducklings: dict[str, Any]) -> Assistant:
    components = [{"name": "DucklingEntityExtractor", **options} for options in ducklings]
    pipeline = trained(data(), {"name": "WhitespaceTokenizer"}, *components)
    services = open_services(pipeline)
    return Assistant(domain=domain(data()), pipeline=pipeline, dialogue=None, services=services)  # type: ignore[arg-type]


def _entities(result: Json) -> list[tuple[str, Any, int, int]]:
    return [(item["entity"], item["value"], item["start"], item["end"]) for item in result["entities"]]


def test_a_message_is_understood_with_what_duckling_finds() -> None:
    """The server gets the message's text, and its answer becomes entities, waited for or not."""
    with duckling() as server:
        assistant = _assistant({"url": server.url})
        expected = [("time", "UTC", 4, 12), ("number", 9, 16, 17)]

        assert _entities(assistant.parse("  see tomorrow at 9 ")) == expected
        assert _entities(asyncio.run(assistant.understand("see tomorrow at 9", ParseBatcher()))) == expected
        assert [(form["path"], form["text"], form["locale"]) for form in server.forms] == [
            ("/parse", "see tomorrow at 9", "en_XX")
        ] * 2


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"dimensions": ["time"]}, [("time", "UTC")]),
        ({"dimensions": ["number"]}, [("number", 9)]),
        ({"timezone": "Europe/Berlin"}, [("time", "Europe/Berlin"), ("number", 9)]),
    ],
)
def test_options_change_what_is_asked(options: dict[str, Any], found: list[tuple[str, Any]]) -> None:
    """Dimensions and time zone reach the server."""
    with duckling() as server:
        result = _assistant({"url": server.url, **options}).parse("tomorrow at 9")

    assert [(item["entity"], item["value"]) for item in result["entities"]] == found


def test_the_locale_reaches_the_server() -> None:
    """`locale` wins over the assistant's language."""
    with duckling() as server:
        _assistant({"url": server.url, "locale": "de_DE"}).parse("tomorrow")

    assert server.forms[0]["locale"] == "de_DE"


def test_the_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """`RASA_DUCKLING_HTTP_URL` wins over `url`."""
    with duckling() as server:
        monkeypatch.setenv(URL_VARIABLE, server.url + "/")
        result = _assistant({"url": "http://127.0.0.1:9"}).parse("tomorrow")

    assert [item["entity"] for item in result["entities"]] == ["time"]


def test_two_extractors_keep_what_each_asked_for() -> None:
    """A pipeline with two of them has the entities of both, once each."""
    with duckling() as server:
        both = _assistant({"url": server.url, "dimensions": ["number"]}, {"url": server.url, "dimensions": ["time"]})
        result = both.parse("tomorrow at 9")

    assert [item["entity"] for item in result["entities"]] == ["number", "time"]


def test_a_payload_is_not_asked_about() -> None:
    """A button's `/intent` is understood without a server."""
    with duckling() as server:
        assistant = _assistant({"url": server.url})

        assert assistant.parse("/greet")["intent"]["name"] == "greet"
        assert server.forms == []


@pytest.mark.parametrize(
    ("garbage", "status"), [(b"no json", 200), (b'{"a": 1}', 200), (b"", 500), (b"[" * 100_000, 200)]
)
def test_a_server_that_answers_nonsense_finds_nothing(
    garbage: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The message is understood without its entities; the log says so, without the visitor's words."""
    with duckling() as server:
        server.garbage, server.status = garbage, status
        result = _assistant({"url": server.url}).parse("tomorrow at 9")

    assert result["entities"] == []
    assert "tomorrow" not in caplog.text
    assert ("messages have no Duckling entities" in caplog.text) == (garbage != b'{"a": 1}')


def test_a_server_that_is_not_there_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One clear line with the address, no entities, no exception."""
    with duckling() as server:
        url = server.url
    result = _assistant({"url": url}).parse("tomorrow")

    assert result["entities"] == []
    assert f"requests to Duckling at {url} fail" in caplog.text


def test_a_failing_server_is_logged_once_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    """A line when it begins to fail and a line when it answers again, however many messages come in between."""
    caplog.set_level("INFO")
    with duckling() as server:
        assistant = _assistant({"url": server.url})
        for status in (200, 503, 503, 503, 200, 200, 503):
            server.status = status
            assistant.parse("tomorrow")

    said = [record.getMessage().partition(server.url)[2] for record in caplog.records]
    away, back = " fail, so messages have no Duckling entities: status 503", " succeed again"
    assert said == [away, back, away]


def test_a_slow_server_is_waited_for_no_longer_than_its_timeout() -> None:
    """`timeout` bounds what a message waits, and other work goes on meanwhile."""

    async def understand(server: Duckling) -> tuple[Json, int]:
        assistant = _assistant({"url": server.url, "timeout": 0.2})
        server.delay_s = 1.0
        task = asyncio.create_task(assistant.understand("tomorrow", ParseBatcher()))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return task.result(), ticks

    with duckling() as server:
        begun = time.monotonic()
        result, ticks = asyncio.run(understand(server))
        taken = time.monotonic() - begun

    assert result["entities"] == []
    assert taken < 2.0  # the stand-in's own second included
    assert ticks > 5


def test_a_pipeline_without_a_server_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an option nor the environment names one: a line at loading, and messages are understood without it."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    assistant = _assistant({})

    assert URL_VARIABLE in caplog.text
    assert assistant.parse("tomorrow")["entities"] == []
