"""Stand-ins for `rasa.engine.storage.storage`.

Components store files in folders, but Manent's model format stores names and bytes. `ModelStorage` converts between
them with a temporary folder: `files` reads the folder after the training, and `read_from` writes a model's files to the
folder.
"""

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from manent.rasa_names.engine.storage.resource import Resource


class ModelStorage:
    """Stores the files of one component.

    Args:
        files: the model's files, `<resource>/<path>` → content. They are written to the folder when the component
            reads them.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self._files = dict(files or {})
        self._root: Path | None = None
        self._restored: set[str] = set()

    @property
    def has_files(self) -> bool:
        """Whether the model contains files for the component."""
        return bool(self._files)

    @contextlib.contextmanager
    def write_to(self, resource: Resource) -> Iterator[Path]:
        """Yield a folder for a resource's files."""
        folder = self._folder_of(resource)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder

    @contextlib.contextmanager
    def read_from(self, resource: Resource) -> Iterator[Path]:
        """Yield the folder that contains a resource's files. The folder exists until this storage is deleted.

        Raises:
            ValueError: nothing was stored under this name.
        """
        folder = self._folder_of(resource)
        self._restore(resource, folder)
        if not folder.is_dir():
            raise ValueError(f"Resource '{resource.name}' does not exist.")
        yield folder

    def files(self) -> dict[str, bytes]:
        """Return all stored files, `<resource>/<path>` → content."""
        root = self._root
        if root is None:
            return dict(self._files)
        return self._files | {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }

    def _folder_of(self, resource: Resource) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="manent-component-"))
            weakref.finalize(self, shutil.rmtree, self._root, ignore_errors=True)
        return self._root / _folder_name(resource)

    def _restore(self, resource: Resource, folder: Path) -> None:
        name = _folder_name(resource)
        if name in self._restored:
            return
        self._restored.add(name)
        for path, content in self._files.items():
            relative = PurePosixPath(path)
            if relative.parts[0] != name or ".." in relative.parts or len(relative.parts) == 1:
                continue
            target = folder.joinpath(*relative.parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _folder_name(resource: Resource) -> str:
    """Return a folder name for a resource, whose name can contain slashes."""
    return f"{quote(resource.name, safe=' ')}_" if not resource.name.strip(".") else quote(resource.name, safe=" ")
