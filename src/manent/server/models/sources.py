"""The sources of new models: a model server, as in Rasa, or an object store.

`switching.py` polls the source that `models:` in `endpoints.yml` or `--remote-storage` selects. Its addresses are not
restricted, because the server's owner configures them. A source writes the download to a file and does not check its
content.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol
from urllib.parse import urlsplit

from manent.actions.endpoint import EndpointConfig, read_endpoint
from manent.core.errors import ModelError
from manent.core.events import Json

if TYPE_CHECKING:
    import aiohttp
    from obstore.store import ObjectStore

DOWNLOAD_TIMEOUT_S: Final = 300.0
READ_TIMEOUT_S: Final = 30.0
"""Maximum wait for the next bytes of a download."""

MAX_DOWNLOAD: Final = 256 * 1024**2
"""Maximum size of a downloaded model in bytes."""

MAX_OBJECTS: Final = 10_000
"""Maximum number of objects among which the newest model is searched."""

DEFAULT_WAIT_S: Final = 100.0
"""Default pause between two polls, as in Rasa."""

UNCOMPRESSED: Final = {"Accept-Encoding": "identity"}
"""Header of a request for a model. A model is compressed already, and a second compression would make it unreadable."""

_PIECE: Final = 1 << 20
_SUFFIX: Final = ".tar.gz"
_UNCHANGED: Final = (204, 304)
_OBJECT_STORES: Final = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "file")
_REMOTE_STORAGE: Final = {
    "aws": ("s3://{BUCKET_NAME}", {"endpoint": "AWS_ENDPOINT_URL"}),
    "gcs": ("gs://{BUCKET_NAME}", {"service_account": "GOOGLE_APPLICATION_CREDENTIALS"}),
    "azure": (
        "az://{AZURE_CONTAINER}",
        {"account_name": "AZURE_ACCOUNT_NAME", "account_key": "AZURE_ACCOUNT_KEY"},
    ),
}
"""Rasa's name for an object store → its URL and options, which come from Rasa's environment variables."""


@dataclass(frozen=True, slots=True)
class Download:
    """A model that was downloaded from a source.

    Attributes:
        name: the model's file name at the source.
        etag: the model's version, or None if the source reports no versions.
    """

    name: str
    etag: str | None


class Source(Protocol):
    """A source of new models.

    Attributes:
        name: name for log messages, without secrets.
    """

    name: str

    async def pull(self, to: Path, etag: str | None) -> Download | None:
        """Download the model to the file `to`. Return None, without a download, if the model's version is still `etag`.

        Raises:
            ModelError: the source cannot be reached or has no model, or its model is too large or incomplete.
        """


class HttpSource:
    """A model server, which responds to `GET` with the model and an `ETag`, or with 304 if `If-None-Match` matches.

    Args:
        config: URL, headers and query parameters.
    """

    def __init__(self, config: EndpointConfig) -> None:
        place = urlsplit(config.url)
        self.name = f"{place.scheme}://{place.hostname}{f':{place.port}' if place.port else ''}{place.path}"
        self._config = config

    async def pull(self, to: Path, etag: str | None) -> Download | None:
        """See `Source.pull`."""
        import aiohttp

        config = self._config
        context: Any = ssl.create_default_context(cafile=config.cafile) if config.cafile else True
        headers = {**UNCOMPRESSED, **config.headers, **({"If-None-Match": etag} if etag else {})}
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
                session.get(config.url, params=config.params, headers=headers, ssl=context, max_redirects=5) as answer,
            ):
                if answer.status in _UNCHANGED:
                    return None
                return await save_answer(answer, to)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError includes timeouts
            raise ModelError(
                "model_server", f"the model server {self.name} could not be used: {error or type(error).__name__}"
            ) from error


class ObjectSource:
    """An object in an object store, or the newest `.tar.gz` below a prefix.

    Args:
        url: `s3://bucket/models/`, `gs://bucket/models/one.tar.gz`, `az://container`, `file:///srv/models`, …
        options: options for the object store, in addition to those that obstore reads from the environment.
    """

    def __init__(self, url: str, options: Mapping[str, str] | None = None) -> None:
        place = urlsplit(url)
        self.name = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"
        folder, _, last = place.path.rpartition("/")
        self._object = last if last.endswith(_SUFFIX) else None
        self._url = f"{place.scheme}://{place.netloc}{folder if self._object else place.path}"
        self._options = dict(options or {})
        self._opened: ObjectStore | None = None

    async def pull(self, to: Path, etag: str | None) -> Download | None:
        """See `Source.pull`."""
        try:
            from obstore.exceptions import BaseError
        except ImportError as error:
            raise ModelError(
                "models_extra", f"models from {self.name} require the extra `models`: pip install 'manent[models]'"
            ) from error
        try:
            return await self._pull(to, etag)
        except (BaseError, OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]  # the full text contains long internal structures
            raise ModelError("model_server", f"no model could be read from {self.name}: {reason}") from error

    async def _pull(self, to: Path, etag: str | None) -> Download | None:
        import obstore

        store = self._open()
        name = self._object or await self._newest(store)
        head = await obstore.head_async(store, name)
        version = f"{name} {head.get('e_tag') or head['last_modified'].isoformat()}"
        if version == etag:
            return None
        if head["size"] > MAX_DOWNLOAD:
            raise _too_large(self.name)
        found = await obstore.get_async(store, name)
        await _save(found.stream(min_chunk_size=_PIECE), to, self.name)
        read = found.meta
        return Download(PurePosixPath(name).name, f"{name} {read.get('e_tag') or read['last_modified'].isoformat()}")

    async def _newest(self, store: "ObjectStore") -> str:
        import obstore

        newest, count = None, 0
        async for page in obstore.list(store):
            count += len(page)
            for found in page:
                if found["path"].endswith(_SUFFIX) and (
                    newest is None or found["last_modified"] > newest["last_modified"]
                ):
                    newest = found
            if count > MAX_OBJECTS:
                raise ModelError(
                    "model_server",
                    f"{self.name} contains more than {MAX_OBJECTS:,} objects: use a folder that contains only models",
                )
        if newest is None:
            raise ModelError("model_server", f"there is no model at {self.name}: expected a file *{_SUFFIX}")
        return newest["path"]

    def _open(self) -> "ObjectStore":
        from obstore.store import from_url

        if self._opened is None:
            options: dict[str, Any] = {"config": self._options} if self._options else {}
            scheme = urlsplit(self._url).scheme
            if scheme != "file":
                is_plain = any(value.startswith("http://") for value in _addresses(self._options))
                options["client_options"] = {
                    "timeout": f"{DOWNLOAD_TIMEOUT_S:.0f}s",
                    "connect_timeout": "10s",
                    "allow_http": is_plain,
                }
            self._opened = from_url(self._url, **options)
        return self._opened


def open_source(models: Json | None, remote_storage: str | None, model: Path) -> tuple[Source, float] | None:
    """Return the configured source and the pause between two polls in seconds. With 0, the server polls once.

    Args:
        models: the section `models:` in `endpoints.yml`.
        remote_storage: value of `--remote-storage`: `aws`, `gcs`, `azure` or a URL. It takes precedence over `models`.
        model: value of `--model`. If it ends with `.tar.gz`, it is the name of the object in the remote storage.

    Raises:
        ModelError: an environment variable is missing, or the kind of storage is unknown.
        ProjectError: an option in `models` has the wrong type.
    """
    wait_s = float((models or {}).get("wait_time_between_pulls", DEFAULT_WAIT_S) or 0)
    if remote_storage is not None:
        name = model.name if model.name.endswith(_SUFFIX) else ""
        return remote_source(remote_storage, name), wait_s
    if models is None:
        return None
    url = str(models["url"])
    if url.lower().startswith(("http://", "https://")):
        return HttpSource(read_endpoint("models", models)), wait_s
    return ObjectSource(url), wait_s


def remote_source(storage: str, name: str = "") -> ObjectSource:
    """Return the source that `--remote-storage` specifies.

    Args:
        storage: `aws`, `gcs`, `azure` or the URL of an object store.
        name: name of the object, or "" for the newest model. It is not used if `storage` is a URL, because the URL
            contains the name.

    Raises:
        ModelError: an environment variable is missing, or the kind of storage is unknown.
    """
    if urlsplit(storage).scheme.lower() in _OBJECT_STORES:
        return ObjectSource(storage)
    kind = _REMOTE_STORAGE.get(storage.lower())
    if kind is None:
        raise ModelError(
            "remote_storage",
            f"unknown remote storage {storage!r}: expected {', '.join(_REMOTE_STORAGE)}, or a URL such as"
            " s3://bucket/models (custom classes are not supported)",
        )
    url, variables = kind
    try:
        url = url.format_map(os.environ)
    except KeyError as error:
        raise ModelError(
            "remote_storage", f"--remote-storage {storage} needs the environment variable {error.args[0]}"
        ) from error
    options = {option: os.environ[variable] for option, variable in variables.items() if variable in os.environ}
    return ObjectSource(f"{url}/{name}", options)


async def save_answer(answer: "aiohttp.ClientResponse", to: Path) -> Download:
    """Write the model in a model server's response to a file, piece by piece.

    Raises:
        ModelError: `model_server`: the status is not 200, or the model is too large.
    """
    if 300 <= answer.status < 400:  # noqa: PLR2004  # the status codes of redirects
        raise ModelError(
            "model_server",
            f"the model server answered with a redirect (status {answer.status}), which is not followed: use the URL"
            " of the model itself",
        )
    if answer.status != 200:  # noqa: PLR2004
        raise ModelError("model_server", f"the model server answered with status {answer.status}")
    if (answer.content_length or 0) > MAX_DOWNLOAD:
        raise _too_large("the model server")
    await _save(answer.content.iter_chunked(_PIECE), to, "the model server")
    return Download(answer.headers.get("filename") or "model.tar.gz", answer.headers.get("ETag"))


async def _save(pieces: AsyncIterable[Any], to: Path, source: str) -> None:
    size = 0
    with _opened(to, source) as file:
        async for piece in pieces:
            size += len(piece)
            if size > MAX_DOWNLOAD:
                raise _too_large(source)
            try:
                await asyncio.to_thread(_write, file, bytes(piece))
            except OSError as error:
                raise _not_stored(to, source, error) from error


def _write(file: BinaryIO, piece: bytes) -> None:
    file.write(piece)
    file.flush()


def _opened(to: Path, source: str) -> BinaryIO:
    try:
        return to.open("wb")
    except OSError as error:
        raise _not_stored(to, source, error) from error


def _not_stored(to: Path, source: str, error: OSError) -> ModelError:
    return ModelError("model_not_stored", f"the model from {source} cannot be written to {to.parent}: {error}")


def _too_large(source: str) -> ModelError:
    return ModelError("model_server", f"the model on {source} is too large (limit {MAX_DOWNLOAD:,} bytes)")


def _addresses(options: Mapping[str, str]) -> list[str]:
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AZURE_STORAGE_ENDPOINT")
    return [*options.values(), *(os.environ.get(name, "") for name in names)]
