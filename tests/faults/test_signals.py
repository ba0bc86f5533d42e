"""A real server that gets SIGHUP, and its secrets from files: it reads what has changed and goes on."""

import asyncio
import os
import pty
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faults.servers import Fleet, Server, fleet, until
from support.ports import free_port
from support.processes import MANENT, listens, manent, wait_for


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fleet]:
    """A project on SQLite."""
    with fleet(tmp_path / "project") as found:
        yield found


def make_certificate(folder: Path, name: str) -> None:
    """Write `cert.pem` and `key.pem` for a name."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


def served_certificate(port: int) -> str:
    """Return the certificate that a new connection gets."""
    return ssl.get_server_certificate(("127.0.0.1", port))


async def test_hangup_reads_the_certificate_and_opens_the_log_again(servers: Fleet, tmp_path: Path) -> None:
    """New connections get the new certificate, and lines go to a new file; a bad certificate changes nothing."""
    make_certificate(tmp_path, "first")
    log, options = tmp_path / "server.log", ("--ssl-certificate", str(tmp_path / "cert.pem"))
    server = servers.start(
        *options, "--ssl-keyfile", str(tmp_path / "key.pem"), "--log-file", str(log), "--lame-duck", "0"
    )
    assert served_certificate(server.port) == (tmp_path / "cert.pem").read_text()

    make_certificate(tmp_path, "second")
    log.rename(tmp_path / "old.log")
    server.send(signal.SIGHUP)
    await until(lambda: log.exists() and "reloaded the certificate" in log.read_text())
    second = (tmp_path / "cert.pem").read_text()
    assert served_certificate(server.port) == second

    (tmp_path / "cert.pem").write_text("not a certificate")
    server.send(signal.SIGHUP)
    await until(lambda: "cannot be reloaded" in log.read_text())
    assert served_certificate(server.port) == second
    server.send(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 30) == 0


async def test_a_terminal_that_closes_stops_the_server_with_a_drain(servers: Fleet) -> None:
    """The running turn is finished and the status is 0, as after Ctrl-C."""
    port, log = free_port(), servers.root / "server.log"
    ours, theirs = pty.openpty()
    environment = os.environ | {"LEDGER": str(servers.root / "ledger"), "WORK_SECONDS": "2"}
    command = [*MANENT, "run", "-i", "127.0.0.1", "-p", str(port), "--log-file", str(log)]
    process = subprocess.Popen(  # noqa: ASYNC220  # ended by the fixture
        [str(shutil.which("setsid")), "--ctty", "--wait", *command],
        cwd=servers.root,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    servers.servers.append(Server(process, port, log))
    await asyncio.to_thread(wait_for, lambda: listens(port), "the server")
    async with httpx.AsyncClient() as http:
        body = {"sender": "ada", "message": "work"}
        answer = asyncio.create_task(http.post(f"http://127.0.0.1:{port}/webhooks/rest/webhook", json=body, timeout=30))
        await until(lambda: len(servers.runs) == 1)
        os.close(ours)
        assert (await answer).json() == [{"recipient_id": "ada", "text": "Done."}]
    assert await asyncio.to_thread(process.wait, 30) == 0


async def test_secrets_from_files_and_variables(servers: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token from a file or the environment works and needs no warning; one on the command line is warned about."""
    (servers.root / "token").write_text("of the file\n")
    monkeypatch.setenv("MANENT_JWT_SECRET", "short")
    by_file = servers.start("--enable-api", "--auth-token-file", "token", "--lame-duck", "0")
    by_argument = servers.start("--enable-api", "--auth-token", "given", "--lame-duck", "0")
    for server, token in ((by_file, "of the file"), (by_argument, "given")):
        async with httpx.AsyncClient(base_url=server.url) as http:
            assert (await http.get("/status", params={"token": token})).status_code == 200
            assert (await http.get("/status", params={"token": "wrong"})).status_code == 401
    assert "on the command line" not in by_file.log.read_text()
    assert by_argument.log.read_text().count("--auth-token is on the command line") == 1
    assert "--jwt-secret is shorter than 32 bytes" in by_file.log.read_text()


def test_a_database_that_refuses_the_first_start(tmp_path: Path) -> None:
    """The start ends with one sentence that names the database, and status 1."""
    with fleet(tmp_path / "project") as found:
        dsn = f"postgresql://u:s3cr3t@127.0.0.1:{free_port()}/chat"
        (found.root / "endpoints.yml").write_text(f"tracker_store:\n  type: SQL\n  dialect: postgresql\n  url: {dsn}\n")
        ended = manent("run", "-p", str(free_port()), cwd=found.root)

    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if "WARNING" not in line]
    assert line.startswith("Error: the database cannot be reached: chat on 127.0.0.1")
    assert "s3cr3t" not in ended.stderr
