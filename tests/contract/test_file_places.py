"""Every place of files keeps the same rules: a folder, and an object store that speaks S3."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from manent.core.errors import StoreError
from manent.files.folder import Folder
from manent.files.object_store import ObjectPlace
from manent.runtime.ports.files import Place

IDS = ["0a" * 16, "0b" * 16, "0c" * 16]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of an empty bucket on a server that speaks S3."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("obstore")
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="files")
        client.close()
        yield "s3://files/of/visitors"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each kind of place in turn, opened."""
    found: Place
    if request.param == "folder":
        found = Folder(tmp_path / "new" / "files")
    else:
        found = ObjectPlace(request.getfixturevalue("bucket"))
    await found.open()
    return found


async def read(place: Place, file_id: str) -> bytes:
    """Return the bytes of a file."""
    return b"".join([piece async for piece in place.read(file_id)])


def files_below(folder: Path) -> list[Path]:
    """Return all files in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1, 300_000, 12_000_000])
async def test_files_are_read_unchanged(place: Place, size: int) -> None:
    """A file is read unchanged, even if it is stored in several parts."""
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await place.put(IDS[0], io.BytesIO(content))
    assert await read(place, IDS[0]) == content


async def test_removal(place: Place) -> None:
    """Removed files cannot be read. A removal ignores unknown files, and can be repeated."""
    for file_id in IDS[:2]:
        await place.put(file_id, io.BytesIO(b"content"))
    await place.remove(IDS[1:])
    await place.remove(IDS[1:])
    assert await read(place, IDS[0]) == b"content"
    for file_id in IDS[1:]:
        with pytest.raises(StoreError, match=re.escape(place.name)):
            await read(place, file_id)


async def test_unfinished_files(tmp_path: Path) -> None:
    """After a crash during a write, the file does not exist, and a removal leaves nothing."""
    place = Folder(tmp_path)
    await place.put(IDS[0], io.BytesIO(b"content"))
    (path,) = files_below(tmp_path)
    path.rename(path.with_name(IDS[0] + ".part"))
    with pytest.raises(StoreError):
        await read(place, IDS[0])
    await place.remove(IDS)
    assert files_below(tmp_path) == []


async def test_places_that_cannot_be_used(tmp_path: Path, bucket: str) -> None:
    """The error names the place."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"the folder of files .* cannot be used"):
        await Folder(tmp_path / "file").open()
    place = ObjectPlace(bucket.replace("files", "nowhere"))
    await place.open()
    with pytest.raises(StoreError, match="the object store s3://nowhere/of/visitors cannot be used"):
        await place.put(IDS[0], io.BytesIO(b"content"))
