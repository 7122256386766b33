"""Decisions about subscribers' prefixes; what an older system got wrong is tested by itself."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from ipv6console.ipam.change import IntentRecorded, SubscriberRecorded
from ipv6console.ipam.errors import IllegalTransition, Incomplete, InUse, InvalidAddress, InvalidName, InvalidSubnet
from ipv6console.ipam.lifecycle import State
from ipv6console.ipam.outbox import Step
from ipv6console.ipam.result import Done, Granted, Postponed, Refused, Result
from ipv6console.ipam.subscribers import Desk

KEY = ("acme", "a")
NETWORK = 0x20010DB8 << 96
GOT = Granted("netbox", 7, NETWORK, 56, 3)


class Front:
    """A desk with one subscriber, and a clock."""

    def __init__(self) -> None:
        numbers = count()
        self.desk = Desk(300.0, Random(1), lambda: f"op{next(numbers)}")
        self.now = 10.0
        self.desk.make(KEY, "pd", 56, self.now)

    @property
    def row(self) -> SubscriberRecorded:
        return self.desk.book.row(KEY)

    @property
    def pending(self) -> list[str]:
        return [step.step for step in self.desk.outbox.of(KEY)]

    def allocate(self, **more: int) -> None:
        size, parent = more.get("size"), more.get("parent")
        self.desk.allocate(KEY, size=size, parent=parent, registry="netbox", actor="t", now=self.now)

    def activate(self, *, coa: bool, username: str | None = "u") -> None:
        self.desk.activate(KEY, username=username, nas_ip=None, coa=coa, actor="t", now=self.now)

    def revoke(self, *, disconnect: bool = False, release: bool = True) -> None:
        self.desk.revoke(
            KEY, username="u", nas_ip=None, disconnect=disconnect, release=release, actor="t", now=self.now
        )

    def take(self) -> tuple[IntentRecorded, bool]:
        self.now += 400.0
        [taken] = self.desk.outbox.take(self.now, 1)
        return taken

    def answer(self, step: Step, result: Result) -> None:
        taken, again = self.take()
        assert taken.step == step
        self.desk.answered(taken, result, again=again, now=self.now)
        self.desk.outbox.let_go(KEY)

    def active(self) -> None:
        self.allocate()
        self.answer(Step.ALLOCATE, GOT)
        self.activate(coa=False)
        self.answer(Step.MARK, Done("active"))


@pytest.fixture
def front() -> Front:
    return Front()


def test_a_nak_to_a_coa_does_not_make_active(front: Front) -> None:
    front.allocate()
    front.answer(Step.ALLOCATE, GOT)
    front.activate(coa=True)
    assert front.row.ipv6_state == State.ALLOCATED
    front.answer(Step.COA, Refused("nak Administratively-Prohibited"))
    assert (front.row.ipv6_state, front.row.coa) == (State.ALLOCATED, "nak Administratively-Prohibited")
    assert front.row.ipv6_activated_at is None


def test_a_failed_release_keeps_the_number_in_the_ipam(front: Front) -> None:
    front.active()
    front.revoke()
    front.answer(Step.RELEASE, Refused("403"))
    assert (front.row.ipv6_state, front.row.ipv6_netbox_prefix_id) == (State.FAILED, 7)
    with pytest.raises(IllegalTransition, match="still holds"):
        front.allocate()
    front.revoke()
    front.answer(Step.RELEASE, Done("given back"))
    assert (front.row.ipv6_state, front.row.ipv6_netbox_prefix_id, front.row.network) == (State.FAILED, None, None)
    front.allocate()
    assert front.row.ipv6_state == State.PENDING


def test_an_unanswered_release_stays_revoking_however_long_it_takes(front: Front) -> None:
    front.active()
    front.revoke()
    for _ in range(50):
        front.answer(Step.RELEASE, Postponed("away"))
        assert (front.row.ipv6_state, front.row.ipv6_netbox_prefix_id) == (State.REVOKING, 7)


@pytest.mark.parametrize("state", ["pending", "revoking", "revoked"])
def test_revoke_checks_the_state_like_every_other_operation(front: Front, state: str) -> None:
    if state == "pending":
        with pytest.raises(IllegalTransition, match="never had"):
            front.revoke()
        return
    front.active()
    front.revoke()
    if state == "revoked":
        front.answer(Step.RELEASE, Done("given back"))
    before = (front.row, front.pending)
    front.revoke(disconnect=True)
    assert (front.row, front.pending) == before


def test_a_disconnect_nak_is_not_taken_for_a_disconnect(front: Front) -> None:
    front.active()
    front.revoke(disconnect=True)
    front.answer(Step.DISCONNECT, Postponed("nak Administratively-Prohibited"))
    assert (front.row.ipv6_state, front.pending) == (State.REVOKING, ["disconnect", "release"])
    front.answer(Step.DISCONNECT, Done("ack"))
    front.answer(Step.RELEASE, Done("given back"))
    assert front.row.ipv6_state == State.REVOKED


def test_a_disconnect_that_can_never_be_keeps_the_prefix(front: Front) -> None:
    front.active()
    front.revoke(disconnect=True)
    front.answer(Step.DISCONNECT, Refused("no NAS was named"))
    assert (front.row.ipv6_state, front.row.ipv6_netbox_prefix_id, front.pending) == (State.FAILED, 7, [])


def test_a_release_that_succeeds_after_it_was_cancelled_is_believed(front: Front) -> None:
    front.active()
    front.revoke()
    step, again = front.take()
    front.desk.cancel(step.id, "no patience", "t", front.now)
    assert (front.row.ipv6_state, front.row.network) == (State.FAILED, NETWORK)
    front.desk.answered(step, Done("given back"), again=again, now=front.now)
    assert (front.row.ipv6_state, front.row.network, front.row.ipv6_netbox_prefix_id) == (State.FAILED, None, None)


def test_an_allocation_refused_after_a_lost_answer_is_looked_for_before_it_fails(front: Front) -> None:
    front.allocate()
    front.answer(Step.ALLOCATE, Postponed("timeout"))
    front.answer(Step.ALLOCATE, Refused("403"))
    assert (front.row.ipv6_state, front.pending) == (State.PENDING, ["release"])
    front.answer(Step.RELEASE, Refused("403", GOT))
    assert (front.row.ipv6_state, front.row.ipv6_netbox_prefix_id) == (State.FAILED, 7)


def test_a_suspension_gives_up_a_coa_that_would_activate_again(front: Front) -> None:
    front.active()
    front.activate(coa=True)
    front.desk.suspend(KEY, "t", front.now)
    assert "coa" not in front.pending
    assert front.row.ipv6_state == State.SUSPENDED


def test_a_marked_prefix_is_marked_as_it_is_now_and_never_as_it_was(front: Front) -> None:
    front.active()
    front.desk.suspend(KEY, "t", front.now)
    front.desk.resume(KEY, "t", front.now)
    assert [step.payload for step in front.desk.outbox.of(KEY)] == ['{"status": "active"}']


def test_a_prefix_that_the_ipam_lost_is_forgotten(front: Front) -> None:
    front.active()
    front.desk.lose(KEY, "NetBox holds none", "t", front.now)
    assert (front.row.ipv6_state, front.row.network) == (State.FAILED, None)
    with pytest.raises(IllegalTransition):
        front.desk.lose(KEY, "again", "t", front.now)


def test_bad_input_is_refused_and_changes_nothing(front: Front) -> None:
    desk = front.desk
    for tenant, name, mode, size, error in (
        ("acme", "", "pd", 56, InvalidName),
        ("acme", "a/b", "pd", 56, InvalidName),
        ("acme", ".", "pd", 56, InvalidName),
        ("acme", "x" * 129, "pd", 56, InvalidName),
        ("", "x", "pd", 56, InvalidName),
        ("acme", "x", "ppp", 56, InvalidName),
        ("acme", "x", "pd", 129, InvalidSubnet),
        ("acme", "x", "pd", 15, InvalidSubnet),
    ):
        with pytest.raises(error):
            desk.make((tenant, name), mode, size, front.now)
    with pytest.raises(InvalidSubnet):
        front.allocate(size=200)
    front.active()
    before = (front.row, front.pending)
    with pytest.raises(InvalidAddress):
        desk.activate(KEY, username="u", nas_ip="nas", coa=True, actor="t", now=front.now)
    with pytest.raises(InvalidName):
        desk.activate(KEY, username="a\nb", nas_ip=None, coa=True, actor="t", now=front.now)
    with pytest.raises(InUse):
        desk.remove(KEY, "t", front.now)
    with pytest.raises(IllegalTransition, match="/48"):
        front.allocate(size=48)
    with pytest.raises(IllegalTransition, match="out of 4"):
        front.allocate(parent=4)
    assert (front.row, front.pending) == before


def test_radius_cannot_be_told_of_a_session_without_a_user_name() -> None:
    front = Front()
    front.allocate()
    front.answer(Step.ALLOCATE, GOT)
    with pytest.raises(Incomplete, match="needs a user name"):
        front.activate(coa=True, username=None)
    assert (front.row.ipv6_state, front.pending) == ("allocated", [])
