"""Determines a file's type by its content. The name and the type that the client sends are not used.

The types in `TYPES` are the only types that `files:` in `credentials.yml` can allow. Markup such as HTML and SVG is
recognised, so that it is not treated as text, but it can never be allowed.
"""

import codecs
import re
import zipfile
from typing import BinaryIO, Final

MARKUP: Final = "text/html"
"""The type of HTML, SVG and XML."""

TEXT: Final = "text/plain"

TYPES: Final[dict[str, tuple[str, ...]]] = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/heic": ("heic", "heif"),
    "image/tiff": ("tif", "tiff"),
    "application/pdf": ("pdf",),
    "text/plain": ("txt", "csv", "md", "log"),
    "audio/mpeg": ("mp3",),
    "audio/wav": ("wav",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/flac": ("flac",),
    "audio/mp4": ("m4a",),
    "video/mp4": ("mp4", "m4v"),
    "video/quicktime": ("mov",),
    "video/webm": ("webm",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("pptx",),
    "application/vnd.oasis.opendocument.text": ("odt",),
    "application/vnd.oasis.opendocument.spreadsheet": ("ods",),
    "application/vnd.oasis.opendocument.presentation": ("odp",),
    "application/zip": ("zip",),
}
"""Type → file name extensions. The first one is added to a name that has none of them."""

MAX_NAME: Final = 120
"""Maximum number of characters of a file name."""

_HEAD: Final = 4_096
_PIECE: Final = 1 << 18

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"isom": "video/mp4",
    b"iso2": "video/mp4",
    b"iso4": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"avc1": "video/mp4",
    b"M4V ": "video/mp4",
    b"dash": "video/mp4",
}
"""Brand of an ISO media file → its type."""

_OFFICE: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
"""Member of an Office file → the file's type."""

_MATROSKA: Final = b"\x1aE\xdf\xa3"
_ZIP: Final = b"PK\x03\x04"
_MIMETYPE: Final = re.compile(rb"PK\x03\x04.{22}\x08\x00.{2}mimetype([a-z.+/-]{1,80})", re.DOTALL)
"""The beginning of an OpenDocument file, whose first member is named `mimetype` and is not compressed."""

_TAG: Final = re.compile(rb"<[a-z!?/]", re.IGNORECASE)
_BINARY: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that texts do not contain. Escape (1b) is allowed, because logs contain it."""

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff<>:\"|?*]")
"""Characters that are removed from names: control characters, marks that change the direction of the following text,
and characters that file systems reserve."""


def type_of(file: BinaryIO) -> str | None:
    """Return the type of a file, or None if the type is unknown. This reads the file from its beginning.

    The type can be one that is not in `TYPES`.
    """
    file.seek(0)
    head = file.read(_HEAD)
    for signature, mime in _SIGNATURES:
        if head.startswith(signature):
            return mime
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head.startswith(_MATROSKA):
        return "video/webm" if b"webm" in head[:64] else None
    if head.startswith(_ZIP):
        return _type_of_zip(file, head)
    if _TAG.match(head.removeprefix(codecs.BOM_UTF8).lstrip()):
        return MARKUP
    return TEXT if _is_text(file) else None


def safe_name(name: str, mime: str) -> str:
    """Return a file name for display: without a path, with limited length, and with an extension that matches the type.

    The extension determines the program that opens a saved file, so `page.html` with the content of a text becomes
    `page.html.txt`.
    """
    extensions = TYPES.get(mime, ("bin",))
    last = re.split(r"[/\\]", name)[-1]
    kept = _UNSAFE.sub("", last).strip(" .") or "file"
    stem, dot, extension = kept.rpartition(".")
    if not dot or extension.lower() not in extensions:
        stem, extension = kept, extensions[0]
    return f"{stem[: MAX_NAME - len(extension) - 1].rstrip(' .')}.{extension}"


def _type_of_zip(file: BinaryIO, head: bytes) -> str:
    """Return the type of an Office or OpenDocument file, or `application/zip`.

    Office files with macros have a type that cannot be allowed.
    """
    if found := _MIMETYPE.match(head):
        mime = found[1].decode("ascii")
        return mime if mime in TYPES else "application/zip"
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "application/zip"
    if any(name.endswith("vbaProject.bin") for name in names):
        return "application/vnd.ms-office"
    return next((mime for member, mime in _OFFICE.items() if member in names), "application/zip")


def _is_text(file: BinaryIO) -> bool:
    """Return whether a file is UTF-8 without the control characters that binary formats contain.

    An empty file has the type text.
    """
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(_PIECE):
            if _BINARY.search(decoder.decode(piece)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
