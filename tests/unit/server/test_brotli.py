"""Appending to a Brotli stream."""

import shutil
import subprocess

import pytest

from manent.server.brotli import MAX_LENGTH, append

NODE = shutil.which("node")
OPEN = """
const { createBrotliCompress, constants } = require("node:zlib");
const stream = createBrotliCompress();
stream.on("data", (chunk) => process.stdout.write(chunk));
stream.write("const code = 'a text, a text, a text';\\n".repeat(50));
stream.flush(constants.BROTLI_OPERATION_FLUSH);
"""
UNPACK = """
const { brotliDecompressSync } = require("node:zlib");
const { readFileSync } = require("node:fs");
process.stdout.write(brotliDecompressSync(readFileSync(0)));
"""


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@pytest.mark.parametrize("length", [0, 1, 500, MAX_LENGTH, MAX_LENGTH + 1, 3 * MAX_LENGTH - 7])
def test_appended_data_is_decoded(length: int) -> None:
    """A decoder returns the content of the stream and then the appended data, whatever their length."""
    assert NODE is not None
    stream = subprocess.run([NODE, "-e", OPEN], capture_output=True, check=True).stdout
    data = bytes(number * 7 % 251 for number in range(length))
    decoded = subprocess.run([NODE, "-e", UNPACK], input=append(stream, data), capture_output=True, check=True).stdout

    assert decoded == b"const code = 'a text, a text, a text';\n" * 50 + data
