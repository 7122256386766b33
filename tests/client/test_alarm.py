"""The one thread that waits for all renewers of the process."""

from __future__ import annotations

import threading

import pytest

from ipv6console.client import IPv6Session, alarm, renewer
from ipv6console.client.alarm import Alarm
from tests.client.conftest import FakeClock, StubEngine


class Sleeper:
    def __init__(self, clock: FakeClock, *, fails: int = 0) -> None:
        self.now = clock
        self.begun = threading.Semaphore(0)
        self._fails = fails

    def begin(self) -> None:
        if self._fails:
            self._fails -= 1
            raise RuntimeError("can't start new thread")
        self.begun.release()


def _alarms() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ipv6console-alarm"]


def test_who_is_due_begins_once_and_nobody_else_does(clock: FakeClock) -> None:
    clocks = Alarm()
    later, dropped, due = (Sleeper(clock) for _ in range(3))
    clocks.set(later, clock.now + 60)
    clocks.set(dropped, clock.now + 60)
    clocks.drop(dropped)
    clocks.set(due, clock.now)
    assert due.begun.acquire(timeout=10)

    clock.now += 60
    clocks.set(due, clock.now)

    assert due.begun.acquire(timeout=10)
    assert later.begun.acquire(timeout=10)
    assert not any(sleeper.begun.acquire(blocking=False) for sleeper in (later, dropped, due))


def test_one_that_could_not_begin_is_told_again(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm, "_AGAIN", 0.0)
    sleeper = Sleeper(clock, fails=2)
    Alarm().set(sleeper, clock.now)
    assert sleeper.begun.acquire(timeout=10)


def test_with_nothing_to_wait_for_the_thread_ends_and_starts_again(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm, "_LINGER", 0.0)
    others, clocks = set(_alarms()), Alarm()
    for _ in range(2):
        sleeper = Sleeper(clock)
        clocks.set(sleeper, clock.now)
        assert sleeper.begun.acquire(timeout=10)
        for thread in set(_alarms()) - others:
            thread.join(10)
        assert set(_alarms()) <= others


def test_a_fork_waits_with_a_thread_of_its_own(clock: FakeClock) -> None:
    """What it is left with: a thread that is none here, and a lock that somebody held in the parent."""
    clocks = Alarm()
    parents, childs = Sleeper(clock), Sleeper(clock)
    clocks._thread, clocks._due = threading.Thread(), {parents: clock.now}
    holder = threading.Thread(target=clocks._changed.acquire)
    holder.start()
    holder.join()
    clocks.reset()
    clocks.set(childs, clock.now)
    assert childs.begun.acquire(timeout=10)
    assert not parents.begun.acquire(blocking=False)


def test_sessions_have_no_thread_of_their_own_before_half_of_their_time(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path), IPv6Session(socket=engine.path):
        names = [thread.name for thread in threading.enumerate()]
    assert "ipv6console-renewer" not in names
    assert names.count("ipv6console-alarm") >= 1


def test_without_a_thread_it_says_so_and_tries_with_the_next(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, sleeper = Alarm(), Sleeper(clock)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_more_threads)
        with pytest.raises(RuntimeError):
            clocks.set(sleeper, clock.now)
    clocks.set(sleeper, clock.now)
    assert sleeper.begun.acquire(timeout=10)


def test_a_lease_that_nobody_could_renew_is_given_back(engine: StubEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Alarm()
    monkeypatch.setattr(renewer, "ALARM", clocks)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_more_threads)
        with pytest.raises(RuntimeError), IPv6Session(socket=engine.path):
            pytest.fail("nobody could renew it")
    assert (engine.pool.picked, engine.pool.leases) == (1, {})


def _no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
