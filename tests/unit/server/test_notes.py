"""What the server says about its configuration when it starts."""

from pathlib import Path

from manent.server.app import build
from manent.server.options import ServeOptions
from support.small_talk import model_file


def test_what_is_not_done_is_said(tmp_path: Path) -> None:
    """A management API that is open to all is said at start."""
    notes = build(ServeOptions(root=tmp_path, model=model_file(), enable_api=True)).notes
    guarded = build(ServeOptions(root=tmp_path, model=model_file(), enable_api=True, auth_token="x")).notes  # noqa: S106

    assert [note for note in notes if "--enable-api without" in note]
    assert not [note for note in guarded if "--enable-api" in note]


def test_what_is_suspicious_in_endpoints_is_said(tmp_path: Path) -> None:
    """A section that has no effect here is said at start, by its name and line."""
    (tmp_path / "endpoints.yml").write_text("models:\n  url: http://localhost/models\n")
    (note,) = build(ServeOptions(root=tmp_path, model=model_file(), endpoints=Path("endpoints.yml"))).notes

    assert "endpoints.yml:1 models [endpoints.ignored] found the section models" in note


def test_origins_that_no_page_has_are_said(tmp_path: Path) -> None:
    """A host without a scheme, or a path, matches no page; it is named."""
    asked = ("https://example.com", "http://localhost:8080", "*", "null", "example.com", "https://example.com/chat")
    notes = build(ServeOptions(root=tmp_path, model=model_file(), cors=asked)).notes

    assert [note.split(":")[0] for note in notes if note.startswith("--cors")] == ["--cors example.com", "--cors https"]
