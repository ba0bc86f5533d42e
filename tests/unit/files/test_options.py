"""The section `files:` of `credentials.yml`."""

from pathlib import Path
from typing import Any

import pytest

from manent.core.errors import ProjectError
from manent.files.object_store import ObjectPlace
from manent.files.opening import open_files
from manent.files.options import FilesOptions
from manent.project.settings.credentials import read_credentials
from manent.stores.memory import MemoryStore


def test_defaults() -> None:
    """Images, PDF and texts of up to 10 MB are accepted."""
    options = FilesOptions()
    assert options.max_size == 10_000_000
    assert options.allowed == [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "application/pdf",
        "text/plain",
    ]


def test_patterns() -> None:
    """`image/*` stands for all types of images."""
    allowed = FilesOptions(types=["image/*"]).allowed
    assert "image/heic" in allowed
    assert all(mime.startswith("image/") for mime in allowed)


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ("types: [text/html]", "credentials.types"),
        ("types: [image/svg+xml]", "credentials.types"),
        ("types: []", "credentials.types"),
        ("types: image", "yaml.type"),
        ("max_size_mb: 0", "credentials.max-size-mb"),
        ("max_size_mb: 1001", "credentials.max-size-mb"),
        ("max_per_message: 0", "credentials.max-per-message"),
        ("link_minutes: 0.5", "credentials.link-minutes"),
        ("retention_days: 0", "credentials.retention-days"),
        ("place: ftp://example.com", "credentials.place"),
        ("url: bot.example.com", "credentials.url"),
        ("scan_url: bot.example.com", "credentials.scan-url"),
        ("scan_command: []", "credentials.scan-command"),
        ("scan_command: [clamscan, '-']\n  scan_url: http://scanner", "credentials.scan-url"),
    ],
)
def test_wrong_options(tmp_path: Path, section: str, code: str) -> None:
    """A wrong option is reported with its line."""
    path = tmp_path / "credentials.yml"
    path.write_text(f"rest:\nfiles:\n  {section}\n")
    with pytest.raises(ProjectError) as error:
        read_credentials(path)
    assert [problem.code for problem in error.value.problems] == [code]
    assert error.value.problems[0].line >= 2


def test_unknown_options(tmp_path: Path) -> None:
    """An unknown option is a warning, and the section is no channel."""
    path = tmp_path / "credentials.yml"
    path.write_text("files:\n  max_size: 3\n")
    assert read_credentials(path) == {"files": {"max_size": 3}}


def opened(section: dict[str, Any] | None, root: Path = Path()) -> Any:
    """Return the files that a section configures."""
    return open_files({} if section is None else {"files": section}, MemoryStore(), root=root)


def test_where_the_bytes_are(tmp_path: Path) -> None:
    """A folder is relative to the project. The URL of an object store is used as it is."""
    assert opened(None) is None
    assert opened({}, tmp_path)._place.path == tmp_path / "files"
    assert opened({"place": "/srv/files"})._place.path == Path("/srv/files")
    place = opened({"place": "s3://key:secret@bucket/files"})._place
    assert isinstance(place, ObjectPlace)
    assert place.name == "s3://bucket/files"
