"""The newsletter assistant for tests, in both formats, with its servers. It is trained once per test run."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from support.action_servers import ASSISTANTS, action_server

EXAMPLE = Path(__file__).parents[2] / "examples" / "newsletter"
IN_2_0 = ASSISTANTS / "newsletter_2_0"


def copied(
    project: Path,
    target: Path,
    *,
    actions: str = "http://127.0.0.1:9/webhook",
    timeout_s: float = 10,
    **socketio: object,
) -> Path:
    """Return a copy of a trained assistant with another action server and other Socket.IO options."""
    shutil.copytree(project, target)
    (target / "endpoints.yml").write_text(yaml.safe_dump({"action_endpoint": {"url": actions, "timeout": timeout_s}}))
    credentials = yaml.safe_load((target / "credentials.yml").read_text())
    credentials["socketio"] |= {"session_identity": "open"} | socketio
    (target / "credentials.yml").write_text(yaml.safe_dump(credentials))
    return target


@contextlib.contextmanager
def actions_of(project: Path, *, port: int | None = None) -> Iterator[str]:
    """Serve the project's actions; yield the URL of the webhook."""
    with action_server(project, "actions", port=port) as url:
        yield url
