from __future__ import annotations

import ssl

import pytest

from ipv6console.client import EngineRefused, LeaseLost
from ipv6console.client.hold import Book, Hold, Terms, boottime, hold_from, split_options
from ipv6console.client.tls import shared_context
from ipv6console.wire.reply import LeaseReply, PickReply
from tests.client.conftest import FakeClock

HOLD = Hold(addr="2001:db8::1", lease="t1", ends_at=1_060.0)
NEXT = Hold(addr="2001:db8::2", lease="t2", ends_at=1_090.0)


def _terms(interval: float = 5.0, retries: int = 15) -> Terms:
    return Terms(dbname="a", ttl=60.0, holder=None, interval=interval, retries=retries)


def test_a_session_waits_between_its_tries_and_not_after_the_last() -> None:
    assert list(_terms(retries=2).pauses()) == [5.0, 5.0, None]
    assert list(_terms(retries=0).pauses()) == [None]


@pytest.mark.parametrize(("interval", "retries"), [(-1.0, 1), (1.0, -1)])
def test_negative_waits_are_refused(interval: float, retries: int) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        _terms(interval, retries)


def test_the_ttl_counts_from_when_the_lease_was_asked_for() -> None:
    reply = PickReply(success=True, addr="2001:db8::1", dbname="a", lease="t1", ttl=60.0)
    assert hold_from(reply, 1_000.0) == HOLD


def test_an_address_without_a_token_cannot_be_held() -> None:
    with pytest.raises(EngineRefused, match="without a token"):
        hold_from(PickReply(success=True, addr="2001:db8::1", dbname="a"), 0.0)


def test_an_unsuccessful_pick_is_no_hold() -> None:
    assert hold_from(PickReply(success=False, addr=None, dbname="a"), 0.0) is None


def test_a_hold_is_good_until_the_second_it_ends(clock: FakeClock) -> None:
    book = Book(clock)
    book.open(HOLD)
    clock.now = 1_059.999
    assert book.require() == HOLD
    clock.now = 1_060.0
    with pytest.raises(LeaseLost, match="has run out"):
        book.require()


def test_a_guard_lets_only_its_own_lease_through(clock: FakeClock) -> None:
    book = Book(clock)
    book.open(HOLD)
    guard = book.guard(HOLD)
    guard()
    book.close()
    book.open(NEXT)
    with pytest.raises(LeaseLost, match="moved on to 2001:db8::2"):
        guard()


def test_an_extended_hold_counts_from_when_the_renewal_was_asked_for(clock: FakeClock) -> None:
    book = Book(clock)
    book.open(HOLD)
    book.extend(LeaseReply(success=True, addr=HOLD.addr, dbname="a", expires_at=0.0, ttl=30.0), 1_050.0)
    clock.now = 1_079.0
    assert book.require().ends_at == 1_080.0


def test_a_lost_hold_lets_nothing_through_but_is_remembered(clock: FakeClock) -> None:
    book = Book(clock)
    book.open(HOLD)
    assert book.lose(HOLD, "gone").addr == HOLD.addr
    with pytest.raises(LeaseLost, match="gone"):
        book.require()
    assert book.hold == HOLD


def test_boottime_does_not_go_back() -> None:
    assert boottime() <= boottime()


def test_options_are_shared_out_with_the_tls_context_made() -> None:
    transport, rest = split_options({"http2": True, "timeout": 3.0, "proxy": None})
    assert transport == {"http2": True, "verify": shared_context(http2=True)}
    assert rest == {"http2": True, "timeout": 3.0}


def test_http1_and_http2_have_a_context_each_and_the_same_one_every_time() -> None:
    assert shared_context(http2=True) is shared_context(http2=True)
    assert shared_context(http2=True) is not shared_context(http2=False)
    assert shared_context(http2=False, verify=False).verify_mode is ssl.CERT_NONE
