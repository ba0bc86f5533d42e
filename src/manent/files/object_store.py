"""An object store in which files are stored: S3 and compatible servers, Google Cloud Storage, Azure."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

from manent.core.errors import Problem, ProjectError, StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE: Final = 1 << 18
"""Number of bytes that are read at once."""

TIMEOUT: Final = "60s"
CONNECT_TIMEOUT: Final = "10s"

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AZURE_STORAGE_ENDPOINT")


class ObjectPlace:
    """Implements `Place`. Credentials and options come from the environment, which obstore reads.

    Args:
        url: bucket and prefix, for example `s3://bucket/files`.
    """

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.name = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"
        self._url = url
        self._opened: ObjectStore | None = None

    async def open(self) -> None:
        """See `Place.open`. This does not connect."""
        try:
            from obstore.store import from_url
        except ImportError as error:
            raise ProjectError(
                [
                    Problem(
                        file="credentials.yml",
                        line=0,
                        path="files.place",
                        code="credentials.place",
                        found=self.name,
                        expected="the extra `models`, which object stores require",
                        suggestion="Install it: pip install 'manent[models]'",
                    )
                ]
            ) from error
        is_plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
        client: Any = {"timeout": TIMEOUT, "connect_timeout": CONNECT_TIMEOUT, "allow_http": is_plain}
        with self._translated():
            self._opened = from_url(self._url, client_options=client)

    async def put(self, file_id: str, content: BinaryIO) -> None:
        """See `Place.put`. An object becomes visible only when it is complete."""
        import obstore

        with self._translated():
            await obstore.put_async(self._store, file_id, content)

    async def read(self, file_id: str) -> AsyncIterator[bytes]:
        """See `Place.read`."""
        import obstore

        with self._translated():
            found = await obstore.get_async(self._store, file_id)
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)

    async def remove(self, file_ids: Sequence[str]) -> None:
        """See `Place.remove`."""
        import obstore

        with self._translated():
            for file_id in file_ids:
                try:
                    await obstore.delete_async(self._store, file_id)
                except FileNotFoundError:
                    continue

    @property
    def _store(self) -> "ObjectStore":
        assert self._opened is not None  # noqa: S101  # the server opens the place before it accepts requests
        return self._opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]  # the full text contains long internal structures
            raise StoreError("files_unavailable", f"the object store {self.name} cannot be used: {reason}") from error
