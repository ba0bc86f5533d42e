"""What the server says about its configuration when it starts."""

from pathlib import Path

from manent.server.app import build
from manent.server.options import ServeOptions
from small_talk import model_file


def test_what_is_not_done_is_said(tmp_path: Path) -> None:
    """A broker that would not be told of events, and a management API that is open to all, are said at start."""
    (tmp_path / "endpoints.yml").write_text("event_broker:\n  type: pika\n  url: localhost\n")
    notes = build(ServeOptions(root=tmp_path, model=model_file(), enable_api=True)).notes
    guarded = build(ServeOptions(root=tmp_path, model=model_file(), enable_api=True, auth_token="x")).notes  # noqa: S106

    assert [note for note in notes if "event_broker" in note]
    assert [note for note in notes if "--enable-api without" in note]
    assert not [note for note in guarded if "--enable-api" in note]
