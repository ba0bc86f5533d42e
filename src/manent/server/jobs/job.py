"""Runs training and cross-validation jobs in separate processes.

In the server's process, a job would delay every conversation, and its libraries would stay in memory. A
job is a module that runs as a program. It reads its options as JSON from standard input and prints its result as the
last line.
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
    """Run a job. If this call is cancelled, the job is killed.

    Args:
        module: name of the job's module.
        options: options for the job, which calls `read_options`.
        result: type of the value that the job passes to `print_result`.

    Raises:
        RequestError: `training_failed`: the job ended without a result.
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
        raise RequestError(
            "training_failed", f"the job failed: {reason or f'exit status {process.returncode}'}", status=500
        ) from (error)


def read_options(kind: type[Result]) -> Result:
    """Read the options of the job that is running in this process."""
    return msgspec.json.decode(sys.stdin.buffer.read(), type=kind)


def print_result(result: object) -> None:
    """Send the result to the server."""
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(result, enc_hook=str) + b"\n")


async def write_files(files: Mapping[str, str]) -> tempfile.TemporaryDirectory[str]:
    """Write files into a temporary folder, which is removed when the context ends."""
    folder = tempfile.TemporaryDirectory(prefix="manent-job-")
    for name, content in files.items():
        await asyncio.to_thread(Path(folder.name, name).write_text, content, encoding="utf-8")
    return folder
