"""Progress of a long command, where standard error is no terminal."""

import pytest

from manent.cli import progress
from manent.cli.progress import Steps


def test_steps_are_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is a line when it is over, with the time it took."""
    monkeypatch.setattr(progress, "MIN_SHOWN_S", 0.0)
    with Steps() as shown:
        shown.show("Reading")
        assert capsys.readouterr().err == ""
        shown.show("Learning")

    assert capsys.readouterr().err == "Reading (0.0 s)\nLearning (0.0 s)\n"


def test_quick_steps_are_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that takes no time says nothing."""
    with Steps() as shown:
        shown.show("Reading")

    assert capsys.readouterr().err == ""


def test_remarks_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """A whole sentence is a remark and is printed at once."""
    with Steps() as shown:
        shown.show("The option x has no meaning here.")

        assert capsys.readouterr().err == "Note: The option x has no meaning here.\n"


def test_a_failed_step_is_not_reported_as_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that ended in an error has no line: the error speaks."""
    monkeypatch.setattr(progress, "MIN_SHOWN_S", 0.0)

    def fail() -> None:
        with Steps() as shown:
            shown.show("Learning")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert capsys.readouterr().err == ""
