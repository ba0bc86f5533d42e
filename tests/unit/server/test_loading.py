"""Models that earlier versions wrote are readable, so that an update needs no training at the same moment."""

from pathlib import Path

import msgspec
import pytest

from manent.core.errors import ModelError
from manent.models.archive import read_model, write_model
from manent.models.metadata import MODEL_FORMAT, OLDEST_MODEL_FORMAT
from manent.server.loading import load_assistant

STORED = Path(__file__).parents[2] / "assistants" / "models"


@pytest.mark.parametrize("written_as", range(OLDEST_MODEL_FORMAT, MODEL_FORMAT + 1))
def test_stored_models_are_readable(written_as: int) -> None:
    """A model of each readable format, stored when that format was current, still loads and parses."""
    assistant = load_assistant(STORED / f"format_{written_as}.tar.gz")

    parsed = assistant.parse("I am Ada")
    assert (parsed["intent"]["name"], parsed["entities"][0]["value"]) == ("name", "Ada")
    assert "utter_greet" in assistant.domain.responses
    assert assistant.dialogue.is_trained


@pytest.mark.parametrize("written_as", [OLDEST_MODEL_FORMAT - 1, MODEL_FORMAT + 1])
def test_other_formats_are_refused(tmp_path: Path, written_as: int) -> None:
    """The error names the format that was found and the formats that are read."""
    files = read_model(STORED / f"format_{MODEL_FORMAT}.tar.gz")
    metadata = msgspec.json.decode(files["metadata.json"])
    write_model(
        tmp_path / "m.tar.gz", {**files, "metadata.json": msgspec.json.encode({**metadata, "format": written_as})}
    )

    with pytest.raises(ModelError, match=f"format {written_as}, .* formats {OLDEST_MODEL_FORMAT} to {MODEL_FORMAT}"):
        load_assistant(tmp_path / "m.tar.gz")


@pytest.mark.parametrize("name", ["metadata.json", "domain.json", "nlu/pipeline.json", "dialogue/policies.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_damaged_parts_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A model with a part that cannot be decoded is refused with an error for the user."""
    files = read_model(STORED / f"format_{MODEL_FORMAT}.tar.gz")
    assert name in files
    write_model(tmp_path / "m.tar.gz", {**files, name: content})

    with pytest.raises(ModelError, match="train again"):
        load_assistant(tmp_path / "m.tar.gz")
