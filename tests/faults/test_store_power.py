"""Power loss: what an append has acknowledged is on the disk, however the disk treats the rest."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from manent.core.errors import StoreError
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import accepted_message
from support.disk import Disk, read_log

HERE = Path(__file__).parent


WRITERS = pytest.mark.parametrize("writer", ["thread", "process"])


def run_load(
    folder: Path, synchronous: str, writer: str, *, appenders: int, turns: int, before: list[str], **more: str
) -> None:
    """Run `store_load.py` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), **more}
    arguments = [str(folder / "store.db"), str(folder / "acks"), str(appenders), str(turns), synchronous, writer]
    subprocess.run(
        [*before, sys.executable, str(HERE / "store_load.py"), *arguments], env=environment, check=True, timeout=120
    )


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled recorder."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (apt install gcc)")
    library = tmp_path_factory.mktemp("recorder") / "writes.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "writes.c"), "-ldl", "-lpthread"],
        check=True,
    )
    return library


async def lost_after_power_loss(folder: Path, log: Path, *, cuts: int, seed: int) -> list[str]:
    """Cut the recorded run at many places; return what was acknowledged before a cut and is not there after it."""
    random = Random(seed)  # noqa: S311 - a seeded test
    writes = list(read_log(log))
    spots = {n + 1 for n, write in enumerate(writes) if write.path.name == "acks"}
    chosen = set(random.sample(sorted(spots), min(cuts, len(spots)))) | set(random.sample(range(len(writes)), cuts))
    disk, acknowledged, lost = Disk(), Counter[str](), []
    for count, write in enumerate(writes, start=1):
        if write.path.name == "acks":
            name, version = write.data.decode().split()
            acknowledged[name] = int(version)
        else:
            disk.take(write)
        if count in chosen:
            for torn in (None, Random(seed + count)):  # noqa: S311
                found = await recovered(folder / f"after-{count}-{torn is not None}", disk.after_power_loss(torn))
                lost += [
                    f"{name} {version} at {count}" for name, version in acknowledged.items() if found[name] < version
                ]
    return lost


def lay_out(folder: Path, files: dict[Path, bytes]) -> None:
    """Put files into a new folder."""
    folder.mkdir()
    for path, content in files.items():
        (folder / path.name).write_bytes(content)


async def recovered(folder: Path, files: dict[Path, bytes]) -> Counter[str]:
    """Open the store from the files that the disk has; return the version of each log, each checked to be whole."""
    await asyncio.to_thread(lay_out, folder, files)
    store = SqliteStore(folder / "store.db", durability="process")
    await store.open()
    versions = Counter[str]()
    for head in await store.conversations():
        entries = await store.entries(head.sender_id)
        assert [entry.seq for entry in entries] == list(range(1, head.version + 1))
        versions[head.sender_id] = head.version
        accepted = await accepted_message(store, head.sender_id, f"{head.version // 4 - 1}")
        assert accepted is not None
        assert accepted.seq == head.version - 3
    await store.close()
    shutil.rmtree(folder)
    return versions


async def record(recorder: Path, folder: Path, synchronous: str, writer: str = "thread") -> Path:
    """Run five appenders on a watched disk; return the log of what they did to it."""
    below = folder / "disk"
    await asyncio.to_thread(below.mkdir)
    log = folder / "writes.log"
    more = {"LD_PRELOAD": str(recorder), "WRITES_BELOW": str(below), "WRITES_LOG": str(log)}
    await asyncio.to_thread(run_load, below, synchronous, writer, appenders=5, turns=12, before=[], **more)
    return log


@WRITERS
async def test_acknowledged_appends_survive_power_loss(recorder: Path, tmp_path: Path, writer: str) -> None:
    """Whatever instant the power goes at, each acknowledged turn is there after it, and each log is whole."""
    log = await record(recorder, tmp_path, "FULL", writer)
    assert await lost_after_power_loss(tmp_path, log, cuts=25, seed=7) == []


@pytest.mark.slow
async def test_acknowledged_appends_survive_power_loss_anywhere(recorder: Path, tmp_path: Path) -> None:
    """The same at hundreds of instants of several runs."""
    for seed in range(6):
        folder = tmp_path / f"run {seed}"
        await asyncio.to_thread(folder.mkdir)
        log = await record(recorder, folder, "FULL", "process" if seed % 2 else "thread")
        assert await lost_after_power_loss(folder, log, cuts=200, seed=seed) == []


async def test_recorder_sees_logs_database_and_checkpoints(recorder: Path, tmp_path: Path) -> None:
    """The recording holds what the judgement needs: writes and syncs of both files, the folder's too, all turns."""
    log = await record(recorder, tmp_path, "FULL")
    seen = Counter((write.kind, write.path.name) for write in read_log(log))

    assert seen["w", "acks"] == 60
    assert seen["s", "store.db-wal"] >= 12
    assert seen["w", "store.db"] > 2
    assert seen["s", "store.db"] > 2
    assert seen["s", "disk"] >= 2


@pytest.mark.parametrize(("synchronous", "writer"), [("OFF", "thread"), ("NORMAL", "thread"), ("NORMAL", "process")])
async def test_power_loss_catches_missing_syncs(recorder: Path, tmp_path: Path, synchronous: str, writer: str) -> None:
    """A store that does not sync each commit is caught: it loses what it acknowledged, or cannot be read at all."""
    log = await record(recorder, tmp_path, synchronous, writer)
    try:
        lost = await lost_after_power_loss(tmp_path, log, cuts=5, seed=7)
    except StoreError as error:
        lost = [error.code]
    assert lost != []


def unsynced_acknowledgements(trace: str) -> tuple[int, list[str]]:
    """Read an `strace -f -y` log; return the count of acknowledgements, and those made before a sync had returned."""
    count, bad = 0, []
    dirty, synced = False, False
    started: dict[str, str] = {}
    for line in trace.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            started[pid] = call.removesuffix("<unfinished ...>")
            if "pwrite64" in call and "store.db-wal" in call:
                dirty, synced = True, False
            continue
        if call.startswith("<..."):
            call = started.pop(pid, "") + call
        if "store.db-wal>" in call and call.startswith("pwrite64"):
            dirty, synced = True, False
        elif "store.db-wal>" in call and re.match(r"(fsync|fdatasync)\(.*= 0$", call):
            dirty, synced = False, True
        elif "/acks>" in call and call.startswith("write("):
            count += 1
            if dirty or not synced:
                bad.append(line)
            synced = False
    return count, bad


def trace_load(folder: Path, synchronous: str, writer: str) -> tuple[int, list[str]]:
    """Run one appender under strace and judge what was seen."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace (apt install strace)")
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("tracing is not allowed here")
    log = folder / "trace"
    before = [strace, "-f", "-y", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o", str(log)]
    run_load(folder, synchronous, writer, appenders=1, turns=30, before=before)
    return unsynced_acknowledgements(log.read_text(errors="replace"))


@WRITERS
def test_sync_returns_before_the_acknowledgement(tmp_path: Path, writer: str) -> None:
    """Seen from the kernel: between an append's last write to the log and its acknowledgement, a sync has returned."""
    assert trace_load(tmp_path, "FULL", writer) == (30, [])


def test_trace_catches_missing_syncs(tmp_path: Path) -> None:
    """Without syncs the same look at the kernel finds every acknowledgement premature."""
    count, bad = trace_load(tmp_path, "OFF", "thread")

    assert (count, len(bad)) == (30, 30)
