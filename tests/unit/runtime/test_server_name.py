"""A process is dead only if it ran on this machine, in this PID namespace, and has certainly ended."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from manent.runtime.server_name import ServerName, is_dead, own_name, parse_name

NAME = "from manent.runtime.server_name import own_name; print(own_name(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], ServerName]]:
    """Return another process that runs, and its name."""
    process = subprocess.Popen([sys.executable, "-c", NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    name = parse_name(process.stdout.readline().strip())
    assert name is not None
    yield process, name
    process.kill()
    process.communicate()


def test_own_process_lives() -> None:
    """A server's name contains its process id and can be parsed. The own process is not dead."""
    name = own_name()

    assert parse_name(str(name)) == name
    assert name.pid == os.getpid()
    assert not is_dead(str(name))
    assert parse_name(str(replace(name, host="a:b"))) == replace(name, host="a:b")


def test_process_that_was_killed_is_dead(other: tuple[subprocess.Popen[str], ServerName]) -> None:
    """A process is dead as soon as it was killed, even before its parent has noticed."""
    process, name = other
    assert not is_dead(str(name))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert is_dead(str(name))
    process.wait()
    assert is_dead(str(name))


def test_process_id_that_was_used_again_is_another_process() -> None:
    """A process with the same id but another start time is another process."""
    assert is_dead(str(replace(own_name(), started="1")))


@pytest.mark.parametrize("part", ["host", "boot", "namespace"])
def test_process_elsewhere_is_left_to_its_lease(part: str) -> None:
    """A process on another host, of another boot, or in another PID namespace is not regarded as dead."""
    gone = replace(own_name(), pid=2**22 + 1)
    parts = dataclasses.asdict(gone)
    assert is_dead(str(gone))
    assert not is_dead(str(ServerName(**{**parts, part: "other"})))
    assert not is_dead(str(ServerName(**{**parts, part: ""})))


@pytest.mark.parametrize("text", ["", "host", "host:12:99:nonce", "a:b:c:d:e:f", "host:boot:ns:-1:5:nonce"])
def test_unknown_names_are_left_to_their_lease(text: str) -> None:
    """A name in another format, for example of an older version, is not regarded as dead."""
    assert not is_dead(text)


def test_process_in_another_namespace_is_not_judged() -> None:
    """Two processes with the same hostname in different PID namespaces do not regard each other as dead."""
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    if unshare is None or subprocess.run([*command, ""], check=False, capture_output=True).returncode:
        pytest.skip("needs to be allowed to make a PID namespace")
    judge = "import sys; from manent.runtime.server_name import *; print(own_name(), is_dead(sys.argv[1]))"
    mine = str(own_name())
    printed = subprocess.run([*command, judge, mine], check=True, capture_output=True, text=True).stdout.split()
    theirs = parse_name(printed[0])
    assert theirs is not None
    assert theirs.namespace
    assert theirs.pid < 10
    assert printed[1] == "False"
    assert not is_dead(printed[0])
