from __future__ import annotations

import ssl
from itertools import islice
from math import inf, nan

import pytest

from ipv6console.client import EngineRefused, LeaseLost
from ipv6console.client.hold import Ending, Hold, Terms, boottime, hold_from, in_line, split_options
from ipv6console.client.tls import shared_context
from ipv6console.wire.reply import PickReply
from tests.client.conftest import FakeClock


def _hold(clock: FakeClock, ttl: float = 60.0) -> Hold:
    return Hold(addr="2001:db8::1", lease="t1", ttl=ttl, ends_at=clock.now + ttl, clock=clock)


def _terms(interval: float = 5.0, retries: int | None = 15) -> Terms:
    return Terms(dbname="a", ttl=60.0, holder=None, interval=interval, retries=retries)


def test_a_session_waits_between_its_tries_and_not_after_the_last() -> None:
    assert list(_terms(retries=2).pauses()) == [5.0, 5.0, None]
    assert list(_terms(retries=0).pauses()) == [None]


def test_without_a_number_of_tries_a_session_never_gives_up() -> None:
    assert list(islice(_terms(retries=None).pauses(), 100)) == [5.0] * 100


@pytest.mark.parametrize(
    ("interval", "retries", "named"),
    [
        (-1.0, 1, "adapt_retry_interval is -1.0"),
        (nan, 1, "adapt_retry_interval is nan"),
        (inf, None, "adapt_retry_interval is inf"),
        (1.0, -1, "adapt_max_retries is -1"),
    ],
)
def test_waits_that_are_none_are_refused_by_their_name(interval: float, retries: int | None, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        _terms(interval, retries)


def test_the_engine_is_asked_to_wait_no_longer_than_it_does() -> None:
    assert [in_line(pause) for pause in (None, 0.0, 5.0, 600.0)] == [None, 0.0, 5.0, 300.0]


def test_the_ttl_counts_from_when_the_lease_was_asked_for(clock: FakeClock) -> None:
    reply = PickReply(success=True, addr="2001:db8::1", dbname="a", lease="t1", ttl=60.0)
    hold = hold_from(reply, 999.0, clock)
    assert hold is not None
    assert (hold.addr, hold.lease, hold.ends_at) == ("2001:db8::1", "t1", 1_059.0)


def test_an_address_without_a_token_cannot_be_held() -> None:
    with pytest.raises(EngineRefused, match="without a token"):
        hold_from(PickReply(success=True, addr="2001:db8::1", dbname="a"), 0.0, boottime)


def test_an_unsuccessful_pick_is_no_hold() -> None:
    assert hold_from(PickReply(success=False, addr=None, dbname="a"), 0.0, boottime) is None


def test_a_hold_is_good_until_the_second_it_ends(clock: FakeClock) -> None:
    hold = _hold(clock)
    clock.now = 1_059.999
    hold.require()
    clock.now = 1_060.0
    with pytest.raises(LeaseLost, match="2001:db8::1: its lease has run out"):
        hold.require()


def test_a_lost_hold_lets_nothing_through(clock: FakeClock) -> None:
    hold = _hold(clock)
    assert hold.lose("gone").addr == hold.addr
    with pytest.raises(LeaseLost, match="gone"):
        hold.require()


def test_an_extended_hold_counts_from_when_the_renewal_was_asked_for(clock: FakeClock) -> None:
    hold = _hold(clock)
    hold.extend(30.0, 1_050.0)
    assert (hold.ends_at, hold.renew_at) == (1_080.0, 1_065.0)


def test_a_hold_is_renewed_at_half_of_its_time_and_tried_again_until_its_end(clock: FakeClock) -> None:
    hold = _hold(clock)
    assert hold.renew_at == 1_030.0
    assert hold.retry_at(1_030.0) == 1_033.0
    assert hold.retry_at(1_059.0) == 1_060.0
    assert _hold(clock, ttl=3_600.0).retry_at(2_000.0) == 2_005.0


def test_a_hold_does_not_show_its_token(clock: FakeClock) -> None:
    assert "t1" not in repr(_hold(clock))


def test_a_lease_is_given_back_as_idle_if_nothing_is_said() -> None:
    assert Ending() == Ending(status="idle", target=None, reason=None)


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
