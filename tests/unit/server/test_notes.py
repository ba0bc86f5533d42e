"""What the server says about its configuration when it starts."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.extensions.model_code import trust_model_code
from manent.server import app
from manent.server.app import build
from manent.server.options import ServeOptions
from manent.stores.memory import MemoryStore
from support.small_talk import model_file, running


def test_what_is_not_done_is_said(tmp_path: Path) -> None:
    """A management API that is open to all is said at start."""
    notes = build(ServeOptions(root=tmp_path, model=model_file(), enable_api=True)).notes
    guarded = build(ServeOptions(root=tmp_path, model=model_file(), enable_api=True, auth_token="x")).notes  # noqa: S106

    assert [note for note in notes if "--enable-api without" in note]
    assert not [note for note in guarded if "--enable-api" in note]


def test_what_is_suspicious_in_endpoints_is_said(tmp_path: Path) -> None:
    """A section that has no effect here is said at start, by its name and line."""
    (tmp_path / "endpoints.yml").write_text("nlu:\n  url: http://localhost/nlu\n")
    (note,) = build(ServeOptions(root=tmp_path, model=model_file(), endpoints=Path("endpoints.yml"))).notes

    assert "endpoints.yml:1 nlu [endpoints.ignored] found the section nlu" in note


def test_origins_that_no_page_has_are_said(tmp_path: Path) -> None:
    """A host without a scheme, or a path, matches no page; it is named."""
    asked = ("https://example.com", "http://localhost:8080", "*", "null", "example.com", "https://example.com/chat")
    notes = build(ServeOptions(root=tmp_path, model=model_file(), cors=asked)).notes

    assert [note.split(":")[0] for note in notes if note.startswith("--cors")] == ["--cors example.com", "--cors https"]


def test_weak_keys_of_the_api_are_said(tmp_path: Path) -> None:
    """A shared key below 32 bytes is named at start; a long one is not, nor what the command line warns of twice."""
    short, long = (
        build(ServeOptions(root=tmp_path, model=model_file(), jwt_secret=key, warnings=("once",))).notes
        for key in ("sixby6", "x" * 32)
    )

    assert [note for note in short if "--jwt-secret is shorter than 32 bytes" in note]
    assert not [note for note in long if "--jwt-secret" in note]
    assert long.count("once") == 1


def test_sections_without_effect_are_said(tmp_path: Path) -> None:
    """`lock_store` is named, with what it does in Rasa."""
    text = "lock_store:\n  type: redis\n  url: localhost\n"
    (tmp_path / "endpoints.yml").write_text(text)
    notes = build(ServeOptions(root=tmp_path, model=model_file(), endpoints=Path("endpoints.yml"))).notes

    assert [Path(note.split(";")[0]).name for note in notes if "[endpoints.ignored]" in note] == [
        "endpoints.yml:1 lock_store [endpoints.ignored] found the section lock_store",
    ]


async def test_a_store_that_only_rasa_has_is_named(tmp_path: Path) -> None:
    """The server starts, with a note and in its readiness, and keeps conversations in the default file."""
    async with (
        running(tmp_path, endpoints="tracker_store: {type: mongod, url: m}\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "hello"})
        ready = (await http.get("/health/ready")).json()

    assert [note for note in server.application.notes if "manent import-rasa --url mongodb://" in note]
    assert ready["unsupported_store"] == "mongod"
    assert (tmp_path / "conversations.db").exists()


def test_trusted_models_are_named(tmp_path: Path) -> None:
    """That models may contain code is logged at each start."""
    (tmp_path / "endpoints.yml").write_text("trust_model_code: true\n")
    try:
        notes = build(ServeOptions(root=tmp_path, model=model_file())).notes
    finally:
        trust_model_code(is_trusted=False)

    assert [note for note in notes if "can write a model file can run code in this server" in note]


class ForeignStore(MemoryStore):
    """Stands for a store of another package, which has no tables for operations."""

    database: Any = None


@pytest.mark.parametrize(
    ("limits", "is_noted"), [("public", True), ("{messages_per_minute: 9}", True), ("normal", False)]
)
def test_limits_that_cannot_be_shared_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: str, *, is_noted: bool
) -> None:
    """A note names the store if it cannot share the configured limits between servers."""
    (tmp_path / "endpoints.yml").write_text(f"limits: {limits}\n")
    options = ServeOptions(root=tmp_path, model=model_file(), endpoints=Path("endpoints.yml"))
    assert build(options).notes == ()
    monkeypatch.setattr(app, "open_store", lambda *_, **__: ForeignStore())
    found = build(options).notes

    assert [note.partition(" cannot")[0] for note in found] == ["limits: the store ForeignStore"] * is_noted
