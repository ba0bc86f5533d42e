import hashlib
import io
import os
import re
import tarfile
from pathlib import Path

import msgspec
import pytest

from manent.core.errors import ModelError
from manent.models.archive import find_model, model_name, model_parts, read_model, write_model

FILES = {"nlu/pipeline.json": b"{}", "core/weights.bin": bytes(range(256)) * 40}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A model gives back every file byte for byte."""
    write_model(tmp_path / "models" / "m.tar.gz", FILES)

    assert read_model(tmp_path / "models" / "m.tar.gz") == FILES


def test_the_same_files_make_the_same_model(tmp_path: Path) -> None:
    """A model file doesn't depend on when or in which order it was written."""
    write_model(tmp_path / "a.tar.gz", FILES)
    write_model(tmp_path / "b.tar.gz", dict(reversed(FILES.items())))

    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_nothing_is_left_beside_the_model(tmp_path: Path) -> None:
    """The temporary file is gone when the model is there."""
    write_model(tmp_path / "m.tar.gz", FILES)

    assert [path.name for path in tmp_path.iterdir()] == ["m.tar.gz"]


def _pack(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def _manifest(files: dict[str, bytes], version: int = 1) -> bytes:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return msgspec.json.encode({"format": version, "files": hashes})


def test_a_model_of_another_program_is_refused(tmp_path: Path) -> None:
    """An archive without a manifest is named as foreign, with what to do."""
    _pack(tmp_path / "rasa.tar.gz", {"metadata.json": b"{}"})

    with pytest.raises(ModelError, match=r"no manifest.*manent train"):
        read_model(tmp_path / "rasa.tar.gz")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    """The error names the file whose hash differs from the manifest."""
    _pack(tmp_path / "m.tar.gz", {"manifest.json": _manifest({"a": b"old"}), "a": b"new"})

    with pytest.raises(ModelError, match="the hash of 'a' differs from the manifest"):
        read_model(tmp_path / "m.tar.gz")


@pytest.mark.parametrize("members", [{}, {"a": b"1", "b": b"2"}])
def test_missing_and_additional_files_are_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    """The manifest and the archive must name the same files."""
    _pack(tmp_path / "m.tar.gz", {"manifest.json": _manifest({"a": b"1"}), **members})

    with pytest.raises(ModelError, match="its files differ from its manifest"):
        read_model(tmp_path / "m.tar.gz")


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A model of a later version says so instead of half working."""
    _pack(tmp_path / "m.tar.gz", {"manifest.json": _manifest({}, version=99)})

    with pytest.raises(ModelError, match="format 99"):
        read_model(tmp_path / "m.tar.gz")


def test_a_member_of_zeros_without_end_is_refused(tmp_path: Path) -> None:
    """A sparse member of some hundred bytes says that it is a terabyte; nobody tries to read it."""
    member = tarfile.TarInfo("bomb")
    member.size = 2 * 512
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "bomb",
        "GNU.sparse.realsize": str(10**12),
    }
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(b"1\n0\n512\n".ljust(512, b"\0") + b"x" * 512))

    with pytest.raises(ModelError, match="not a regular file"):
        read_model(path)


def test_a_small_file_with_a_huge_content_is_refused(tmp_path: Path) -> None:
    """A file of some hundred kilobytes that unpacks to 70 MB is rejected; one of 60 MB may be as repetitive."""
    large, huge = {"a": bytes(60_000_000)}, {"a": bytes(70_000_000)}
    write_model(tmp_path / "large.tar.gz", large)
    write_model(tmp_path / "huge.tar.gz", huge)

    assert read_model(tmp_path / "large.tar.gz") == large
    with pytest.raises(ModelError, match="content is larger than 67,108,864 bytes"):
        read_model(tmp_path / "huge.tar.gz")


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """An archive of very many empty files is rejected."""
    _pack(tmp_path / "m.tar.gz", {f"f{number}": b"" for number in range(10_001)})

    with pytest.raises(ModelError, match="more than 10,000 files"):
        read_model(tmp_path / "m.tar.gz")


def test_links_are_refused(tmp_path: Path) -> None:
    """Only regular files are read."""
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("a")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)

    with pytest.raises(ModelError, match="not a regular file"):
        read_model(tmp_path / "m.tar.gz")


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8b\x08\x00" + bytes(20)])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever is no archive is refused with an error of ours."""
    (tmp_path / "m.tar.gz").write_bytes(content)

    with pytest.raises(ModelError):
        read_model(tmp_path / "m.tar.gz")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    """A model cut short anywhere is not read as a smaller model."""
    write_model(tmp_path / "m.tar.gz", FILES)
    whole = (tmp_path / "m.tar.gz").read_bytes()

    for size in range(0, len(whole), 37):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:size])
        with pytest.raises(ModelError):
            read_model(tmp_path / "cut.tar.gz")


def test_what_comes_after_a_model_is_refused(tmp_path: Path) -> None:
    """A file that goes on after its end is not what was written, whether that is another model or garbage."""
    write_model(tmp_path / "m.tar.gz", FILES)
    whole = (tmp_path / "m.tar.gz").read_bytes()

    for more in (whole, b"more"):
        (tmp_path / "m.tar.gz").write_bytes(whole + more)
        with pytest.raises(ModelError, match="after the end"):
            read_model(tmp_path / "m.tar.gz")


def test_no_model_says_how_to_get_one(tmp_path: Path) -> None:
    """Neither a missing file nor an empty folder is an obscure error."""
    with pytest.raises(ModelError, match="manent train"):
        read_model(tmp_path / "m.tar.gz")
    with pytest.raises(ModelError, match="manent train"):
        find_model(tmp_path)


def test_the_newest_model_of_a_folder_is_found(tmp_path: Path) -> None:
    """The time of change decides, not the name; what isn't finished doesn't count."""
    for age, name in [(1, "z.tar.gz"), (3, "a.tar.gz"), (9, ".b.tar.gz.1"), (9, "notes.txt")]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))

    assert find_model(tmp_path) == tmp_path / "a.tar.gz"
    assert find_model(tmp_path / "z.tar.gz") == tmp_path / "z.tar.gz"


@pytest.mark.parametrize("prefix", ["", "nlu-", "core-"])
def test_names_tell_time_and_are_easy_to_say(prefix: str) -> None:
    """A name is the prefix, the time and two words."""
    assert re.fullmatch(rf"{prefix}\d{{8}}-\d{{6}}-[a-z]+-[a-z]+\.tar\.gz", model_name(prefix))


def _write_foreign(path: Path, age: float) -> None:
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("metadata.json"))
    os.utime(path, (age, age))


def test_archives_of_other_programs_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Our newest model is found below newer archives of Rasa, which one line of the log names and nothing deletes."""
    write_model(tmp_path / "ours.tar.gz", FILES)
    os.utime(tmp_path / "ours.tar.gz", (100, 100))
    _write_foreign(tmp_path / "rasa.tar.gz", 300)
    _write_foreign(tmp_path / "older.tar.gz", 50)

    assert find_model(tmp_path) == tmp_path / "ours.tar.gz"
    assert [record.getMessage() for record in caplog.records] == [
        f"skipped models of another program in {tmp_path}: rasa.tar.gz"
    ]
    (tmp_path / "ours.tar.gz").unlink()
    with pytest.raises(ModelError, match=r"rasa.tar.gz, older.tar.gz: models of another program"):
        find_model(tmp_path)


def test_a_damaged_model_of_ours_is_not_skipped(tmp_path: Path) -> None:
    """Serving an older model in its place would hide the damage."""
    write_model(tmp_path / "old.tar.gz", FILES)
    os.utime(tmp_path / "old.tar.gz", (100, 100))
    (tmp_path / "new.tar.gz").write_bytes((tmp_path / "old.tar.gz").read_bytes()[:-30])

    assert find_model(tmp_path) == tmp_path / "new.tar.gz"


def test_the_parts_of_a_model(tmp_path: Path) -> None:
    """A model says whether it has NLU and dialogue."""
    write_model(tmp_path / "m.tar.gz", {"nlu/pipeline.json": b"{}", "domain.json": b"{}"})

    assert model_parts(tmp_path / "m.tar.gz") == {"nlu"}


def test_path_that_cannot_be_read_is_an_error_of_the_model(tmp_path: Path) -> None:
    """`PUT /model` can name any path."""
    with pytest.raises(ModelError, match="cannot be read"):
        find_model(tmp_path / ("a" * 5000))
