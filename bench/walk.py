"""Count Manent's function calls and files that process one message on the event loop's thread.

    python bench/walk.py [--list]

The program serves the assistant of `manent init` in this process and talks to it over a plain Socket.IO socket from a
second thread. After a few other messages, it records one "hello" with `sys.setprofile`. It prints the number of calls,
of files, and of *stays*. A stay is a sequence of consecutive calls in one file. The number of stays therefore shows how
often a reader who follows the message must change to another file. --list prints the stays in order.
"""

import argparse
import asyncio
import itertools
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
from load import Talker
from project import trained
from servers import MANENT, ROOT

from manent.cli.main import main as manent

OURS = str(ROOT / "src" / "manent") + os.sep
WARM_UP = 5


class Recorder:
    """Records the calls of Manent's functions on this thread, as `file:function`."""

    def __init__(self) -> None:
        self.on = False
        self.calls: list[tuple[str, str]] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Record a call. Called by `sys.setprofile`."""
        if self.on and event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.calls.append((frame.f_code.co_filename.removeprefix(OURS), frame.f_code.co_qualname))


async def talk(url: str, recorder: Recorder) -> None:
    """Send "hello" a few times. Record the last message, from sending it until shortly after its reply."""
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                talker = await Talker(http, url).open()
                break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        for _ in range(WARM_UP):
            await talker.ask("hello")
            await asyncio.sleep(0.2)
        recorder.on = True
        await talker.ask("hello")
        await asyncio.sleep(0.2)
        recorder.on = False
        await talker.close()


def main() -> None:
    """Serve the assistant, send messages and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    recorder = Recorder()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def client() -> None:
        try:
            asyncio.run(talk(f"http://127.0.0.1:{port}", recorder))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(trained(MANENT, Path(folder) / "bot"))
        threading.Thread(target=client, daemon=True).start()
        sys.setprofile(recorder)
        try:
            manent(["run", "-i", "127.0.0.1", "-p", str(port), "--quiet"])
        except SystemExit:
            pass
        finally:
            sys.setprofile(None)
            os.chdir(ROOT)
        time.sleep(0.1)
    stays = [(file, list(calls)) for file, calls in itertools.groupby(recorder.calls, key=lambda call: call[0])]
    if chosen.list:
        for file, calls in stays:
            print(f"{file}: {', '.join(name for _, name in calls)}")
    files = {file for file, _ in recorder.calls}
    print(f"{len(recorder.calls)} calls, {len(files)} files, {len(stays)} stays")
    entered = {file: sum(one == file for one, _ in stays) for file in files}
    for file, times in sorted(entered.items(), key=lambda item: -item[1])[:8]:
        print(f"  {times:3} stays in {file}")


if __name__ == "__main__":
    main()
