"""How log lines look, and what never stands in them."""

import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Iterator
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
        "Authorization: Basic s3cr3t==",
        "headers {'Authorization': 'Basic s3cr3t=='}",
        'headers {"authorization": "Digest s3cr3t"}',
        "headers {'X-Api-Key': 's3cr3t'}",
        "url http://x/?a=1&api_key=s3cr3t",
        "the server of action_endpoint (http://user:s3cr3t@actions:5055/webhook) is gone",
        "postgresql://manent:s3cr3t@db/chat",
        "postgresql://manent:p@s3cr3t@db/chat",
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


@pytest.mark.parametrize("formatter", [logs.KeyValue(), logs.JsonLines()])
def test_a_traceback_forges_no_line(formatter: logging.Formatter) -> None:
    """The text of an exception may come from a visitor: its line breaks do not start a line of the log."""
    try:
        raise ValueError(  # noqa: TRY301  # the traceback is what matters
            "a\n2026-01-31T12:00:00.123Z ERROR   manent.server forged\x1b[31m\x85b\u2028c"
        )
    except ValueError:
        entry = logging.getLogger("manent.test").makeRecord("x", logging.ERROR, "f", 1, "no", (), sys.exc_info())
    first, *rest = formatter.format(entry).split("\n")

    assert all(line.startswith("  ") for line in rest)
    assert all(line.isprintable() for line in (first, *rest))


def test_libraries_have_no_handlers_of_their_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A handler that a library has added is removed, and its lines and Python's warnings get our format."""
    library = logging.getLogger("a_library.of_others")
    library.addHandler(logging.StreamHandler(sys.stderr))
    with set_up_logs("INFO", file=tmp_path / "server.log"):
        library.warning("from\na library")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=False)
            logging.captureWarnings(capture=True)
            warnings.warn("an old way", stacklevel=1)

    text = (tmp_path / "server.log").read_text()
    assert "WARNING a_library.of_others from\\u000aa library\n" in text
    assert "WARNING py.warnings" in text
    assert capfd.readouterr().err == text


def test_log_file_is_opened_again(tmp_path: Path) -> None:
    """After logrotate has renamed the file, new lines go to a new file; without its folder, to the old one."""
    file = tmp_path / "logs" / "server.log"
    with set_up_logs("INFO", file=file):
        logging.getLogger("manent.test").info("one")
        file.rename(tmp_path / "old.log")
        logs.reopen()
        logging.getLogger("manent.test").info("two")
        file.rename(tmp_path / "older.log")
        file.parent.rmdir()
        logs.reopen()
        logging.getLogger("manent.test").info("three")

    assert [line.split()[-1] for line in (tmp_path / "old.log").read_text().splitlines()] == ["one"]
    older = (tmp_path / "older.log").read_text().splitlines()
    assert [line.split()[-1] for line in (older[0], older[-1])] == ["two", "three"]
    assert "cannot be reopened" in older[1]


@contextlib.contextmanager
def set_up_logs(level: str, *, file: Path) -> Iterator[None]:
    """Set up logging as a server does, and undo it afterwards."""
    root = logging.getLogger()
    handlers, before, own = list(root.handlers), root.level, logging.getLogger("manent").level
    try:
        logs.set_up(level, file=file)
        yield
    finally:
        logging.captureWarnings(capture=False)
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(before)
        logging.getLogger("manent").setLevel(own)


def test_prose_about_tokens_stays() -> None:
    """Sentences that only speak of tokens are left as they are."""
    said = "--enable-api without --auth-token or --jwt-secret: anyone who can reach this port"

    assert logs.redact(said) == said


def test_file_gets_the_lines_too(tmp_path: Path) -> None:
    """With a file, lines are appended to it; levels hold for our own loggers."""
    with set_up_logs("INFO", file=tmp_path / "logs" / "server.log"):
        logging.getLogger("manent.test").info("seen", extra={"a": 1})
        logging.getLogger("manent.test").debug("unseen")
        logging.getLogger("another").info("unseen")
    text = (tmp_path / "logs" / "server.log").read_text()

    assert text.rstrip().endswith("INFO    manent.test seen a=1")
    assert "unseen" not in text
