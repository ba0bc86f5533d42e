"""The server's logs: one line per event, as `key=value` pairs or as JSON, with the turn's id.

Modules and libraries log through the standard library, with details in `extra`. Only this module's handlers write
lines, so every line has this format and contains no tokens or control characters. Calls that log visitors' texts must
use the level DEBUG.
"""

import datetime as dt
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

from manent.runtime.metrics import turn_id

log = logging.getLogger("manent.server")

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
"""Attributes that do not come from `extra`: the attributes of every record, and uvicorn's message for terminals."""

_SECRETS = (
    re.compile(r"""(authorization\\?["']?\s*[:=]\s*\\?["']?(?:\w+\s+)?)([^\s"'\\,;})\]]+)""", re.IGNORECASE),
    re.compile(
        r"""((?:token|password|secret|api[_-]key)(?:=["']?|\\?["']\s*[:=]\s*\\?["']))([^\s"'\\&,;})\]]+)""",
        re.IGNORECASE,
    ),
    re.compile(r"(://[^/\s:@]*:)([^/\s]+)(?=@)"),  # a password can contain `@`
    re.compile(r"([?&](?:key|sig|signature)=)([^\s&\"']+)", re.IGNORECASE),
    re.compile(r"(bearer\s+)([\w.~+/=-]+)", re.IGNORECASE),
    re.compile(r"()(eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"),
)
"""Matches the header `Authorization`, `token=…` in queries, `"token": "…"` in JSON, passwords in URLs, `Bearer …`, and
text like a JWT."""

_PLAIN = re.compile(r"[^\s\"=]+")

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that end a line, control a terminal or reverse the text.

They are escaped, because log lines contain ids and origins that visitors choose.
"""


_INDENT = "  "
"""Prefix of each line of a traceback. A traceback can contain visitors' texts. No other line starts with a space."""


def set_up(level: str, *, file: Path | None = None, as_json: bool = False) -> None:
    """Log to standard error and optionally to a file. This replaces an earlier configuration.

    Python's warnings are logged, too.

    Args:
        level: level of Manent's loggers. Other libraries log warnings and errors, or everything if the level is DEBUG.
        file: file to which the lines are appended.
        as_json: whether to log one JSON object per line instead of `key=value`.
    """
    formatter = JsonLines() if as_json else KeyValue()
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(file, encoding="utf-8"))
    root = logging.getLogger()
    for name in (None, *root.manager.loggerDict):  # libraries that were imported earlier may have their own handlers
        logger = logging.getLogger(name)
        for old in tuple(logger.handlers):
            logger.removeHandler(old)
    logging.captureWarnings(capture=True)
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(logging.DEBUG if level == "DEBUG" else logging.WARNING)
    logging.getLogger("manent").setLevel(level)
    for noisy in ("asyncio", "websockets", "engineio", "socketio", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def reopen() -> None:
    """Reopen the log file after a program such as logrotate has renamed it.

    If that fails, lines continue to go to the renamed file.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            try:
                fresh = Path(handler.baseFilename).open("a", encoding="utf-8")  # noqa: SIM115  # the handler closes the file
            except OSError as error:
                log.warning(
                    "the log file cannot be reopened; logging continues to the renamed file",
                    extra={"file": handler.baseFilename, "error": error.strerror},
                )
            else:
                old = handler.setStream(fresh)
                if old is not None:
                    old.close()


def redact(line: str) -> str:
    """Return the line with its tokens replaced."""
    for secret in _SECRETS:
        line = secret.sub(r"\1***", line)
    return line


def visible(line: str) -> str:
    """Return the line with control characters escaped, so that no value can forge another line."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


class KeyValue(logging.Formatter):
    """Formats a record as text.

    Example: `2026-01-31T12:00:00.123Z WARNING manent.conversation action failed turn=m1 code=action_timeout`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, followed by the record's indented traceback, if any."""
        pairs = "".join(f" {key}={_value(value)}" for key, value in _fields(record).items())
        lines = [f"{_time(record)} {record.levelname:<7} {record.name} {record.getMessage().strip()}{pairs}"]
        if record.exc_info:
            lines += [_INDENT + line for line in self.formatException(record.exc_info).split("\n")]
        return redact("\n".join(map(visible, lines)))


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object with `time, level, logger, event`, the details, and `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        shown: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage().strip(),
            **_fields(record),
        }
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        redacted = {key: redact(value) if isinstance(value, str) else value for key, value in shown.items()}
        # The JSON encoder escapes only some control characters; `visible` escapes the others.
        return visible(redact(json.dumps(redacted, ensure_ascii=False, default=str)))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if turn := turn_id.get():
        fields["turn"] = turn
    fields |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    return fields


def _time(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: Any) -> str:
    shown = value if isinstance(value, str) else str(value)
    return shown if _PLAIN.fullmatch(shown) else json.dumps(shown, ensure_ascii=False)
