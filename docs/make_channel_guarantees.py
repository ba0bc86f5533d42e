"""Writes the table of docs/channels/README.md that shows which tests check which guarantee of which channel.

Run it after you change a test of the channels: `python docs/make_channel_guarantees.py`. A test reports a table that is
not current. The tests are marked with `point(number)`.
"""
# ruff: noqa: INP001 - a program beside the documents

import ast
import sys
from pathlib import Path

from manent.channels.messenger import MessengerChannel
from manent.extensions.finding import find
from manent.extensions.points import CHANNELS as POINT

PAGE = Path(__file__).with_name("channels") / "README.md"
TESTS = Path(__file__).parents[1] / "tests"
BEGIN, END = "<!-- guarantees: begin -->\n", "<!-- guarantees: end -->\n"

GUARANTEES = (
    "Verify",
    "Confirm at once",
    "Recognise redeliveries",
    "Send from the log",
    "Send again",
    "Fit",
    "Show work",
    "Take attachments and unknown events",
    "Call configured addresses",
    "Documentation",
)
SUITE = "test_conformance.py"
OTHERS = ("twilio_voice", "callback")
"""Channels with tests of their own, because they answer in their responses."""

SHOWS_WORK = 7


def draw() -> str:
    """Return the page with the current table."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + _table() + END + after


def marked(file: Path) -> dict[int, list[str]]:
    """Return the names of the tests in a file by the number that they are marked with."""
    found: dict[int, list[str]] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.point":
                    found.setdefault(ast.literal_eval(mark.args[0]), []).append(node.name)
    return found


def _table() -> str:
    sys.path.insert(0, str(TESTS))
    from support.platforms import CHANNELS

    suite = marked(TESTS / "channels" / SUITE)
    numbers = range(1, len(GUARANTEES) + 1)
    rows = [
        f"| channel | {' | '.join(f'{number}. {GUARANTEES[number - 1]}' for number in numbers)} |",
        f"|---{'|---' * len(GUARANTEES)}|",
    ]
    for name in CHANNELS:
        counts = {number: len(suite.get(number, ())) for number in numbers}
        if find(POINT, name).show_typing is MessengerChannel.show_typing:
            counts[SHOWS_WORK] = 0
        rows.append(_row(name, counts))
    for name in OTHERS:
        own = marked(TESTS / "channels" / f"test_{name}.py")
        rows.append(_row(name, {number: len(own.get(number, ())) for number in numbers} | {10: len(suite[10])}))
    named = [
        f"{number}. {GUARANTEES[number - 1]}: {', '.join(f'`{name}`' for name in suite.get(number, ()))}"
        for number in numbers
    ]
    return "\n".join([*rows, "", *named]) + "\n"


def _row(name: str, counts: dict[int, int]) -> str:
    return f"| `{name}` | {' | '.join(str(count or '–') for count in counts.values())} |"


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
