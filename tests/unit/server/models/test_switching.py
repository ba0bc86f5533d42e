"""Servers of one store use one model: after `PUT /model` to one of them, after a restart, and from a source."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from aiohttp import web

from manent.core.errors import ModelError
from manent.models.archive import read_model, write_model
from manent.server.models import switching
from manent.server.models.switching import SharedModel
from support.action_servers import ScriptedServer
from support.small_talk import Running, assistant, model_file, other_model_file, running, until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one model, which greets with "Hello."."""
    (tmp_path / "models").mkdir()
    copied = shutil.copy(model_file(), tmp_path / "models" / "first.tar.gz")
    os.utime(copied, (1000, 1000))
    return tmp_path


@contextlib.asynccontextmanager
async def serving(root: Path, endpoints: str = "") -> AsyncIterator[Running]:
    """Serve the project with the models of its folder."""
    async with running(root, endpoints=endpoints, model=Path("models"), enable_api=True) as server:
        yield server


async def greeting(server: Running) -> str:
    """Return how the bot greets, or the code of the error."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        answer = (await http.post("/webhooks/rest/webhook", json={"sender": server.url, "message": "hello"})).json()
    return str(answer[0]["text"]) if isinstance(answer, list) else str(answer["details"]["error"])


async def put(server: Running, file: Path) -> httpx.Response:
    """Load a model file with `PUT /model`."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        return await http.put("/model", json={"model_file": str(file)})


async def get(server: Running, path: str) -> httpx.Response:
    """Get a page of the server."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        return await http.get(path)


def uses(server: Running, file: str) -> bool:
    """Return whether a server uses the model of this name."""
    model = server.conversations.engine.model
    return model is not None and model.file == file


async def test_all_servers_switch(root: Path) -> None:
    """`PUT /model` to one server changes both at the same time, and a server that is started later."""
    new = Path(shutil.copy(other_model_file(), root / "new.tar.gz"))
    async with serving(root) as one, serving(root) as two:
        switches: list[float] = []
        for server in (one, two):
            assert await greeting(server) == "Hello."

        async def note(server: Running) -> None:
            await until(lambda: uses(server, "new.tar.gz"))
            switches.append(time.monotonic())

        noted = [asyncio.create_task(note(server)) for server in (one, two)]
        assert (await put(one, new)).status_code == 204
        await asyncio.gather(*noted)

        assert max(switches) - min(switches) < 0.5
        assert [await greeting(server) for server in (one, two)] == ["Good day.", "Good day."]
        async with serving(root) as three:
            assert await greeting(three) == "Good day."


async def test_a_restart_keeps_the_model(root: Path) -> None:
    """The model of `PUT /model` is used after a restart, although its file is gone; so is an older one after it."""
    new = Path(shutil.copy(other_model_file(), root / "new.tar.gz"))
    async with serving(root) as server:
        assert (await put(server, new)).status_code == 204
    await asyncio.to_thread(new.unlink)
    async with serving(root) as server:
        assert await greeting(server) == "Good day."
        assert (await put(server, root / "models" / "first.tar.gz")).status_code == 204
    async with serving(root) as server:
        assert await greeting(server) == "Hello."


async def test_a_newer_file_is_used(root: Path) -> None:
    """After `manent train`, a restart uses what was trained, not what was loaded before."""
    new = Path(shutil.copy(other_model_file(), root / "new.tar.gz"))
    async with serving(root) as server:
        assert (await put(server, new)).status_code == 204
    shutil.copy(model_file(), root / "models" / "trained.tar.gz")
    os.utime(root / "models" / "trained.tar.gz", (time.time() + 60, time.time() + 60))
    async with serving(root) as server:
        assert await greeting(server) == "Hello."


async def test_unloading_is_for_all(root: Path) -> None:
    """`DELETE /model` to one server unloads the model of both, and a later `PUT` loads one for both."""
    async with serving(root) as one, serving(root) as two:
        async with httpx.AsyncClient(base_url=one.url, timeout=60) as http:
            assert (await http.delete("/model")).status_code == 204
        await until(lambda: two.conversations.engine.model is None)
        assert [await greeting(server) for server in (one, two)] == ["no_model", "no_model"]

        assert (await put(two, other_model_file())).status_code == 204
        await until(lambda: uses(one, other_model_file().name))
        assert await greeting(one) == "Good day."
    async with serving(root) as one:
        assert await greeting(one) == "Good day."


async def test_a_bad_model_is_refused(root: Path) -> None:
    """A truncated file, and one of another format, change nothing on any server."""
    content = other_model_file().read_bytes()
    async with serving(root) as server:
        for name, bad in (("cut.tar.gz", content[: len(content) // 2]), ("text.tar.gz", b"not a model")):
            (root / name).write_bytes(bad)
            refused = await put(server, root / name)
            assert (refused.status_code, refused.json()["details"]["error"]) == (400, "model_unusable")
        assert await server.conversations.engine.store.get_meta("model") is None
        assert await greeting(server) == "Hello."


async def test_a_server_that_cannot_load_the_model(root: Path) -> None:
    """It keeps the old one and says so; the others do not wait for it, and it follows the next model."""
    new = Path(shutil.copy(other_model_file(), root / "new.tar.gz"))
    async with serving(root) as one, serving(root) as two:
        shared = shared_model(two)
        load = shared.load

        def refuse(path: Path) -> object:
            raise ModelError("model_format", f"{path.name} has another format")

        shared.load = refuse  # type: ignore[assignment]
        started = time.monotonic()
        assert (await put(one, new)).status_code == 204
        assert time.monotonic() - started < 20
        await until(lambda: shared.problem is not None)
        assert [await greeting(server) for server in (one, two)] == ["Good day.", "Hello."]
        status, ready = (await get(two, "/status")).json(), await get(two, "/health/ready")
        assert (status["model_file"], status["model_problem"]) == ("first.tar.gz", "new.tar.gz has another format")
        assert (ready.status_code, ready.json()["failing"]) == (200, {"model": "model_format"})

        shared.load = load
        assert (await put(one, root / "models" / "first.tar.gz")).status_code == 204
        assert (await put(one, new)).status_code == 204
        await until(lambda: uses(two, "new.tar.gz"))
        assert "model_problem" not in (await get(two, "/status")).json()


def shared_model(server: Running) -> SharedModel:
    """Return the part of a server that follows announcements."""
    found = server.application.models
    assert isinstance(found, SharedModel)
    return found


class ModelServer(ScriptedServer):
    """A model server whose model the test changes."""

    def __init__(self) -> None:
        super().__init__()
        self.content: bytes | None = None
        self.name, self.version, self.is_cut = "bot.tar.gz", 0, False
        self.answer = self._answer

    def offer(self, content: bytes, name: str = "bot.tar.gz") -> None:
        """Offer another model."""
        self.content, self.name, self.version = content, name, self.version + 1

    async def _answer(self, request: web.Request, _body: bytes) -> web.StreamResponse:
        etag = f'"{self.version}"'
        if self.content is None:
            return web.Response(status=404)
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=self.content, headers={"ETag": etag, "filename": self.name})

    @property
    def section(self) -> str:
        """The section of `endpoints.yml`, with a short pause."""
        return f"models:\n  url: {self.url}\n  wait_time_between_pulls: 0.2\n"


@pytest.fixture
async def source() -> AsyncIterator[ModelServer]:
    """A model server without a model."""
    async for served in ModelServer().serve():
        assert isinstance(served, ModelServer)
        yield served


async def test_models_come_from_a_source(root: Path, source: ModelServer) -> None:
    """Both servers use the source's model from the start, and switch together when it has a new one."""
    source.offer(other_model_file().read_bytes())
    async with serving(root, source.section) as one, serving(root, source.section) as two:
        await until(lambda: uses(one, "bot.tar.gz") and uses(two, "bot.tar.gz"))
        assert [await greeting(server) for server in (one, two)] == ["Good day.", "Good day."]
        source.offer(model_file().read_bytes(), "../../next.tar.gz")
        await until(lambda: uses(one, "next.tar.gz") and uses(two, "next.tar.gz"))
        assert [await greeting(server) for server in (one, two)] == ["Hello.", "Hello."]

    kept = {file.name for file in (root / "models").iterdir()}
    assert kept == {"first.tar.gz", "bot.tar.gz", "next.tar.gz"}
    assert (root / "models" / "next.tar.gz").read_bytes() == model_file().read_bytes()


async def test_a_file_of_the_same_name_is_not_overwritten(root: Path, source: ModelServer) -> None:
    """A model of the source with the name of another model in the folder gets another name."""
    source.offer(other_model_file().read_bytes(), "first.tar.gz")
    async with serving(root, source.section) as server:
        await until(lambda: not uses(server, "first.tar.gz"))
        assert await greeting(server) == "Good day."
    assert (root / "models" / "first.tar.gz").read_bytes() == model_file().read_bytes()


async def test_a_bad_model_of_the_source(root: Path, source: ModelServer) -> None:
    """The old model goes on, the server says why it has no newer one, and takes the next good one."""
    source.offer(other_model_file().read_bytes())
    async with serving(root, source.section) as server:
        await until(lambda: uses(server, "bot.tar.gz"))
        source.offer(b"not a model", "bad.tar.gz")
        await until(lambda: shared_model(server).problem is not None)
        ready = await get(server, "/health/ready")
        assert (ready.status_code, ready.json()["failing"]) == (200, {"model source": "model_unusable"})
        assert "bad.tar.gz" in (await get(server, "/status")).json()["model_problem"]
        assert await greeting(server) == "Good day."

        source.offer(model_file().read_bytes(), "good.tar.gz")
        await until(lambda: uses(server, "good.tar.gz"))
        await until(lambda: shared_model(server).problem is None)
        assert "failing" not in (await get(server, "/health/ready")).json()


async def test_a_server_waits_for_its_first_model(root: Path, source: ModelServer) -> None:
    """Without any model the server starts, is not ready, and serves as soon as the source has a model."""
    (root / "models" / "first.tar.gz").unlink()
    async with serving(root, source.section) as server:
        waiting = await get(server, "/health/ready")
        assert (waiting.status_code, waiting.json()["status"]) == (503, "model")
        assert await greeting(server) == "no_model"
        source.offer(model_file().read_bytes())
        await until(lambda: uses(server, "bot.tar.gz"))
        assert ((await get(server, "/health/ready")).status_code, await greeting(server)) == (200, "Hello.")


async def test_a_restart_without_the_source(root: Path, source: ModelServer) -> None:
    """The last model of the source is used, although the source is away and the folder of models is empty."""
    source.offer(other_model_file().read_bytes())
    async with serving(root, source.section) as server:
        await until(lambda: uses(server, "bot.tar.gz"))
    shutil.rmtree(root / "models")
    source.content = None
    async with serving(root, source.section) as server:
        assert await greeting(server) == "Good day."


async def test_old_downloads_are_removed(root: Path) -> None:
    """What a killed server left behind is removed when it is old; another server's download is not."""
    old, new = root / "models" / ".download-old", root / "models" / ".download-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (1000, 1000))
    switching._remove_old_downloads(root / "models")

    assert (old.exists(), new.exists()) == (False, True)


async def test_an_earlier_model_of_the_source_does_not_replace_a_newer_one(root: Path, source: ModelServer) -> None:
    """A server that polls after `PUT /model` knows from the other server that it has no new model."""
    rarely = source.section.replace("0.2", "3600")
    source.offer(model_file().read_bytes())
    async with serving(root, source.section) as one, serving(root, rarely) as two:
        source.offer(other_model_file().read_bytes(), "next.tar.gz")
        await until(lambda: uses(one, "next.tar.gz") and uses(two, "next.tar.gz"))
        assert (await put(one, root / "models" / "first.tar.gz")).status_code == 204
        await until(lambda: uses(two, "first.tar.gz"))
        await shared_model(two)._poll()

        assert [await greeting(server) for server in (one, two)] == ["Hello.", "Hello."]


async def test_a_full_disk_is_a_problem_of_the_model(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot write the announced model keeps its model, and reports the reason."""
    new = Path(shutil.copy(other_model_file(), root / "new.tar.gz"))
    async with serving(root) as server:
        assert (await put(server, new)).status_code == 204
    await asyncio.to_thread(new.unlink)

    @contextlib.contextmanager
    def full(folder: Path) -> Iterator[Path]:
        yield folder / "missing"

    monkeypatch.setattr(switching, "_download_folder", full)
    async with serving(root) as server:
        assert await greeting(server) == "Hello."
        problem = shared_model(server).problem
    assert problem is not None
    assert problem.code == "model_not_stored"


async def test_a_server_without_a_class_of_the_model(root: Path) -> None:
    """A server that lacks a custom class of the announced model starts with its own model, and reports the reason."""
    files = read_model(model_file())
    index = msgspec.json.decode(files["nlu/pipeline.json"])
    index["components"].append({"name": "gone.Component", "options": {}, "folder": "gone", "fingerprint": ""})
    write_model(root / "new.tar.gz", {**files, "nlu/pipeline.json": msgspec.json.encode(index)})
    async with serving(root) as one:
        refused = await put(one, root / "new.tar.gz")
        assert (refused.status_code, refused.json()["details"]["error"]) == (400, "model_unusable")
        shared_model(one).load = lambda _: assistant()  # this server has the class
        assert (await put(one, root / "new.tar.gz")).status_code == 204
        async with serving(root) as two:
            assert await greeting(two) == "Hello."
            problem = shared_model(two).problem
    assert problem is not None
    assert problem.code == "model_unusable"
    assert "gone" in problem.message
