"""The name of a server process in leases, and whether the process of such a name has certainly ended.

A process that has ended need not be waited for: its leases are free at once. That is certain only for a process of the
same machine start and the same PID namespace. Containers often have equal hostnames and equal process ids, so in every
other case the lease decides.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

_PARTS = 6


@dataclass(frozen=True, slots=True)
class ServerName:
    """What a name consists of. It is written `host:boot:namespace:pid:started:nonce`.

    Attributes:
        host: hostname.
        boot: random id of the machine's start. "": unknown.
        namespace: id of the PID namespace. "": unknown.
        pid: process id in this namespace.
        started: start time of the process in clock ticks since the machine's start. "": unknown.
        nonce: makes names of equal processes differ.
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
    """Parse a name. None: it has another form, for example that of an older version."""
    parts = text.rsplit(":", _PARTS - 1)
    if len(parts) != _PARTS or not parts[3].isdecimal():
        return None
    host, boot, namespace, pid, started, nonce = parts
    return ServerName(host, boot, namespace, int(pid), started, nonce)


def is_dead(text: str) -> bool:
    """Return whether the process of this name has certainly ended. False: it runs, or that cannot be known here."""
    name = parse_name(text)
    if name is None or not (name.boot and name.namespace and name.started):
        return False
    if (name.host, name.boot, name.namespace) != (socket.gethostname(), _boot(), _namespace()):
        return False
    try:
        os.kill(name.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it exists and belongs to another user
        pass
    started = _start_time(name.pid)
    return started is not None and started != name.started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    """Return the id of this process's PID namespace, "" if `/proc` is missing or shows another namespace."""
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return ""
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _start_time(pid: int) -> str | None:
    """Return the start time of a process, "" if it has ended but its parent has not noticed. None: unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
