"""nginx, HAProxy, Caddy and Apache with the configurations of `deploy/`, with TLS, in front of local servers."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.ports import free_port
from support.processes import listens, wait_for
from support.programs import program as installed

DEPLOY = Path(__file__).parents[2] / "deploy"

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log info;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/manent.conf;
}}
"""
"""What Debian's nginx.conf does around the file in conf.d."""


APACHE = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
ServerName localhost
User www-data
Group www-data
Listen 127.0.0.1:{secure}
Listen 127.0.0.1:{plain}
{modules}
IncludeOptional {folder}/manent.conf
"""
"""What Debian's apache2.conf does around the file in sites-enabled."""

APACHE_MODULES = (
    "mpm_event authz_core alias headers slotmem_shm socache_shmcb ssl"
    " proxy proxy_http proxy_balancer proxy_hcheck lbmethod_byrequests"
)

PACKAGES = {"apache2": "apache2-bin"}
"""The Debian package of a program, if its name differs."""


@dataclass(frozen=True, slots=True)
class DeployedProxy:
    """A running proxy. `url` is its HTTPS address, `plain` the HTTP one."""

    url: str
    plain: str


@contextlib.contextmanager
def deployed_proxy(
    program: str, folder: Path, ports: Sequence[int], certificate: tuple[Path, Path]
) -> Iterator[DeployedProxy]:
    """Run a proxy in front of servers on two ports. Skip if the program is not installed."""
    found = installed(program, f"apt install {PACKAGES.get(program, program)}")
    folder.mkdir()
    secure, plain = free_port(), free_port()
    write = {"nginx": _nginx, "haproxy": _haproxy, "caddy": _caddy, "apache2": _apache}[program]
    arguments = write(folder, ports, secure, plain, certificate)
    with (folder / "out.log").open("wb") as out:
        process = subprocess.Popen([found, *arguments], stdout=out, stderr=out, env={"HOME": str(folder)})
    try:
        wait_for(lambda: process.poll() is not None or (listens(secure) and listens(plain)), program)
        assert process.poll() is None, (folder / "out.log").read_text()
        yield DeployedProxy(f"https://localhost:{secure}", f"http://localhost:{plain}")
    finally:
        process.terminate()
        process.wait()


def changed(file: str, changes: dict[str, str]) -> str:
    """Return a file of `deploy/` with the changes that an operator makes. Each text must be in the file."""
    text = (DEPLOY / file).read_text()
    for before, after in changes.items():
        assert before in text, f"deploy/{file} does not contain {before!r}"
        text = text.replace(before, after)
    return text


def _nginx(folder: Path, ports: Sequence[int], secure: int, plain: int, certificate: tuple[Path, Path]) -> list[str]:
    text = changed(
        "nginx/manent.conf",
        {
            "server 127.0.0.1:5005 ": f"server 127.0.0.1:{ports[0]} ",
            "server 127.0.0.1:5006 ": f"server 127.0.0.1:{ports[1]} ",
            "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "chat.example.com;": "localhost;",
            "/etc/ssl/certs/chat.example.com.pem": str(certificate[0]),
            "/etc/ssl/private/chat.example.com.key": str(certificate[1]),
        },
    )
    (folder / "manent.conf").write_text(text)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    return ["-c", str(folder / "nginx.conf"), "-e", str(folder / "start.log"), "-p", str(folder)]


def _haproxy(folder: Path, ports: Sequence[int], secure: int, plain: int, certificate: tuple[Path, Path]) -> list[str]:
    both = folder / "both.pem"
    both.write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())
    text = changed(
        "haproxy/haproxy.cfg",
        {
            "127.0.0.1:5005": f"127.0.0.1:{ports[0]}",
            "127.0.0.1:5006": f"127.0.0.1:{ports[1]}",
            "bind :443 ": f"bind 127.0.0.1:{secure} ",
            "bind :80": f"bind 127.0.0.1:{plain}",
            "/etc/haproxy/chat.example.com.pem": str(both),
            "maxconn 20000": "maxconn 500",
        },
    )
    (folder / "haproxy.cfg").write_text(text)
    return ["-db", "-f", str(folder / "haproxy.cfg")]


def _caddy(folder: Path, ports: Sequence[int], secure: int, plain: int, certificate: tuple[Path, Path]) -> list[str]:
    text = changed(
        "caddy/Caddyfile",
        {
            "127.0.0.1:5005 127.0.0.1:5006": f"127.0.0.1:{ports[0]} 127.0.0.1:{ports[1]}",
            "chat.example.com {": f"localhost {{\n\ttls {certificate[0]} {certificate[1]}",
        },
    )
    options = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {secure}\n}}\n"
    (folder / "Caddyfile").write_text(options + text)
    return ["run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def _apache(folder: Path, ports: Sequence[int], secure: int, plain: int, certificate: tuple[Path, Path]) -> list[str]:
    text = changed(
        "apache/manent.conf",
        {
            "http://127.0.0.1:5005 ": f"http://127.0.0.1:{ports[0]} ",
            "http://127.0.0.1:5006 ": f"http://127.0.0.1:{ports[1]} ",
            "<VirtualHost *:443>": f"<VirtualHost *:{secure}>",
            "<VirtualHost *:80>": f"<VirtualHost *:{plain}>",
            "chat.example.com\n": "localhost\n",
            "https://chat.example.com/": "https://localhost/",
            "/etc/ssl/certs/chat.example.com.pem": str(certificate[0]),
            "/etc/ssl/private/chat.example.com.key": str(certificate[1]),
        },
    )
    modules = Path("/usr/lib/apache2/modules")
    loads = [f"LoadModule {name}_module {modules}/mod_{name}.so" for name in APACHE_MODULES.split()]
    (folder / "manent.conf").write_text(text)
    (folder / "apache.conf").write_text(
        APACHE.format(folder=folder, secure=secure, plain=plain, modules="\n".join(loads))
    )
    return ["-D", "FOREGROUND", "-f", str(folder / "apache.conf")]
