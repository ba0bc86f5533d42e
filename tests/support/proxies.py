"""Real load balancers in front of servers: nginx and HAProxy, as configured in docs/operations/several-servers.md."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.ports import free_port
from support.processes import listens, wait_for

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

  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  map $cookie_manent_route $manent_route {{ default $cookie_manent_route; "" $request_id; }}
  upstream manent {{
    hash $manent_route consistent;
{servers}
    keepalive 32;
    keepalive_timeout 4s;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://manent;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Manent-Route $manent_route;
      proxy_connect_timeout 1s;
      proxy_read_timeout 60s;
    }}
  }}
}}
"""

HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  timeout check 10s
  option forwardfor
  option redispatch 1
  retries 3
frontend all
  bind 127.0.0.1:{port}
  default_backend manent
backend manent
  balance roundrobin
  stick-table type string len 64 size 200k expire 1h
  stick match req.cook(manent_route)
  stick store-response res.cook(manent_route)
  option httpchk GET /health/ready
  default-server check inter 250ms fall 1 rise 2
{servers}
"""


@contextlib.contextmanager
def proxy(program: str, folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run `nginx` or `haproxy` in front of servers on these ports; yields its URL. Skips if it is not installed."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip(f"needs {program} (apt install {program})")
    folder.mkdir()
    port = free_port()
    if program == "nginx":
        servers = "\n".join(f"    server 127.0.0.1:{one} max_fails=0;" for one in ports)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, servers=servers))
        command = [found, "-c", str(folder / "nginx.conf"), "-e", str(folder / "start.log"), "-p", str(folder)]
    else:
        servers = "\n".join(f"  server s{one} 127.0.0.1:{one}" for one in ports)
        (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, servers=servers))
        command = [found, "-db", "-f", str(folder / "haproxy.cfg")]
    with (folder / "out.log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        wait_for(lambda: process.poll() is not None or listens(port), program)
        assert process.poll() is None, (folder / "out.log").read_text()
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait()
