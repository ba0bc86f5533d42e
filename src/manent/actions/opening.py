"""Creates the action runner and the generator that `endpoints.yml` configures. The composition root calls this."""

import os
from pathlib import Path

from manent.actions.endpoint import DEFAULT_TIMEOUT_S, Endpoint, endpoint_problem, read_endpoint
from manent.core.domain import Domain
from manent.core.errors import ProjectError
from manent.core.events import Json
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionRunner, Generator


def open_actions(action_endpoint: Json | None, domain: Domain, *, root: Path | None = None) -> ActionRunner | None:
    """Create the runner that `action_endpoint:` configures. Return None if the section is missing.

    As in Rasa, the environment variable `COMPRESS_ACTION_SERVER_REQUEST=true` compresses request bodies (deflate).

    Args:
        action_endpoint: the section. The section contains either `url` (an action server) or `actions_module` (actions
            in this process). An action server has the options `enable_selective_domain` and `timeout` (seconds), and
            the options of every endpoint. Actions in this process have the options `threads` and `timeout`. With
            `events:
                all`, actions receive all events of the session instead of only the newest.
        domain: the domain that actions receive.
        root: the project's folder, which contains `actions_module`. Default: the current folder.

    Raises:
        ProjectError: the section has both keys or neither, an option has the wrong type, or the module cannot be
            imported.
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
        expected = "`all`, or the number (at least 1) of newest events of the session that actions receive"
        raise ProjectError([endpoint_problem("action_endpoint.events", events, expected)])
    return events


def open_generator(nlg: Json | None) -> Generator | None:
    """Create the generator that `nlg:` configures. Return None if responses come from the domain.

    Raises:
        ProjectError: an option has the wrong type, or `type` names a custom class, which is not supported.
    """
    if not nlg or nlg.get("type") == "response":
        return None
    if nlg.get("type") not in (None, "callback"):
        problem = endpoint_problem(
            "nlg.type",
            nlg["type"],
            "`callback` (a server at `url`) or `response` (the domain's responses)",
            suggestion="Serve the class over HTTP and set `url`",
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
        problems.append(endpoint_problem("action_endpoint.timeout", timeout_s, "a number of seconds greater than 0"))
    if problems:
        raise ProjectError(problems)
    return InProcessActions(
        load_executor(module, root=root),
        domain,
        threads=threads,
        timeout_s=float(timeout_s),
        newest_events=newest_events,
    )
