"""A real MariaDB for tests: a temporary server that writes only to a temporary folder."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from support.ports import free_port
from support.processes import wait_for
from support.programs import program

HINT = "apt install mariadb-server"
PASSWORD = "secret"  # noqa: S105  # of a server that lasts as long as a test


def answers(url: str) -> bool:
    """Return whether a database accepts a connection."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        engine.connect().close()
    except sa.exc.OperationalError:
        return False
    return True


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run a new server, and yield the URL of its empty database `rasa`. Skip the test if MariaDB is not installed."""
    install, server = program("mariadb-install-db", HINT), program("mariadbd", HINT)
    folder, port = Path(tempfile.mkdtemp(prefix="manent-mariadb-")), free_port()
    try:
        user = ["--no-defaults", "--user=root", f"--datadir={folder}/data"]
        method = "--auth-root-authentication-method=normal"
        subprocess.run([install, *user, method, "--skip-test-db"], capture_output=True, check=True)
        (folder / "start.sql").write_text(
            f"CREATE DATABASE rasa CHARACTER SET utf8mb4;\nCREATE USER ada@127.0.0.1 IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON rasa.* TO ada@127.0.0.1;\n"
        )
        place = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket"]
        process = subprocess.Popen(
            [server, *user, *place, f"--init-file={folder}/start.sql", "--innodb-flush-log-at-trx-commit=0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"mysql+pymysql://ada:{PASSWORD}@127.0.0.1:{port}/rasa"
            wait_for(lambda: answers(url), "MariaDB")
            yield url
        finally:
            process.kill()
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
