"""A real FreeRADIUS that answers CoA and Disconnect as a NAS would, on loopback of a namespace of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRET = "testing123"

# One item a line: its parser wants it so.
_CONFIGURATION = """
prefix = /usr
raddbdir = "${confdir}"
logdir = "${confdir}"
run_dir = "${confdir}"
libdir = /usr/lib/freeradius
pidfile = ${run_dir}/radiusd.pid
max_request_time = 5
cleanup_delay = 2
max_requests = 1024
hostname_lookups = no
security {
    max_attributes = 200
    reject_delay = 0
    status_server = no
}
thread pool {
    start_servers = 1
    max_servers = 2
    min_spare_servers = 1
    max_spare_servers = 1
    max_requests_per_server = 0
}
modules {
    always ok {
        rcode = ok
    }
    always reject {
        rcode = reject
    }
    always handled {
        rcode = handled
    }
    detail requests {
        filename = ${run_dir}/requests
        permissions = 0600
    }
}
client strict4 {
    ipaddr = 127.0.0.1
    secret = testing123
    require_message_authenticator = yes
}
client strict6 {
    ipv6addr = ::1
    secret = testing123
    require_message_authenticator = yes
}
server coa {
    listen {
        type = coa
        ipaddr = 127.0.0.1
        port = 3799
    }
    listen {
        type = coa
        ipv6addr = ::1
        port = 3799
    }
    recv-coa {
        requests
        if (&User-Name == "ghost") {
            update reply {
                &Error-Cause := Session-Context-Not-Found
                &Reply-Message := "no such session"
            }
            reject
        }
        elsif (&User-Name == "barred") {
            reject
        }
        elsif (&User-Name == "slow") {
            update control {
                &Response-Packet-Type := Do-Not-Respond
            }
            handled
        }
        else {
            ok
        }
    }
    send-coa {
        ok
    }
}
"""


@contextmanager
def freeradius(folder: Path) -> Iterator[Path]:
    """Run a FreeRADIUS for the length of the block; the file it gives holds every request it took."""
    (folder / "radiusd.conf").write_text(_CONFIGURATION)
    command = ["freeradius", "-d", str(folder), "-n", "radiusd", "-f", "-l", "stdout"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if "Ready to process requests" in line:
                    break
            assert process.poll() is None, "".join(said)
            yield folder / "requests"
        finally:
            process.terminate()
