from typing import Any

import pytest

from manent.actions.in_process import InProcessActions
from manent.actions.nlg import RemoteGenerator
from manent.actions.opening import open_actions, open_generator
from manent.actions.remote import RemoteActions
from manent.core.domain import Domain
from manent.core.errors import ProjectError
from support.action_servers import ASSISTANTS, ScriptedServer, action_call


def test_no_section_no_runner() -> None:
    """A project without custom actions has no runner, and one without `nlg` no generator."""
    assert open_actions(None, Domain()) is None
    assert open_generator(None) is None
    assert open_generator({"type": "response"}) is None


def test_a_url_means_a_server() -> None:
    """`url` is an action server, or an NLG server."""
    assert isinstance(open_actions({"url": "http://localhost:5055/webhook"}, Domain()), RemoteActions)
    assert isinstance(open_generator({"url": "http://localhost:5056/nlg"}), RemoteGenerator)


async def test_a_module_means_this_process() -> None:
    """`actions_module` is code of the project, found in its directory."""
    runner = open_actions({"actions_module": "kinds", "threads": 2}, Domain(), root=ASSISTANTS / "action_kinds")
    assert isinstance(runner, InProcessActions)

    result = await runner.run(action_call(text="here"))
    await runner.close()

    assert result.responses[0]["text"] == "here"


@pytest.mark.parametrize(("events", "newest"), [(None, 500), ("all", None), (20, 20)])
def test_how_many_events_actions_are_shown(events: object, newest: int | None) -> None:
    """`events` says how many of the session's newest ones, or all."""
    section = {"url": "http://localhost:5055/webhook"} | ({} if events is None else {"events": events})
    runner = open_actions(section, Domain())

    assert runner is not None
    assert runner.newest_events == newest


async def test_the_environment_turns_compression_on(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`COMPRESS_ACTION_SERVER_REQUEST=True` works as with Rasa, in any case of letters."""
    monkeypatch.setenv("COMPRESS_ACTION_SERVER_REQUEST", "True")
    runner = open_actions({"url": scripted.url}, Domain())
    assert runner is not None
    await runner.run(action_call())
    await runner.close()

    assert scripted.requests[0][1]["Content-Encoding"] == "deflate"


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ({"type": "x"}, "action_endpoint"),
        ({"url": "http://localhost/", "actions_module": "actions"}, "action_endpoint"),
        ({"actions_module": 5}, "action_endpoint.actions_module"),
        ({"actions_module": "kinds", "threads": 0}, "action_endpoint.threads"),
        ({"actions_module": "kinds", "timeout": -1}, "action_endpoint.timeout"),
        ({"url": "http://localhost/", "events": "some"}, "action_endpoint.events"),
    ],
)
def test_a_section_that_says_something_else(section: dict[str, Any], path: str) -> None:
    """A mistake is a project error that says where."""
    with pytest.raises(ProjectError) as caught:
        open_actions(section, Domain())

    assert [problem.path for problem in caught.value.problems] == [path]


def test_an_nlg_class_is_refused_aloud() -> None:
    """A class path under `nlg` is no silent fallback to the domain's responses."""
    with pytest.raises(ProjectError, match=r"nlg\.type"):
        open_generator({"type": "my.module.Generator"})
