"""What commands say when they cannot write what they were asked for."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from manent.cli import main as entry

Manent = Callable[[str], tuple[int, str]]


@pytest.mark.parametrize(
    "command",
    [
        "train --out out",
        "data convert nlu --data data --out out/nlu.json --format json",
        "data split nlu --out out",
        "visualize --out out/graph.html",
        "init --no-prompt --init-dir out",
    ],
)
def test_a_file_where_a_folder_should_be(manent: Manent, shop: Path, command: str) -> None:
    """A command that cannot write names the path and the reason in its last line, with status 1."""
    (shop / "out").write_text("a file")

    status, shown = manent(command)

    assert status == 1
    assert shown.splitlines()[-1].startswith("Error: ")
    assert "out" in shown.splitlines()[-1]
    assert (shop / "out").read_text() == "a file"


@pytest.mark.parametrize(("number", "is_said"), [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EBADF, False)])
def test_a_full_or_read_only_disk(
    manent: Manent, monkeypatch: pytest.MonkeyPatch, number: int, *, is_said: bool
) -> None:
    """Errors of a path or a disk are sentences; any other error of the system is a fault of ours, with its trace."""

    def fail(*_: object) -> int:
        raise OSError(number, "the reason", "results/report.json")

    monkeypatch.setattr(entry, "run_command", fail)

    if is_said:
        assert manent("train") == (1, "Error: results/report.json: the reason\n")
    else:
        with pytest.raises(OSError, match="the reason"):
            manent("train")
