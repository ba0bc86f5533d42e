"""Where new models come from: a model server over real HTTP, and an object store that speaks S3."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from manent.actions.endpoint import read_endpoint
from manent.core.errors import ModelError
from manent.server.models import sources
from manent.server.models.sources import HttpSource, ObjectSource, Source, open_source, remote_source
from support.action_servers import ScriptedServer

CONTENT = b"a model" * 100_000


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A model server that has one model, with an ETag."""
    async for served in ScriptedServer().serve():
        served.answer = has_model
        yield served


async def has_model(request: web.Request, _body: bytes) -> web.StreamResponse:
    """Answer like the model servers for Rasa."""
    headers = {"ETag": '"v1"', "filename": "bot.tar.gz"}
    if request.headers.get("If-None-Match") == '"v1"':
        return web.Response(status=304)
    return web.Response(body=CONTENT, headers=headers)


def http(server: ScriptedServer, **options: Any) -> Source:
    """Return the source that `models:` in `endpoints.yml` configures."""
    opened = open_source({"url": server.url, **options}, None, Path("models"))
    assert opened is not None
    return opened[0]


async def test_a_model_is_downloaded_once(server: ScriptedServer, tmp_path: Path) -> None:
    """The name and the version come from the headers; the next request says what is known, and gets nothing."""
    source, to = http(server), tmp_path / "m"
    found = await source.pull(to, None)
    assert found is not None

    assert (found.name, found.etag, to.read_bytes()) == ("bot.tar.gz", '"v1"', CONTENT)
    assert await source.pull(to, found.etag) is None
    assert "If-None-Match" not in server.requests[0][1]
    assert server.requests[1][1]["If-None-Match"] == '"v1"'


async def test_credentials_are_sent_as_rasa_sends_them(server: ScriptedServer, tmp_path: Path) -> None:
    """Rasa 3.6.21 sent `/webhook?tag=prod&a=b&tn=tok` with these headers for the same section; logs show none of it."""
    source = http(
        server,
        url=server.url + "?tag=prod",
        token="tok",  # noqa: S106  # not a real one
        token_name="tn",  # noqa: S106
        params={"a": "b"},
        headers={"X-H": "v"},
        basic_auth={"username": "u", "password": "p"},
    )
    await source.pull(tmp_path / "m", None)
    path, headers, _ = server.requests[0]

    assert path == "/webhook?tag=prod&a=b&tn=tok"
    assert (headers["X-H"], headers["Authorization"]) == ("v", "Basic dTpw")
    assert source.name == server.url


async def test_model_is_downloaded_as_it_is(server: ScriptedServer, tmp_path: Path) -> None:
    """A server that compresses its answers for clients that accept this sends the model without compression."""

    async def compress(request: web.Request, _body: bytes) -> web.StreamResponse:
        answer = web.Response(body=CONTENT)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            answer.enable_compression(web.ContentCoding.gzip)
        return answer

    server.answer = compress
    await http(server).pull(tmp_path / "m", None)

    assert (tmp_path / "m").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 401, 500])
async def test_errors_of_a_model_server(server: ScriptedServer, tmp_path: Path, status: int) -> None:
    """The error names the status."""

    async def refuse(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=status)

    server.answer = refuse
    with pytest.raises(ModelError, match=f"status {status}"):
        await http(server).pull(tmp_path / "m", None)


@pytest.mark.parametrize("status", [204, 304])
async def test_no_new_model(server: ScriptedServer, tmp_path: Path, status: int) -> None:
    """Rasa's model servers answer 204 or 304 when there is nothing new."""

    async def unchanged(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=status)

    server.answer = unchanged
    assert await http(server).pull(tmp_path / "m", '"v1"') is None


async def test_incomplete_and_slow_downloads_end(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that ends too early, or that does not arrive, is an error, not a model."""
    monkeypatch.setattr(sources, "READ_TIMEOUT_S", 0.3)

    async def truncated(request: web.Request, _body: bytes) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(CONTENT))})
        await answer.prepare(request)
        await answer.write(CONTENT[:1000])
        assert request.transport is not None
        request.transport.close()
        return answer

    async def slow(request: web.Request, _body: bytes) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(CONTENT))})
        await answer.prepare(request)
        await answer.write(CONTENT[:1000])
        await asyncio.sleep(5)
        return answer

    for answer in (truncated, slow):
        server.answer = answer
        started = time.monotonic()
        with pytest.raises(ModelError, match="could not be used"):
            await http(server).pull(tmp_path / "m", None)
        assert time.monotonic() - started < 4


async def test_large_models_are_refused(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the announced nor the received size may be above the limit."""
    monkeypatch.setattr(sources, "MAX_DOWNLOAD", 1000)

    async def chunked(request: web.Request, _body: bytes) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(CONTENT)
        return answer

    for answer in (has_model, chunked):
        server.answer = answer
        with pytest.raises(ModelError, match="too large"):
            await http(server).pull(tmp_path / "m", None)


async def test_a_server_that_is_away(tmp_path: Path) -> None:
    """The error names the server."""
    source = HttpSource(read_endpoint("models", {"url": "http://127.0.0.1:9/x"}))
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9/x"):
        await source.pull(tmp_path / "m", None)


async def test_models_on_a_shared_disk(tmp_path: Path) -> None:
    """`file://` uses the newest archive of a folder, or one file."""
    shared = tmp_path / "shared models"
    shared.mkdir()
    (shared / "notes.txt").write_text("no model")
    folder, to = ObjectSource(shared.as_uri()), tmp_path / "m"
    with pytest.raises(ModelError, match="there is no model"):
        await folder.pull(to, None)
    (shared / "old.tar.gz").write_bytes(b"old")
    os.utime(shared / "old.tar.gz", (1, 1))
    (shared / "new.tar.gz").write_bytes(b"new")
    newest = await folder.pull(to, None)
    assert newest is not None
    assert (newest.name, to.read_bytes()) == ("new.tar.gz", b"new")
    assert await folder.pull(to, newest.etag) is None
    (shared / "new.tar.gz").write_bytes(b"newer")
    assert await folder.pull(to, newest.etag) is not None
    assert to.read_bytes() == b"newer"

    one = await ObjectSource(f"{shared.as_uri()}/old.tar.gz").pull(to, None)
    assert one is not None
    assert (one.name, to.read_bytes()) == ("old.tar.gz", b"old")
    with pytest.raises(ModelError, match="no model could be read from"):
        await ObjectSource((tmp_path / "nowhere").as_uri()).pull(to, None)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of a server that speaks S3, with an empty bucket `models`."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    boto3 = pytest.importorskip("boto3")
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "BUCKET_NAME": "models",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="models")
        yield client
        client.close()
    server.stop()


async def test_models_in_s3(s3: Any, tmp_path: Path) -> None:
    """The newest object below the prefix, or the named object; again only when it has changed."""
    to = tmp_path / "m"
    await asyncio.to_thread(s3.put_object, Bucket="models", Key="bots/one.tar.gz", Body=CONTENT)
    below = ObjectSource("s3://models/bots/")
    found = await below.pull(to, None)
    assert found is not None

    assert (found.name, to.read_bytes()) == ("one.tar.gz", CONTENT)
    assert await below.pull(to, found.etag) is None
    await asyncio.to_thread(s3.put_object, Bucket="models", Key="bots/one.tar.gz", Body=b"changed")
    assert await below.pull(to, found.etag) is not None
    assert to.read_bytes() == b"changed"
    with pytest.raises(ModelError, match="no model could be read from s3://models/bots/two"):
        await ObjectSource("s3://models/bots/two.tar.gz").pull(to, None)


async def test_remote_storage_of_rasa(s3: Any, tmp_path: Path) -> None:
    """`--remote-storage aws -m three.tar.gz` uses this object of the bucket in `BUCKET_NAME`."""
    await asyncio.to_thread(s3.put_object, Bucket="models", Key="three.tar.gz", Body=b"three")
    opened = open_source(None, "aws", Path("models/three.tar.gz"))
    assert opened is not None
    found = await opened[0].pull(tmp_path / "m", None)

    assert opened[0].name == "s3://models/three.tar.gz"
    assert found is not None
    assert (tmp_path / "m").read_bytes() == b"three"


def test_remote_storage_that_is_not_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing variable, or what is expected."""
    monkeypatch.delenv("AZURE_CONTAINER", raising=False)
    with pytest.raises(ModelError, match="needs the environment variable AZURE_CONTAINER"):
        remote_source("azure")
    with pytest.raises(ModelError, match="expected aws, gcs, azure, or a URL"):
        remote_source("my_module.Storage")


def test_the_pause_between_two_polls() -> None:
    """100 s as in Rasa; null and 0 load the model once."""
    pauses = [
        open_source({"url": "http://x/", **options}, None, Path())
        for options in ({}, {"wait_time_between_pulls": 2}, {"wait_time_between_pulls": None})
    ]

    assert [opened and opened[1] for opened in pauses] == [100.0, 2.0, 0.0]
    assert open_source(None, None, Path("models")) is None
