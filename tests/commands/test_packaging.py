"""What packaging/ says, held to the command line, to systemd's own checker and to a real engine."""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
import tomli
import yaml

from ipv6console import succession
from ipv6console.cli import root
from ipv6console.client import EngineUnreachable, IPv6Client
from ipv6console.commands.connection import answers
from ipv6console.commands.failure import ExitCode
from ipv6console.config import Settings
from ipv6console.configfile import load

FOLDER = Path(__file__).resolve().parents[2] / "packaging"
UNIT = FOLDER / "ipv6console.service"
SOCKET = FOLDER / "ipv6console.socket"
PREFIX = "2001:db8:4f8:10::/64"
PATIENCE = 30.0

ENGINE_USER, MEMBER, STRANGER = 41_001, 41_002, 41_003
GROUP = "users"
"""A group every Debian has, in the place of the unit's own."""

_READING = "+dac_read_search"
"""Lets an ordinary user read the interpreter and the package, wherever they are; nothing else."""


def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # directives differ by case
    parser.read(UNIT, encoding="utf-8")
    return parser["Service"]


def words() -> list[str]:
    """Return the words of the unit's command line after the program."""
    return shlex.split(service()["ExecStart"])[1:]


def as_user(uid: int, *groups: str, caps: str = "") -> tuple[str, ...]:
    given = f"-all,{caps}{',' if caps else ''}{_READING}"
    return (
        *("setpriv", "--no-new-privs", "--reuid", str(uid), "--regid", str(uid)),
        *(("--groups", ",".join(groups)) if groups else ("--clear-groups",)),
        *(f"--bounding-set={given}", f"--inh-caps={given}", f"--ambient-caps={given}", "--"),
    )


def verified(unit: Path) -> tuple[int, list[str]]:
    """Return what systemd says of a unit; it tells of every unit of this host that it reads on the way, too."""
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    others = ("/lib/systemd/", "/usr/lib/systemd/", "/etc/systemd/")
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith(others)]


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    program = service()["ExecStart"].split()[0]
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace(program, sys.executable), encoding="utf-8")
    assert verified(copy) == (0, [])


def test_the_page_on_security_tells_how_systemd_rates_the_unit() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rating = re.search(r"Overall exposure level for \S+: ([0-9.]+ \w+)", done.stdout)
    assert rating is not None
    page = UNIT.parents[1] / "docs" / "security.md"
    assert f"**{rating[1]}**" in page.read_text(encoding="utf-8")


def test_the_socket_unit_listens_where_the_engine_would_and_systemd_finds_no_fault_in_it(tmp_path: Path) -> None:
    lines = SOCKET.read_text(encoding="utf-8").splitlines()
    listened = [line.partition("=")[2] for line in lines if line.startswith("ListenStream=")]
    assert listened == [*Settings().engine.listen, "/run/ipv6console/engine.sock"]
    assert {f"SocketGroup={service()['Group']}", "SocketMode=0660"} <= set(lines)
    for unit in (UNIT, SOCKET):
        text = unit.read_text(encoding="utf-8").replace(service()["ExecStart"].split()[0], sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    assert verified(tmp_path / SOCKET.name) == (0, [])


def test_a_reload_is_what_the_engine_takes_for_an_upgrade() -> None:
    assert service()["ExecReload"] == f"/bin/kill -{succession.SIGNAL.name.removeprefix('SIG')} $MAINPID"


def test_the_units_command_line_is_understood() -> None:
    group = root.get_command(click.Context(root), words()[0])
    assert group is not None
    with group.make_context("serve", words()[1:]) as context:
        assert (context.params["socket"], context.params["state_dir"]) == (
            "/run/ipv6console/engine.sock",
            "/var/lib/ipv6console",
        )


def test_the_unit_makes_the_folders_its_command_line_names() -> None:
    unit = service()
    assert f"/run/{unit['RuntimeDirectory']}/engine.sock" in words()
    assert f"/var/lib/{unit['StateDirectory']}" in words()
    assert unit["RuntimeDirectoryMode"] == "0755", "members of the group must be able to enter"


def test_the_unit_runs_as_a_user_of_its_own_with_two_capabilities_and_no_way_to_more() -> None:
    unit = service()
    assert f"u {unit['User']} " in (FOLDER / "ipv6console.sysusers").read_text(encoding="utf-8")
    assert unit["User"] == unit["Group"] != "root"
    assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"] == "CAP_NET_ADMIN CAP_NET_RAW"
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["ProtectSystem"] == "strict"


def test_the_units_variables_are_settings() -> None:
    name, _, value = service()["Environment"].partition("=")
    assert load(environ={name: value}).engine.group == service()["Group"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of /run and /var/lib: folders as the unit makes them."""
    for name, mode in (("run", 0o755), ("lib", 0o750)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        os.chown(tmp_path / name, ENGINE_USER, ENGINE_USER)
    monkeypatch.setenv("IPV6CONSOLE_ENGINE_GROUP", GROUP)
    monkeypatch.setenv("IPV6CONSOLE_NETWORK_NDP", "routed")
    monkeypatch.setenv("IPV6CONSOLE_CHECK_URLS", "http://[::1]:9/ip")
    return tmp_path


@pytest.fixture
def engine(folder: Path, eventually: Callable[..., None]) -> Iterator[subprocess.Popen[bytes]]:
    """Start what the unit starts, as an ordinary user with its capabilities, on a host with a prefix of its own."""
    capabilities = [name.removeprefix("CAP_").lower() for name in service()["AmbientCapabilities"].split()]
    command = [
        *as_user(ENGINE_USER, "100", caps=",".join(f"+{name}" for name in capabilities)),
        *(sys.executable, "-m", "ipv6console"),
        *(
            word.replace("/run/ipv6console", str(folder / "run")).replace("/var/lib/ipv6console", str(folder / "lib"))
            for word in words()
        ),
    ]
    host = f"ip link set lo up; ip link add up0 type veth peer dn0; ip link set up0 up; ip addr add {PREFIX[:-3]}2/64 dev up0 nodad"
    with subprocess.Popen(["unshare", "-n", "sh", "-ec", f'{host}; exec "$@"', "sh", *command]) as process:
        try:
            socket = folder / "run" / "engine.sock"
            eventually(lambda: answers(socket) or process.poll() is not None, "the socket answers", PATIENCE)
            assert process.returncode is None
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def called(folder: Path, uid: int, groups: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*as_user(uid, *groups), sys.executable, "-m", "ipv6console", *arguments]
    environment = os.environ | {"IPV6CONSOLE_SOCKET": str(folder / "run" / "engine.sock")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)


def on_host(engine: subprocess.Popen[bytes], *command: str) -> str:
    entered = ["nsenter", "-n", "-t", str(engine.pid), *command]
    return subprocess.run(entered, capture_output=True, text=True, check=True).stdout


@pytest.mark.privileged
def test_the_units_capabilities_are_enough_to_announce_a_prefix(
    engine: subprocess.Popen[bytes], eventually: Callable[..., None]
) -> None:
    def announced() -> bool:
        return f"local {PREFIX} dev lo" in on_host(engine, "ip", "-6", "route", "show", "table", "local")

    eventually(announced, "the local route is there", PATIENCE)
    eventually(lambda: "= 1" in on_host(engine, "sysctl", "net.ipv6.ip_nonlocal_bind"), "the sysctl is set", PATIENCE)


@pytest.mark.privileged
def test_a_member_of_the_group_operates_the_engine_of_another_user(
    engine: subprocess.Popen[bytes], folder: Path
) -> None:
    seen = called(folder, MEMBER, ("100",), "drain", "prefix", PREFIX)
    assert (seen.returncode, seen.stdout.partition(",")[0]) == (ExitCode.DONE, f"prefix {PREFIX} is draining"), (
        seen.stderr
    )


@pytest.mark.privileged
def test_a_member_of_the_group_attaches_a_console_that_may_act(engine: subprocess.Popen[bytes], folder: Path) -> None:
    home = folder / "member"
    home.mkdir()
    os.chown(home, MEMBER, MEMBER)
    places = {"IPV6CONSOLE_SOCKET": str(folder / "run" / "engine.sock"), "HOME": str(home), "TERM": "xterm-256color"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    console = subprocess.Popen(
        [*as_user(MEMBER, "100"), sys.executable, "-m", "ipv6console"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=kept | places,
    )
    os.close(slave)
    drawn = b""
    try:
        while not (b"ATTACHED" in drawn and b"RW" in drawn):
            drawn += os.read(master, 65_536)
        os.write(master, b"q")
        with suppress(OSError):  # EIO: the console has left its terminal
            while os.read(master, 65_536):
                pass
        assert console.wait(PATIENCE) == ExitCode.DONE
    finally:
        console.kill()
        console.wait(PATIENCE)
        os.close(master)


@pytest.mark.privileged
def test_who_is_not_in_the_group_cannot_open_the_socket(engine: subprocess.Popen[bytes], folder: Path) -> None:
    seen = called(folder, STRANGER, (), "status")
    assert seen.returncode == ExitCode.UNREACHABLE
    assert "Permission denied" in seen.stderr


def compose() -> Any:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]["engine"]


def test_the_compose_file_gives_the_engine_the_hosts_network_and_the_units_capabilities() -> None:
    engine = compose()
    assert engine["network_mode"] == "host"
    assert engine["cap_drop"] == ["ALL"]
    assert {f"CAP_{name}" for name in engine["cap_add"]} == set(service()["AmbientCapabilities"].split())


def test_the_compose_files_folders_are_those_of_roots_engine() -> None:
    inside = {volume.split(":")[1] for volume in compose()["volumes"]}
    assert inside == {"/etc/ipv6console", "/run/ipv6console", "/var/lib/ipv6console"}


def test_the_compose_files_variables_are_settings() -> None:
    assert load(environ=compose()["environment"]) != Settings()


def test_the_dockerfile_copies_what_is_there_and_runs_a_command_there_is() -> None:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert [name for name in copied if not (FOLDER.parent / name).exists()] == []
    assert 'ENTRYPOINT ["ipv6console"]' in lines
    assert 'CMD ["serve"]' in lines


def test_the_dockerfile_copies_all_that_the_build_of_the_package_reads() -> None:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {word.rstrip("/") for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    build = tomli.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    data = [file for files in build["tool"]["setuptools"]["data-files"].values() for file in files]
    assert {
        "pyproject.toml",
        "ipv6console",
        build["project"]["readme"],
        *build["project"]["license-files"],
        *data,
    } <= copied


def test_the_compose_file_builds_the_dockerfile_beside_it() -> None:
    build = compose()["build"]
    context = (FOLDER / build["context"]).resolve()
    assert context == FOLDER.parent
    assert (context / build["dockerfile"]).samefile(FOLDER / "Dockerfile")


_CONTAINED = """
for part in /run /var/lib; do
    mount -t tmpfs -o mode=755 tmpfs $part
    mkdir $part/ipv6console
    mount -t tmpfs -o mode=755 tmpfs $part/ipv6console
    mount -o remount,ro $part
done
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -o remount,bind,ro /
ip link set lo up; ip link add up0 type veth peer dn0; ip link set up0 up; ip addr add 2001:db8:4f8:10::2/64 dev up0 nodad
exec "$@"
"""


def serves(socket: Path) -> bool:
    with suppress(EngineUnreachable), IPv6Client(socket=socket) as client:
        return bool(client.state().engine.pid)
    return False


@pytest.fixture
def container(eventually: Callable[..., None]) -> Iterator[Path]:
    """Run what the image runs, under what the compose file allows; returns the root of its files."""
    engine, lines = compose(), (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    [command] = (json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD "))
    assert engine["read_only"] is True
    given = ",".join(["-all", *(f"+{name.lower()}" for name in engine["cap_add"]), _READING])
    without = {"HOME", "IPV6CONSOLE_SOCKET", *(name for name in os.environ if name.startswith("XDG_"))}
    environment = {name: value for name, value in os.environ.items() if name not in without} | {
        "IPV6CONSOLE_NETWORK_NDP": "routed",
        "IPV6CONSOLE_CHECK_URLS": "http://[::1]:9/ip",
        **engine["environment"],
    }
    inside = [
        *("unshare", "-n", "-m", "--propagation", "private", "sh", "-ec", _CONTAINED, "sh"),
        *("setpriv", "--no-new-privs", f"--bounding-set={given}", f"--inh-caps={given}", "--"),
        *(sys.executable, "-m", "ipv6console", *command),
    ]
    with subprocess.Popen(inside, env=environment) as process:
        try:
            files = Path(f"/proc/{process.pid}/root")
            socket = files / "run/ipv6console/engine.sock"
            eventually(lambda: serves(socket) or process.poll() is not None, "the engine serves", PATIENCE)
            assert process.returncode is None
            yield files
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
    assert process.returncode == ExitCode.DONE


@pytest.mark.privileged
def test_the_images_command_runs_where_only_the_compose_files_folders_can_be_written(container: Path) -> None:
    assert (container / "var/lib/ipv6console/engine.db").stat().st_size > 0


def test_systemd_finds_no_fault_in_the_users_it_is_to_make(tmp_path: Path) -> None:
    command = ["systemd-sysusers", "--dry-run", "--root", str(tmp_path), str(FOLDER / "ipv6console.sysusers")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "ipv6console" in done.stdout + done.stderr) == (0, True), done.stderr
