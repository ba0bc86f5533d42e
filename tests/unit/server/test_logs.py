"""How log lines look, and what never stands in them."""

import json
import logging
from pathlib import Path

import pytest

from manent.runtime.metrics import turn_id
from manent.server import logs


def record(message: str, **extra: object) -> logging.LogRecord:
    """A record as a module's log call makes it."""
    return logging.getLogger("manent.test").makeRecord(
        "manent.test", logging.WARNING, "f.py", 1, message, (), None, extra=extra
    )


def test_a_line_has_its_pairs_and_its_turn() -> None:
    """What a call gave in `extra` stands as pairs, after the turn that the task is at."""
    token = turn_id.set("m1")
    try:
        line = logs.KeyValue().format(record("action failed", code="timeout", error="a b"))
    finally:
        turn_id.reset(token)

    assert line.endswith('WARNING manent.test action failed turn=m1 code=timeout error="a b"')


def test_json_lines_are_json() -> None:
    """Each line is one object, whatever the message has in it."""
    line = logs.JsonLines().format(record('say "x"\nand y', number=5))
    shown = json.loads(line)

    assert (shown["event"], shown["number"], shown["level"]) == ('say "x"\nand y', 5, "warning")


@pytest.mark.parametrize(
    "said",
    [
        "GET /conversations/a/tracker?token=s3cr3t&x=1",
        'body {"session_token": "s3cr3t"}',
        "Authorization: Bearer s3cr3t",
        "url http://x/?a=1&api_key=s3cr3t",
        "the server of action_endpoint (http://user:s3cr3t@actions:5055/webhook) is gone",
        "postgresql://manent:s3cr3t@db/chat",
        "http://actions/webhook?a=1&key=s3cr3t",
        "jwt eyJhbGciOiJIUzI1NiJ9.s3cr3t.abc",
    ],
)
def test_tokens_are_struck_out(said: str) -> None:
    """A token that got into a message does not get into the log, in either format."""
    for formatter in (logs.KeyValue(), logs.JsonLines()):
        line = formatter.format(record(said, path=said))
        assert "s3cr3t" not in line
        assert "***" in line


def test_nobody_forges_a_line() -> None:
    """What ends a line or moves a terminal's cursor is written out, also inside of what visitors choose."""
    said = "a\nb\x1b[2J\u202ec\u2028d"
    line = logs.KeyValue().format(record(f"refused {said}", sender_id=said))

    assert line.isprintable()
    assert "refused a\\u000ab\\u001b[2J\\u202ec\\u2028d" in line


def test_prose_about_tokens_stays() -> None:
    """Sentences that only speak of tokens are left as they are."""
    said = "--enable-api without --auth-token or --jwt-secret: anyone who can reach this port"

    assert logs.redact(said) == said


def test_file_gets_the_lines_too(tmp_path: Path) -> None:
    """With a file, lines are appended to it; levels hold for our own loggers."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    own = logging.getLogger("manent").level
    try:
        logs.set_up("INFO", file=tmp_path / "logs" / "server.log")
        logging.getLogger("manent.test").info("seen", extra={"a": 1})
        logging.getLogger("manent.test").debug("unseen")
        logging.getLogger("another").info("unseen")
        written = [handler for handler in root.handlers if isinstance(handler, logging.FileHandler)]
        for handler in written:
            handler.close()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("manent").setLevel(own)
    text = (tmp_path / "logs" / "server.log").read_text()

    assert text.rstrip().endswith("INFO    manent.test seen a=1")
    assert "unseen" not in text
