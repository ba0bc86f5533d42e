"""From `endpoints.yml` to action runner and text generator. The composition root calls it, once at start."""

import os
from pathlib import Path

from manent.actions.endpoint import DEFAULT_TIMEOUT_S, Endpoint, endpoint_problem, read_endpoint
from manent.core.domain import Domain
from manent.core.errors import ProjectError
from manent.core.events import Json
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionRunner, Generator


def open_actions(action_endpoint: Json | None, domain: Domain, *, root: Path | None = None) -> ActionRunner | None:
    """Make the runner that `action_endpoint:` describes; None when there is no such section.

    The environment's `COMPRESS_ACTION_SERVER_REQUEST=true` deflates request bodies, as with Rasa.

    Args:
        action_endpoint: has `url` (a server; with `enable_selective_domain`, `timeout` in seconds and the options of
            every endpoint) or `actions_module` (in this process; with `threads` and `timeout`); `events: all` shows
            actions the whole session instead of its newest events.
        domain: what actions are told of the assistant.
        root: the project's directory, where `actions_module` is looked for; the current one by default.

    Raises:
        ProjectError: the section says neither or both, an option has a wrong type, or the module can't be imported.
    """
    if not action_endpoint:
        return None
    if ("url" in action_endpoint) == ("actions_module" in action_endpoint):
        problem = endpoint_problem(
            "action_endpoint",
            sorted(action_endpoint),
            "either `url` (an action server) or `actions_module` (actions in this process)",
            suggestion="url: http://localhost:5055/webhook",
        )
        raise ProjectError([problem])
    newest_events = _newest_events(action_endpoint)
    if "url" in action_endpoint:
        from manent.actions.remote import RemoteActions

        return RemoteActions(
            Endpoint(read_endpoint("action_endpoint", action_endpoint)),
            domain,
            selective_domain=bool(action_endpoint.get("enable_selective_domain")),
            compress=os.environ.get("COMPRESS_ACTION_SERVER_REQUEST", "").lower() == "true",
            newest_events=newest_events,
        )
    return _open_in_process(action_endpoint, domain, root or Path.cwd(), newest_events)


def _newest_events(action_endpoint: Json) -> int | None:
    events = action_endpoint.get("events", NEWEST_EVENTS)
    if events == "all":
        return None
    if not isinstance(events, int) or isinstance(events, bool) or events < 1:
        expected = "`all`, or how many of the session's newest events actions get, at least 1"
        raise ProjectError([endpoint_problem("action_endpoint.events", events, expected)])
    return events


def open_generator(nlg: Json | None) -> Generator | None:
    """Make the generator that `nlg:` describes; None when responses come from the domain.

    Raises:
        ProjectError: an option has a wrong type, or `type` names a class, which is not supported.
    """
    if not nlg or nlg.get("type") == "response":
        return None
    if nlg.get("type") not in (None, "callback"):
        problem = endpoint_problem(
            "nlg.type",
            nlg["type"],
            "`callback` (a server at `url`) or `response` (the domain's responses)",
            suggestion="Serve the class over HTTP and name its URL",
        )
        raise ProjectError([problem])
    from manent.actions.nlg import RemoteGenerator

    return RemoteGenerator(Endpoint(read_endpoint("nlg", nlg)))


def _open_in_process(action_endpoint: Json, domain: Domain, root: Path, newest_events: int | None) -> ActionRunner:
    from manent.actions.in_process import DEFAULT_THREADS, InProcessActions
    from manent.actions.sdk import load_executor

    module = action_endpoint["actions_module"]
    threads = action_endpoint.get("threads", DEFAULT_THREADS)
    timeout_s = action_endpoint.get("timeout", DEFAULT_TIMEOUT_S)
    problems = []
    if not isinstance(module, str) or not module:
        problems.append(endpoint_problem("action_endpoint.actions_module", module, "the name of a Python module"))
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        problems.append(endpoint_problem("action_endpoint.threads", threads, "a number of threads, at least 1"))
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or timeout_s <= 0:
        problems.append(endpoint_problem("action_endpoint.timeout", timeout_s, "a number of seconds above 0"))
    if problems:
        raise ProjectError(problems)
    return InProcessActions(
        load_executor(module, root=root),
        domain,
        threads=threads,
        timeout_s=float(timeout_s),
        newest_events=newest_events,
    )
