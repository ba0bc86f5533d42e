"""A real PostgreSQL for tests: a temporary cluster that listens on a socket in a temporary folder."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg

ACCOUNT = "postgres"
"""The account for tests that run as root, because PostgreSQL refuses to run as root. Debian's package creates it."""


def programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs; None if they are not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class Cluster:
    """A database server.

    Args:
        folder: an empty folder that other accounts can enter.
        bin_folder: contains PostgreSQL's programs.
        durable: whether commits are synced, as on a production server.
        settings: additional settings, `name=value`.

    Attributes:
        socket: the Unix socket that it listens on.
    """

    def __init__(self, folder: Path, bin_folder: Path, *, durable: bool, settings: Sequence[str] = ()) -> None:
        self._data = folder / "data"
        self._bin = bin_folder
        self._options = f"-k {folder} -c listen_addresses='' -c fsync={'on' if durable else 'off'}"
        self._options += "".join(f" -c {setting}" for setting in settings)
        self._as = []
        self._databases = 0
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT)
            self._as = ["runuser", "-u", ACCOUNT, "--"]
        self.folder = folder
        self.socket = folder / ".s.PGSQL.5432"
        self.dsn = f"postgresql://{ACCOUNT}@/postgres?host={folder}"
        self._run("initdb", "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._bin / program), "-D", str(self._data), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60)

    def start(self) -> None:
        """Start the server; return when it accepts connections."""
        log = str(self._data.parent / "log")
        self._run("pg_ctl", "-w", "-l", log, "-o", self._options, "start")

    def new_database(self) -> str:
        """Create another, empty database; return its address."""
        self._databases += 1
        name = f"test_{self._databases}"

        async def make() -> None:
            connection = await asyncpg.connect(self.dsn)
            await connection.execute(f"CREATE DATABASE {name}")
            await connection.close()

        asyncio.run(make())
        return f"postgresql://{ACCOUNT}@/{name}?host={self.folder}"

    def stop(self, mode: str = "fast") -> None:
        """Stop the server. `fast` closes connections; `immediate` has the same effect as a crash."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")


@contextmanager
def running(bin_folder: Path, *, durable: bool = False, settings: Sequence[str] = ()) -> Iterator[Cluster]:
    """Run a new cluster in a separate folder, which is removed at the end.

    The folder is not below pytest's folder, which other accounts cannot enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="manent-postgresql-"))
    folder.chmod(0o755)
    try:
        cluster = Cluster(folder, bin_folder, durable=durable, settings=settings)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)
