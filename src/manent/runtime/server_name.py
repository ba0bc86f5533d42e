"""Generates the name of a server process for leases, and detects from a name that its process has ended.

The leases of a process that has ended can be taken over immediately. The end is certain only for processes in the same
PID namespace that started after the machine's latest boot. For all other processes, the lease must expire first,
because containers often have the same hostnames and process ids.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

_PARTS = 6


@dataclass(frozen=True, slots=True)
class ServerName:
    """The parts of a process name. It is written `host:boot:namespace:pid:started:nonce`.

    Attributes:
        host: hostname.
        boot: random id of the machine's boot. "": unknown.
        namespace: id of the PID namespace. "": unknown.
        pid: process id in this namespace.
        started: start time of the process in clock ticks since the machine's boot. "": unknown.
        nonce: random text that makes names unique.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str
    nonce: str

    def __str__(self) -> str:
        return f"{self.host}:{self.boot}:{self.namespace}:{self.pid}:{self.started}:{self.nonce}"


def own_name() -> ServerName:
    """Return a new name for this process."""
    pid = os.getpid()
    return ServerName(socket.gethostname(), _boot(), _namespace(), pid, _start_time(pid) or "", secrets.token_hex(4))


def parse_name(text: str) -> ServerName | None:
    """Parse a name. Return None if it has another format, for example that of an older version."""
    parts = text.rsplit(":", _PARTS - 1)
    if len(parts) != _PARTS or not parts[3].isdecimal():
        return None
    host, boot, namespace, pid, started, nonce = parts
    return ServerName(host, boot, namespace, int(pid), started, nonce)


def is_dead(text: str) -> bool:
    """Return whether the process with this name has certainly ended.

    Return False if the process runs or its state is unknown.
    """
    name = parse_name(text)
    if name is None or not (name.boot and name.namespace and name.started):
        return False
    if (name.host, name.boot, name.namespace) != (socket.gethostname(), _boot(), _namespace()):
        return False
    try:
        os.kill(name.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # the process exists and belongs to another user
        pass
    started = _start_time(name.pid)
    return started is not None and started != name.started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    """Return the id of this process's PID namespace, or "" if `/proc` is missing or shows another namespace."""
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return ""
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _start_time(pid: int) -> str | None:
    """Return the start time of a process, "" for a zombie process, or None if the time is unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
