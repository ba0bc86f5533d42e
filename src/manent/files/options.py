"""The section `files:` of `credentials.yml`."""

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import msgspec

from manent.extensions.options import WrongOption
from manent.files.content import TYPES

SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")
"""Schemes of the URLs of object stores."""

DEFAULT_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"]
MAX_SIZE_MB = 1_000.0
MAX_LINK_MINUTES = 7 * 24 * 60.0


class FilesOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The section `files:` of `credentials.yml`. Without the section, visitors cannot send files.

    Attributes:
        place: the folder of the files, relative to the project, or the URL of an object store, for example
            `s3://bucket/files`. An object store requires `pip install 'manent[models]'` and reads its credentials from
            the environment.
        types: the media types that visitors can send; `image/*` stands for all types of images. The content of a file
            determines its type. `docs/files.md` lists the possible types.
        max_size_mb: maximum size of a file in megabytes (1,000,000 bytes).
        max_per_message: maximum number of files in one message.
        max_per_conversation: maximum number of files in one conversation.
        max_total_mb: maximum size of all files of all conversations in megabytes.
        link_minutes: minutes for which a link to a file is valid.
        retention_days: days after which a file is removed, even if its conversation remains. Default: files are
            removed with their conversation.
        url: public URL of this server, for example `https://bot.example.com`. With it, links for action servers are
            absolute.
        intent: intent of a message that contains files but no text. Default: the NLU parses the empty text.
        scan_command: a program and its arguments that check each file. The program reads the file from its standard
            input. With exit code 0, the file is accepted; with 1, it is refused.
        scan_url: URL to which each file is posted. With status 2xx, the file is accepted; with 403, 406 or 422, it is
            refused.
        scan_timeout: maximum seconds for the check of one file.
    """

    place: str = "files"
    types: list[str] = msgspec.field(default_factory=lambda: list(DEFAULT_TYPES))
    max_size_mb: float = 10.0
    max_per_message: int = 10
    max_per_conversation: int = 100
    max_total_mb: float = 10_000.0
    link_minutes: float = 60.0
    retention_days: float | None = None
    url: str | None = None
    intent: str | None = None
    scan_command: list[str] | None = None
    scan_url: str | None = None
    scan_timeout: float = 60.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            WrongOption: an option is not valid.
        """
        for pattern in self.types:
            if not matching([pattern]):
                raise WrongOption("types", f"types among {', '.join(TYPES)}", found=f'"{pattern}"')
        if not self.types:
            raise WrongOption("types", "at least one type")
        if not 0 < self.max_size_mb <= MAX_SIZE_MB:
            raise WrongOption("max_size_mb", f"a number above 0, at most {MAX_SIZE_MB:,.0f}")
        for name in ("max_per_message", "max_per_conversation", "max_total_mb", "scan_timeout"):
            if not getattr(self, name) > 0:
                raise WrongOption(name, "a number above 0")
        if not 1 <= self.link_minutes <= MAX_LINK_MINUTES:
            raise WrongOption("link_minutes", f"a number from 1 to {MAX_LINK_MINUTES:,.0f}")
        if self.retention_days is not None and not self.retention_days > 0:
            raise WrongOption("retention_days", "a number above 0")
        scheme = urlsplit(self.place).scheme.lower()
        if not self.place or (scheme and "://" in self.place and scheme not in SCHEMES):
            raise WrongOption("place", f"a folder, or a URL with one of the schemes {', '.join(SCHEMES)}")
        for name in ("url", "scan_url"):
            value = getattr(self, name)
            if value is not None and not value.startswith(("http://", "https://")):
                raise WrongOption(name, "a URL that starts with https:// or http://")
        if self.scan_command is not None and not self.scan_command:
            raise WrongOption("scan_command", "a program, optionally with arguments")
        if self.scan_command is not None and self.scan_url is not None:
            raise WrongOption("scan_url", "only one of scan_command, scan_url", found="both")

    @property
    def max_size(self) -> int:
        """Maximum size of a file in bytes."""
        return round(self.max_size_mb * 1e6)

    @property
    def max_total(self) -> int:
        """Maximum size of all files in bytes."""
        return round(self.max_total_mb * 1e6)

    @property
    def allowed(self) -> list[str]:
        """The media types that visitors can send."""
        return matching(self.types)


def matching(patterns: list[str]) -> list[str]:
    """Return the known types that match a type or a pattern such as `image/*`."""
    return [mime for mime in TYPES if any(fnmatchcase(mime, pattern) for pattern in patterns)]
