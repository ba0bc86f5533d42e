"""Filling a disk to its last byte."""

import io
from pathlib import Path

import pytest


def fill(folder: Path) -> Path:
    """Write until nothing fits any more."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        write_for_ever(filler)
    return path


def write_for_ever(file: io.FileIO) -> None:
    """Write until the disk stops it."""
    while True:
        file.write(bytes(4096))
