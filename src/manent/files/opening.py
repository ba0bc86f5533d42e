"""Creates the `VisitorFiles` that `files:` in `credentials.yml` configures. Called by the server and by commands."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from manent.core.events import Json
from manent.extensions.options import options_of
from manent.extensions.points import FILES
from manent.files.folder import Folder
from manent.files.object_store import ObjectPlace
from manent.files.options import SCHEMES, FilesOptions
from manent.files.scanner import make_scanner
from manent.files.visitor_files import VisitorFiles
from manent.runtime.metrics import Metrics
from manent.runtime.ports.files import Place
from manent.runtime.ports.store import ConversationStore


class _Section:
    options = FilesOptions


def open_files(
    credentials: Mapping[str, Json], store: ConversationStore, *, root: Path, metrics: Metrics | None = None
) -> VisitorFiles | None:
    """Return the `VisitorFiles`, or None if `credentials.yml` has no section `files:`. Nothing is opened yet.

    Raises:
        ProjectError: an option is wrong.
    """
    section = credentials.get(FILES)
    if section is None:
        return None
    options: FilesOptions = options_of(_Section, FILES, section, file="credentials.yml")
    is_remote = urlsplit(options.place).scheme.lower() in SCHEMES
    place: Place = ObjectPlace(options.place) if is_remote else Folder(root / options.place)
    return VisitorFiles(
        options,
        store,
        place,
        scanner=make_scanner(options.scan_command, options.scan_url, timeout_s=options.scan_timeout),
        spool=None if is_remote else root / options.place,
        metrics=metrics,
    )
