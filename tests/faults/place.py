"""What stands in a fault test's network namespace beside the engine: a web site that tells every caller its address.

`python -m tests.faults.place` sets up loopback and the site, says "ready" and stays until it is killed. Run it by `unshare -n`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

SITE, PORT = "2001:db8:ffff::1", 8080
PREFIX = "2001:db8:5::/56"
SEEN = "/seen"


def write_config(path: Path, sections: Mapping[str, Mapping[str, object]]) -> None:
    """Write an engine's settings as TOML."""
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    path.write_text("\n".join(lines) + "\n")


class Echo(BaseHTTPRequestHandler):
    """Tells every caller its address, and at SEEN all the addresses that others called from."""

    seen: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        caller = str(self.client_address[0])
        if self.path == SEEN:
            body = json.dumps(sorted(self.seen)).encode()
        else:
            self.seen.add(caller)
            body = caller.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 1_024
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # whoever called is killed, cut off or without a prefix by now, which is what these tests are about


if __name__ == "__main__":
    subprocess.run(["sh", "-ec", f"ip link set lo up; ip addr add {SITE}/128 dev lo nodad"], check=True)
    with Server(("::", PORT), Echo) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()
