"""Documents to JSON and back."""

from __future__ import annotations

import json

import pytest

from ipv6console.wire.codec import WireError, decode, encode
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.reply import ChecksReply, PickedLease, PicksReply
from ipv6console.wire.status import Finding, Level


@pytest.mark.parametrize(
    "document",
    [
        PicksReply(
            success=True,
            addrs=("2001:db8::1",),
            dbname="task1",
            leases=(PickedLease(addr="2001:db8::1", lease="1-0-x", expires_at=5.5, ttl=60.0),),
        ),
        Event(id=1, at=2.0, level=EventLevel.WARNING, kind="a.b", text="t", data={"n": 1, "deep": [1, {"x": None}]}),
        PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=("2001:db8::1",)),
        ChecksReply(success=True, results={"2001:db8::1": True}),
        Finding(subject="s", level=Level.UNKNOWN, text="t"),
    ],
)
def test_a_document_comes_back_from_its_json(document: object) -> None:
    assert decode(type(document), json.loads(json.dumps(encode(document)))) == document


def test_fields_a_newer_engine_added_are_ignored() -> None:
    assert decode(Finding, {"subject": "s", "level": "ok", "text": "t", "fix": None, "new": 1}).text == "t"


def test_a_whole_number_is_a_time_too() -> None:
    assert decode(PickedLease, {"addr": "a", "lease": "l", "expires_at": 5, "ttl": 1}).expires_at == 5.0


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"subject": "s", "level": "fine", "text": "t"}, "Finding.level"),
        ({"subject": "s", "level": "ok"}, "Finding.text: missing"),
        ({"subject": 5, "level": "ok", "text": "t"}, "Finding.subject"),
        ([], "Finding: an object"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(data: object, place: str) -> None:
    with pytest.raises(WireError) as refused:
        decode(Finding, data)
    assert place in str(refused.value)


def test_a_truth_value_is_not_a_number() -> None:
    with pytest.raises(WireError):
        decode(PickedLease, {"addr": "a", "lease": "l", "expires_at": True, "ttl": 1})
