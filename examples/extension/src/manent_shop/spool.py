"""An event broker: one file for each message, in a folder that another program empties."""

import os
from pathlib import Path

import msgspec


class SpoolOptions(msgspec.Struct):
    folder: str = "spool"


class SpoolBroker:
    options = SpoolOptions

    def __init__(self, options):
        self.folder = Path(options.folder)

    async def connect(self):
        self.folder.mkdir(parents=True, exist_ok=True)

    async def publish(self, messages):
        for message in messages:
            path = self.folder / f"{len(list(self.folder.iterdir())):012}.json"
            with path.open("xb") as file:
                file.write(message.body)
                os.fsync(file.fileno())

    async def close(self): ...
