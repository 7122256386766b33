from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ipv6console.linux import process
from ipv6console.linux.process import CpuUse


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "print(flush=True); input()", "a mark (1) of ours"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        yield running
        running.kill()


def test_the_share_of_a_core_leaves_out_the_wait_for_one() -> None:
    before, after = CpuUse(10.0, 1.0, 0.0), CpuUse(12.0, 1.5, 1.5)

    assert after.share(before) == pytest.approx(1.0)


def test_a_process_that_could_not_run_has_no_share() -> None:
    assert CpuUse(12.0, 1.0, 2.0).share(CpuUse(10.0, 1.0, 0.0)) is None


def test_an_ended_process_uses_nothing_and_holds_nothing(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()

    assert process.cpu_use(child.pid) is None
    assert process.packet_sockets(child.pid) == ()
    assert process.stopped(child.pid) is False
    assert process.kill(child.pid, 1.0) is True
    assert process.name(child.pid) == "?"


def test_a_process_is_found_by_its_argument_and_killed(child: subprocess.Popen[bytes]) -> None:
    assert process.with_argument("a mark (1) of ours") == (child.pid,)

    assert process.kill(child.pid, 5.0) is True
    assert child.wait() == -signal.SIGKILL


def test_a_stopped_process_is_told_apart(child: subprocess.Popen[bytes]) -> None:
    before = process.stopped(child.pid)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)

    assert (before, process.stopped(child.pid)) == (False, True)


def test_words_count_only_right_after_each_other(child: subprocess.Popen[bytes]) -> None:
    assert process.with_argument("-c", "print(flush=True); input()") == (child.pid,)
    assert process.with_argument("-S", "a mark (1) of ours") == ()
