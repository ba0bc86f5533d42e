"""The types of files by their content, and names for people."""

import io
import zipfile

import pytest

from manent.files.content import MARKUP, MAX_NAME, TYPES, safe_name, type_of


def archive(*names: str, first: bytes | None = None) -> bytes:
    """Return a zip file with these members. `first` is the content of an uncompressed first member `mimetype`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as written:
        if first is not None:
            written.writestr(zipfile.ZipInfo("mimetype"), first)
        for name in names:
            written.writestr(name, "x")
    return content.getvalue()


SAMPLES = [
    (b"\x89PNG\r\n\x1a\n...", "image/png"),
    (b"\xff\xd8\xff\xe0...", "image/jpeg"),
    (b"GIF89a...", "image/gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
    (b"\x00\x00\x00\x18ftypheic", "image/heic"),
    (b"\x00\x00\x00\x18ftypavif", "image/avif"),
    (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
    (b"\x00\x00\x00\x18ftypisom", "video/mp4"),
    (b"\x00\x00\x00\x18ftypqt  ", "video/quicktime"),
    (b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01B\x82\x84webm", "video/webm"),
    (b"II*\x00", "image/tiff"),
    (b"%PDF-1.7\n", "application/pdf"),
    (b"ID3\x04", "audio/mpeg"),
    (b"OggS\x00", "audio/ogg"),
    (b"fLaC\x00", "audio/flac"),
    ("Grüße, 世界\r\n\tend\f".encode(), "text/plain"),
    (b"", "text/plain"),
    (b"1 < 2, and <3", "text/plain"),
    (archive("a.txt"), "application/zip"),
    (archive("word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (archive("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (archive("ppt/presentation.xml"), "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (archive(first=b"application/x-unknown"), "application/zip"),
    *(
        (archive("content.xml", first=mime.encode()), mime)
        for mime in TYPES
        if mime.startswith("application/vnd.oasis.opendocument.")
    ),
]


@pytest.mark.parametrize(("content", "expected"), SAMPLES)
def test_known_types(content: bytes, expected: str) -> None:
    """The beginning of a file, or the members of an archive, determine its type."""
    assert type_of(io.BytesIO(content)) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html>",
        b"\xef\xbb\xbf \n\t<html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?>",
        b"<!-- a comment --><script>",
        b"</p>",
        b"<IMG src=x onerror=alert(1)>",
    ],
)
def test_markup_is_no_text(content: bytes) -> None:
    """HTML, SVG and XML have a type that cannot be allowed."""
    assert type_of(io.BytesIO(content)) == MARKUP
    assert MARKUP not in TYPES


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\x00",
        b"\x7fELF",
        b"a\x00b",
        b"\xff\xfe<\x00s\x00",
        b"latin \xe9",
        b"a" * 300_000 + b"\xff",
        b"a\xc3",
        b"RIFF\x00\x00\x00\x00AVI ",
        b"\x00\x00\x00\x18ftypxxxx",
        b"\x1aE\xdf\xa3matroska",
    ],
)
def test_unknown_types(content: bytes) -> None:
    """Programs, unknown containers, and texts in other encodings have no type."""
    assert type_of(io.BytesIO(content)) is None


def test_macros() -> None:
    """An Office file with macros has a type that cannot be allowed."""
    assert type_of(io.BytesIO(archive("word/document.xml", "word/vbaProject.bin"))) not in TYPES


def test_damaged_archives() -> None:
    """An archive that cannot be read is a zip file."""
    assert type_of(io.BytesIO(b"PK\x03\x04" + bytes(50))) == "application/zip"


@pytest.mark.parametrize(
    ("name", "mime", "expected"),
    [
        ("cat.png", "image/png", "cat.png"),
        ("CAT.JPEG", "image/jpeg", "CAT.JPEG"),
        ("page.html", "text/plain", "page.html.txt"),
        ("setup.exe", "image/png", "setup.exe.png"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\Users\\ada\\notes.txt", "text/plain", "notes.txt"),
        ("", "image/png", "file.png"),
        ("...", "image/png", "file.png"),
        ("photo\u202egnp.exe", "application/pdf", "photognp.exe.pdf"),
        ('a\r\nb"<c>\x00.txt', "text/plain", "abc.txt"),
        ("Größe 世界.pdf", "application/pdf", "Größe 世界.pdf"),
        (".txt", "text/plain", "txt.txt"),
    ],
)
def test_names(name: str, mime: str, expected: str) -> None:
    """A name contains no path and no control characters, and its extension belongs to the type."""
    assert safe_name(name, mime) == expected


def test_long_names() -> None:
    """A long name keeps its extension."""
    found = safe_name("a" * 500 + ".png", "image/png")
    assert len(found) == MAX_NAME
    assert found.endswith("a.png")
