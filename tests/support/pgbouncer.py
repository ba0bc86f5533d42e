"""A real PgBouncer for tests, in transaction mode, in front of a `Cluster`."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.ports import free_port
from support.postgres import ACCOUNT, Cluster


def program() -> str | None:
    """Return the path of PgBouncer's program, or None if it is not installed."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


@contextmanager
def bouncer(cluster: Cluster, *, connections: int = 3, more: str = "") -> Iterator[int]:
    """Run PgBouncer; yield its port on 127.0.0.1.

    Args:
        cluster: the server that it connects to.
        connections: number of connections to each database; a low number makes clients share connections.
        more: additional lines of its configuration.
    """
    found = program()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="manent-pgbouncer-"))
    folder.chmod(0o755)
    port = free_port()
    (folder / "users.txt").write_text(f'"{ACCOUNT}" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={cluster.folder}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users.txt\npool_mode = transaction\n"
        f"default_pool_size = {connections}\nmax_client_conn = 500\n{more}\n"
    )
    account = ["runuser", "-u", ACCOUNT, "--"] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*account, found, str(folder / "pgbouncer.ini")], stdout=log, stderr=log)
        try:
            _wait(process, port, folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(10)
            shutil.rmtree(folder)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return
