from typing import Any

import pytest

from manent.actions.endpoint import Endpoint, read_endpoint
from manent.core.errors import ProjectError
from support.action_servers import ScriptedServer


async def test_options_of_an_endpoint_reach_the_server(scripted: ScriptedServer) -> None:
    """Query, token, headers and basic auth are sent with each request."""
    options = {
        "url": scripted.url + "?fixed=1",
        "params": {"shop": "a b"},
        "headers": {"X-Shop": 7},
        "basic_auth": {"username": "ada", "password": "pass word"},
        "token": "secret",
        "token_name": "key",
    }
    endpoint = Endpoint(read_endpoint("action_endpoint", options))
    await endpoint.post(b"{}")
    await endpoint.close()

    path, headers, _ = scripted.requests[0]
    assert path == "/webhook?fixed=1&shop=a+b&key=secret"
    assert headers["X-Shop"] == "7"
    assert headers["Authorization"] == "Basic YWRhOnBhc3Mgd29yZA=="


async def test_a_token_has_a_name_by_default(scripted: ScriptedServer) -> None:
    """The token goes into the query as `token`."""
    endpoint = Endpoint(read_endpoint("nlg", {"url": scripted.url, "token": "secret"}))
    await endpoint.post(b"{}")
    await endpoint.close()

    assert scripted.requests[0][0] == "/webhook?token=secret"


async def test_a_closed_endpoint_opens_again(scripted: ScriptedServer) -> None:
    """Closing lets go of connections, not of the server."""
    endpoint = Endpoint(read_endpoint("nlg", {"url": scripted.url}))
    await endpoint.post(b"{}")
    await endpoint.close()
    await endpoint.post(b"{}")
    await endpoint.close()

    assert len(scripted.requests) == 2


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ({"url": 7}, "action_endpoint.url"),
        ({"url": "grpc://localhost:5055"}, "action_endpoint.url"),
        ({"params": "a=b"}, "action_endpoint.params"),
        ({"headers": ["a"]}, "action_endpoint.headers"),
        ({"basic_auth": "ada:secret"}, "action_endpoint.basic_auth"),
        ({"timeout": 0}, "action_endpoint.timeout"),
        ({"timeout": "5s"}, "action_endpoint.timeout"),
    ],
)
def test_a_wrong_option_is_named(option: dict[str, Any], path: str) -> None:
    """A mistake in `endpoints.yml` is a project error that says where."""
    with pytest.raises(ProjectError) as caught:
        read_endpoint("action_endpoint", {"url": "http://localhost:5055/webhook"} | option)

    assert [problem.path for problem in caught.value.problems] == [path]
