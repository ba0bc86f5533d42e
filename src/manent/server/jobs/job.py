"""Work that computes for seconds, in a process of its own: training and cross-validation on request.

In this process every conversation would wait for it, and its libraries would stay in memory. A job is a module that is
run as a program: its options are one JSON document on standard input, its result is the last line that it prints.
"""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from manent.core.errors import RequestError

Result = TypeVar("Result")


async def run_job(module: str, options: object, result: type[Result]) -> Result:
    """Run a job; it is killed when nobody waits for it any more.

    Args:
        module: its name.
        options: what `read_options` hands to it.
        result: type of what it hands to `print_result`.

    Raises:
        RequestError: `training_failed`; it ended without a result.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        stdout, stderr = await process.communicate(msgspec.json.encode(options))
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    try:
        return msgspec.json.decode(stdout.rstrip().rpartition(b"\n")[2], type=result)
    except msgspec.DecodeError as error:
        reason = stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RequestError("training_failed", f"the job ended with {reason or process.returncode}", status=500) from (
            error
        )


def read_options(kind: type[Result]) -> Result:
    """Return the options of the job that this process is."""
    return msgspec.json.decode(sys.stdin.buffer.read(), type=kind)


def print_result(result: object) -> None:
    """Hand the result back."""
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(result, enc_hook=str) + b"\n")


async def write_files(files: Mapping[str, str]) -> tempfile.TemporaryDirectory[str]:
    """Write files into a folder that goes when its context is left."""
    folder = tempfile.TemporaryDirectory(prefix="manent-job-")
    for name, content in files.items():
        await asyncio.to_thread(Path(folder.name, name).write_text, content, encoding="utf-8")
    return folder
