"""Listening sockets."""

from __future__ import annotations

import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ipv6console.config import EngineSettings
from ipv6console.listen import (
    Endpoint,
    ListenError,
    beyond_loopback,
    bind,
    listeners,
    open_tcp,
    open_unix,
    parse_endpoint,
    passed,
    remove_socket_file,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.sock"


@pytest.fixture
def bound(path: Path) -> Iterator[list[socket.socket]]:
    sockets = bind(EngineSettings(listen=("127.0.0.1:0", "[::1]:0"), socket=str(path)))
    yield sockets
    for sock in sockets:
        sock.close()


def test_both_loopbacks_and_the_unix_socket_accept_connections(bound: list[socket.socket]) -> None:
    for sock in bound:
        with closing(socket.socket(sock.family)) as client:
            client.settimeout(5)
            client.connect(sock.getsockname())


def test_sockets_that_were_opened_before_are_taken_and_the_others_are_opened(path: Path) -> None:
    before = [open_unix(path), open_tcp(Endpoint("::1", 0))]
    six = listeners(before)[1]
    sockets = bind(EngineSettings(listen=("127.0.0.1:0", six), socket=str(path)), before)
    try:
        assert sockets[:2] == before
        assert [name for name in listeners(sockets) if name.startswith("127.")] == list(listeners(sockets)[2:])
    finally:
        for sock in sockets:
            sock.close()


def test_what_was_passed_to_another_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert passed() == []
    assert "LISTEN_FDS" not in os.environ


def test_listeners_have_readable_names(bound: list[socket.socket], path: Path) -> None:
    four, six, unix = listeners(bound)
    assert four == f"127.0.0.1:{bound[0].getsockname()[1]}"
    assert six == f"[::1]:{bound[1].getsockname()[1]}"
    assert unix == f"unix:{path}"


def test_the_socket_file_is_open_to_owner_and_group_only(bound: list[socket.socket], path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_the_dual_stack_form_takes_ipv6_and_ipv4(path: Path) -> None:
    tcp, unix = bind(EngineSettings(listen=("[::]:0",), socket=str(path)))
    with tcp, unix:
        port = tcp.getsockname()[1]
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as client:
                client.settimeout(5)
                client.connect((host, port))


def test_the_ipv6_loopback_does_not_take_ipv4_connections() -> None:
    with open_tcp(Endpoint("::1", 0)) as sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:16000", "127.0.0.1", 16000), ("[::1]:1", "::1", 1), ("[::]:0", "::", 0)]
)
def test_an_endpoint_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.host, endpoint.port) == (host, port)
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (":16000", "Write 127.0.0.1:16000, [::1]:16000, or [::]:16000"),
        ("16000", "Write 127.0.0.1:16000"),
        ("::1:16000", "Write [::1]:16000."),
        ("[127.0.0.1]:16000", "Write 127.0.0.1:16000."),
        ("localhost:16000", "Write an address: 127.0.0.1:16000"),
        ("127.0.0.1:65536", "Write 127.0.0.1:16000"),
        ("127.0.0.1:-1", "Write 127.0.0.1:16000"),
        ("127.0.0.1:", "Write 127.0.0.1:16000"),
        ("127.0.0.1:٣", "Write 127.0.0.1:16000"),
        ("[::ffff:127.0.0.1]:16000", "Write 127.0.0.1:16000."),
        ("[::1:16000", "Write an address"),
        ("", "Write 127.0.0.1:16000"),
    ],
)
def test_a_misspelt_endpoint_is_refused_with_the_right_spelling(text: str, advice: str) -> None:
    with pytest.raises(ListenError) as refusal:
        parse_endpoint(text)
    assert advice in refusal.value.next
    assert repr(text) in str(refusal.value)


def test_what_other_hosts_can_reach_is_told_apart(path: Path) -> None:
    sockets = bind(EngineSettings(listen=("127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"), socket=str(path)))
    try:
        assert beyond_loopback(sockets) == tuple(
            f"{host}:{sock.getsockname()[1]}" for host, sock in zip(("0.0.0.0", "[::]"), sockets[2:4], strict=True)
        )
    finally:
        for sock in sockets:
            sock.close()


def test_a_busy_port_is_named_with_the_way_to_find_who_has_it(path: Path) -> None:
    with open_tcp(Endpoint("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port} is in use") as refusal:
            bind(EngineSettings(listen=("[::1]:0", f"127.0.0.1:{port}"), socket=str(path)))
    assert f"ss -ltnp 'sport = :{port}'" in refusal.value.next
    assert not path.exists()


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(ListenError, match="not an address of this host"):
        open_tcp(Endpoint("192.0.2.1", 0))


def test_a_socket_path_the_kernel_cannot_take_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 108)
    with pytest.raises(ListenError, match="the kernel takes 107") as refusal:
        open_unix(long)
    assert "--socket" in refusal.value.next


def test_a_stale_socket_file_is_replaced(path: Path) -> None:
    open_unix(path).close()
    assert path.exists()
    with open_unix(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_somebody_answers_on_is_left_alone(path: Path) -> None:
    with open_unix(path) as first:
        with pytest.raises(ListenError, match="already answers") as refusal:
            open_unix(path)
        assert f"--socket {path}" in refusal.value.next
        assert first.getsockname() == str(path)
        assert path.exists()


def test_a_file_that_is_no_socket_is_refused_and_kept(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ListenError, match="not a socket"):
        open_unix(path)
    assert path.read_text() == "precious"


def test_a_symbolic_link_is_not_followed(tmp_path: Path, path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ListenError, match="not a socket"):
        open_unix(path)
    assert path.is_symlink()


def test_the_socket_belongs_to_the_configured_group(path: Path) -> None:
    own = grp.getgrgid(os.getegid()).gr_name
    with open_unix(path, own):
        assert path.stat().st_gid == os.getegid()


def test_an_unknown_group_is_refused_and_no_file_is_left(path: Path) -> None:
    with pytest.raises(ListenError, match="no group 'no-such-group'") as refusal:
        bind(EngineSettings(listen=("127.0.0.1:0",), socket=str(path), group="no-such-group"))
    assert "groupadd no-such-group" in refusal.value.next
    assert not path.exists()


def test_missing_folders_of_the_socket_are_made(tmp_path: Path) -> None:
    path = tmp_path / "run" / "engine.sock"
    with open_unix(path):
        assert path.is_socket()


def test_a_socket_below_a_file_is_refused_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ListenError, match="cannot be made") as refusal:
        open_unix(tmp_path / "file" / "engine.sock")
    assert "--socket" in refusal.value.next


def test_without_a_configured_path_the_socket_is_in_the_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipv6console.paths.is_system", lambda: False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    sockets = bind(EngineSettings(listen=()))
    try:
        assert listeners(sockets) == (f"unix:{tmp_path}/ipv6console/engine.sock",)
    finally:
        for sock in sockets:
            sock.close()


def test_a_socket_file_is_removed_once_nobody_listens(path: Path) -> None:
    sock = open_unix(path)
    remove_socket_file(path)
    assert path.exists()
    sock.close()
    remove_socket_file(path)
    assert not path.exists()
    remove_socket_file(path)
