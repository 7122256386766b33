"""The lab's NAS: a FreeRADIUS that takes CoA and Disconnect (RFC 5176), and how it refuses or is silent.

It knows every session but those of the user "ghost".
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ipv6console.lab.error import LabError
from ipv6console.lab.plan import Partner
from ipv6console.lab.scene import Scene, Wish
from ipv6console.lab.secret import make_secret
from ipv6console.lab.service import Service

if TYPE_CHECKING:
    from ipv6console.lab.topology import Topology

FOLDER = "radius"
PORT = 3799
_CONFIG, _SECRET, _TEMPER = "radiusd.conf", "secret", "temper"
_ACK, _NAK = "ack", "nak"

# One item a line, as its parser wants it. How it answers is read anew for every request: to a SIGHUP it listens once in 5 s.
_TEXT = """\
prefix = /usr
raddbdir = "${{confdir}}"
logdir = "${{confdir}}"
run_dir = "${{confdir}}"
libdir = /usr/lib/freeradius
max_request_time = 5
cleanup_delay = 1
max_requests = 1024
hostname_lookups = no
security {{
    max_attributes = 200
    reject_delay = 0
    status_server = no
}}
thread pool {{
    start_servers = 1
    max_servers = 4
    min_spare_servers = 1
    max_spare_servers = 2
    max_requests_per_server = 0
}}
modules {{
    always ok {{
        rcode = ok
    }}
    always reject {{
        rcode = reject
    }}
    exec temper {{
        wait = yes
        input_pairs = request
        shell_escape = yes
        timeout = 2
    }}
    detail packets {{
        filename = ${{run_dir}}/packets
        header = "%t"
        permissions = 0600
    }}
}}
client lab {{
    ipv6addr = ::/0
    secret = {secret}
    require_message_authenticator = yes
}}
server nas {{
    listen {{
        type = coa
        ipv6addr = {address}
        port = {port}
    }}
    recv-coa {{
        packets
        if ("%{{temper:/bin/cat ${{run_dir}}/{temper}}}" == "{nak}") {{
            update reply {{
                &Error-Cause := Administratively-Prohibited
            }}
            reject
        }}
        elsif (!&User-Name && !&Acct-Session-Id) {{
            update reply {{
                &Error-Cause := Missing-Attribute
            }}
            reject
        }}
        elsif (&User-Name == "ghost") {{
            update reply {{
                &Error-Cause := Session-Context-Not-Found
            }}
            reject
        }}
        else {{
            ok
        }}
    }}
    send-coa {{
        ok
    }}
}}
"""


def find_program() -> str:
    """Return the path of FreeRADIUS. Raises LabError when this host has none."""
    # Daemons are not in the search path of users who are not root.
    found = shutil.which("freeradius", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        fix = "Install the Debian package freeradius: sudo apt install freeradius, or leave radius out of --with."
        raise LabError("there is no FreeRADIUS on this host", fix)
    return found


def nas(directory: Path, topology: Topology) -> Service:
    """Prepare the NAS. Raises LabError when this host has no FreeRADIUS."""
    program = find_program()
    folder = directory / FOLDER
    folder.mkdir(mode=0o700)
    secret = make_secret(folder / _SECRET)
    (folder / _TEMPER).write_text(_ACK)
    address = topology.radius_address
    told = {"secret": secret, "address": address, "port": PORT, "temper": _TEMPER, "nak": _NAK}
    config = folder / _CONFIG
    config.touch(mode=0o600)
    config.write_text(_TEXT.format(**told))
    command = [program, "-d", str(folder), "-n", "radiusd", "-f", "-l", "stdout"]
    return Service("radius", command, ready="Ready to process requests", address=address, secret=folder / _SECRET)


def refuse(scene: Scene, _wish: Wish) -> list[str]:
    """Have the NAS answer everything with a NAK."""
    _temper(scene, _NAK)
    return ["the NAS answers every CoA and Disconnect with a NAK, Error-Cause Administratively-Prohibited"]


def silence(scene: Scene, _wish: Wish) -> list[str]:
    """Have the ISP drop what is sent to the NAS, without a word to the sender."""
    _require(scene)
    address = scene.topology.radius_address
    scene.topology.isp.drop(address)
    return [f"isp drops packets to {address}, the NAS"]


def agree(scene: Scene, _wish: Wish) -> list[str]:
    """Have the NAS be reached and agree again."""
    was = _temper(scene, _ACK)
    address = scene.topology.radius_address
    done = [f"isp passes packets to {address}, the NAS"] if scene.topology.isp.pass_on(address) else []
    if was != _ACK:
        done.append("the NAS agrees again to every CoA and Disconnect of a session that it has")
    if not done:
        raise LabError("the NAS answers and agrees already", "Change that with: ipv6console lab fault radius-nak")
    return done


def _temper(scene: Scene, wanted: str) -> str:
    """Let it answer as `wanted`; return how it did."""
    _require(scene)
    path = scene.directory / FOLDER / _TEMPER
    was = path.read_text()
    # Whole at any moment: it may be reading it.
    fresh = path.with_name("temper.new")
    fresh.write_text(wanted)
    fresh.replace(path)
    return was


def _require(scene: Scene) -> None:
    if Partner.RADIUS not in scene.plan.partners:
        raise LabError("this lab has no NAS", "Start it with: ipv6console lab --with radius,ipam")
