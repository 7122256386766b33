"""Subscribers: every operation on their prefixes, decided into changes to commit.

An operation returns what is to be committed, nothing when all is as asked already, and raises IpamError without having
changed anything. Steps of other systems are only wanted here; what became of them is told to `Replies`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from itertools import islice, takewhile
from random import Random

from ipv6console.ipam.book import UNHELD, Book, Deed, is_held, payload_of, prefix_of
from ipv6console.ipam.change import Change, IntentRecorded, IntentsForgotten, SpaceSnapshot, SubscriberRecorded
from ipv6console.ipam.errors import (
    AlreadyAllocated,
    IllegalTransition,
    Incomplete,
    InUse,
    InvalidAddress,
    InvalidName,
    InvalidSubnet,
    NotFound,
)
from ipv6console.ipam.lifecycle import LIVE, State, entered, fresh, state_of, unused
from ipv6console.ipam.outbox import Fate, Key, Outbox, Step
from ipv6console.ipam.reply import Replies, undo

MODES = ("none", "slaac", "stateful", "pd", "dual_stack")
"""How a subscriber gets its addresses; only the last two have a prefix of their own."""

_DELEGATING = ("pd", "dual_stack")
_TENANT = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}\Z")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:+-]{0,127}\Z")
_SHORTEST, _LONGEST = 16, 128
_DAY = 86_400.0


class Desk:
    """Decides about subscribers; `retry_max` bounds how long a step is put off (s), `new_id` makes ids of operations."""

    def __init__(self, retry_max: float, random: Random, new_id: Callable[[], str]) -> None:
        self.outbox = Outbox(retry_max, random)
        self.book = Book(self.outbox, new_id)
        self._replies = Replies(self.book)
        self.answered = self._replies.answered
        self.cancel = self._replies.cancel

    def restore(self, snapshot: SpaceSnapshot, now: float) -> None:
        """Hold what was committed and nothing else."""
        self.book.restore(snapshot.subscribers, snapshot.intents, now)

    def make(self, key: Key, mode: str, prefix_size: int, now: float) -> tuple[Change, ...]:
        """Make a subscriber; asking again for the same one changes nothing.

        Raises InvalidName, InvalidSubnet, AlreadyAllocated.
        """
        check_tenant(key[0])
        if not _ID.match(key[1]):
            raise InvalidName(
                f"{key[1][:80]!r} is no id of a subscriber",
                next="give 1 to 128 of A-Z a-z 0-9 . _ @ : + -, a letter, digit or _ in front",
            )
        if mode not in MODES:
            raise InvalidName(f"{mode[:80]!r} is no assignment mode", next=f"give one of {', '.join(MODES)}")
        _check_size(prefix_size)
        known = self.book.get(key)
        if known is not None:
            if (known.mode, known.prefix_size) == (mode, prefix_size):
                return ()
            raise AlreadyAllocated(
                f"subscriber {key[1]} is there already, with mode {known.mode} and a /{known.prefix_size}",
                next="remove it first to make it anew",
            )
        row = unused(*key, mode, prefix_size, now)
        self.book.put(row)
        return (row,)

    def remove(self, key: Key, actor: str, now: float) -> tuple[Change, ...]:
        """Forget a subscriber and its history; raises NotFound, and InUse while a prefix is held or a step is pending."""
        deed = Deed(self.book, key, actor, now)
        if deed.row.network is not None or is_held(deed.row):
            raise InUse(f"subscriber {key[1]} has {prefix_of(deed.row)}", next="revoke the prefix first")
        if deed.awaited:
            raise InUse(f"subscriber {key[1]} waits for {_steps(deed.awaited)}", next="wait for it, or cancel it")
        deed.drop(Step.MARK, reason="the subscriber was removed")
        return deed.remove()

    def allocate(
        self, key: Key, *, size: int | None, parent: int | None, registry: str, actor: str, now: float
    ) -> tuple[Change, ...]:
        """Ask `registry` for a prefix of `size`, None for the subscriber's own; joins an allocation that is pending.

        Raises NotFound, InvalidSubnet, IllegalTransition.
        """
        deed = Deed(self.book, key, actor, now)
        row, state = deed.row, deed.state
        if row.mode not in _DELEGATING:
            raise IllegalTransition(
                f"subscriber {key[1]} has the assignment mode {row.mode}, which has no prefix of its own",
                next="make the subscriber with the mode pd or dual_stack",
            )
        if state is State.REVOKING:
            raise IllegalTransition(f"the prefix of {key[1]} is being revoked", next="wait until that is done")
        if state in LIVE:
            _same(key, row.length if size is None else size, row.length, parent, row.parent)
            return ()
        wanted = row.prefix_size if size is None else size
        _check_size(wanted)
        if state is State.PENDING and deed.awaited:
            return self._join(key, deed.awaited, wanted, parent)
        if is_held(row):
            raise IllegalTransition(
                f"{registry_word(row)} still holds {prefix_of(row)} for {key[1]}",
                next="revoke it again to release that prefix, or repair the leak",
            )
        name = self.book.new_id()
        deed.begin(name, f"a /{wanted} was asked for")
        deed.drop(Step.MARK, reason="a new life began")
        deed.want(Step.ALLOCATE, name, size=wanted, parent=parent, registry=registry)
        return deed.changes()

    def activate(
        self, key: Key, *, username: str | None, nas_ip: str | None, coa: bool, actor: str, now: float
    ) -> tuple[Change, ...]:
        """Make the prefix active: at once, or with `coa` when RADIUS has agreed.

        Raises NotFound, InvalidName, InvalidAddress, Incomplete, IllegalTransition.
        """
        check_session(username, nas_ip)
        deed = Deed(self.book, key, actor, now)
        row = deed.row
        session = {"username": username or row.username, "nas_ip": nas_ip or row.nas_ip}
        if deed.state not in LIVE:
            raise IllegalTransition(*_cannot(deed.state, State.ACTIVE), next=_help(row))
        waiting = [step for step in deed.awaited if step.step == Step.COA]
        if waiting:
            known = payload_of(waiting[0])
            if coa and session == {name: known.get(name) for name in session}:
                return ()
            raise IllegalTransition(
                f"{key[1]} waits for RADIUS to take a CoA", next=f"wait for it, or cancel step {waiting[0].id}"
            )
        if not coa:
            if deed.state is not State.ACTIVE:
                deed.move(State.ACTIVE, "activated without RADIUS")
                self._mark(deed, "active")
            deed.set(**session)
            return deed.changes()
        if session["username"] is None:
            raise Incomplete(f"a CoA for {key[1]} needs a user name", next="give the username of its session")
        agreed = row.coa is not None and row.coa.startswith("ack")
        if deed.state is State.ACTIVE and agreed and (row.username, row.nas_ip) == tuple(session.values()):
            return ()
        deed.set(coa=None)
        deed.want(Step.COA, **session)
        return deed.changes()

    def suspend(self, key: Key, actor: str, now: float) -> tuple[Change, ...]:
        """Suspend an active prefix, or leave it suspended; raises NotFound, IllegalTransition."""
        deed = Deed(self.book, key, actor, now)
        if deed.state is State.SUSPENDED:
            return ()
        if deed.state is not State.ACTIVE:
            raise IllegalTransition(*_cannot(deed.state, State.SUSPENDED), next=_help(deed.row))
        deed.move(State.SUSPENDED, "suspended")
        deed.drop(Step.COA, reason="the prefix was suspended meanwhile")
        self._mark(deed, "reserved")
        return deed.changes()

    def resume(self, key: Key, actor: str, now: float) -> tuple[Change, ...]:
        """Resume a suspended prefix, or leave it active; raises NotFound, IllegalTransition."""
        deed = Deed(self.book, key, actor, now)
        if deed.state is State.ACTIVE:
            return ()
        if deed.state is not State.SUSPENDED:
            raise IllegalTransition(
                f"a prefix that is {deed.state} cannot be resumed: it is not suspended", next=_help(deed.row)
            )
        deed.move(State.ACTIVE, "resumed")
        self._mark(deed, "active")
        return deed.changes()

    def revoke(
        self,
        key: Key,
        *,
        username: str | None,
        nas_ip: str | None,
        disconnect: bool,
        release: bool,
        actor: str,
        now: float,
    ) -> tuple[Change, ...]:
        """Revoke the prefix: end its session if `disconnect`, then give it back to its IPAM if `release`.

        What was revoked already stays so; a prefix that an IPAM still holds all the same is released now. Raises
        NotFound, InvalidName, InvalidAddress, Incomplete, IllegalTransition.
        """
        check_session(username, nas_ip)
        deed = Deed(self.book, key, actor, now)
        row, state = deed.row, deed.state
        session = {"username": username or row.username, "nas_ip": nas_ip or row.nas_ip}
        if state is State.REVOKING or (state is State.REVOKED and not (release and is_held(row))):
            return ()
        if state is State.PENDING:
            return self._withdraw(deed)
        if state is State.FAILED and not is_held(row):
            raise IllegalTransition(f"{key[1]} has no prefix to revoke", next="allocate one first")
        disconnect = disconnect and state is not State.REVOKED
        if disconnect and session["username"] is None:
            raise Incomplete(f"a Disconnect for {key[1]} needs a user name", next="give the username of its session")
        if state in LIVE:
            deed.move(State.REVOKING, "revoked")
            deed.drop(Step.COA, reason="the prefix was revoked meanwhile")
        deed.drop(Step.MARK, reason="the prefix was revoked meanwhile")
        asked = {step.step for step in deed.awaited}
        if disconnect and Step.DISCONNECT not in asked:
            deed.set(disconnect=None)
            deed.want(Step.DISCONNECT, **session)
        if release and is_held(row) and Step.RELEASE not in asked:
            deed.want(Step.RELEASE)
        elif not release and is_held(row) and state in LIVE:
            self._mark(deed, "deprecated")
        self._replies.finish(deed)
        return deed.changes()

    def retry(self, name: str, actor: str, now: float) -> tuple[Change, ...]:
        """Try a pending step now; raises NotFound."""
        step = self.step(name)
        deed = Deed(self.book, (step.tenant, step.subscriber), actor, now)
        deed.hasten(step)
        return deed.changes()

    def lose(self, key: Key, reason: str, actor: str, now: float) -> tuple[Change, ...]:
        """Forget a prefix that its IPAM does not hold for the subscriber; raises NotFound, InUse, IllegalTransition.

        One that is revoked or failed stays so, any other is failed then.
        """
        deed = Deed(self.book, key, actor, now)
        if deed.awaited:
            raise InUse(f"{key[1]} waits for {_steps(deed.awaited)}", next="wait for it, or cancel it")
        if deed.row.network is None:
            raise IllegalTransition(f"{key[1]} has no prefix to forget", next="look for leaks again")
        text = f"{prefix_of(deed.row)} was forgotten: {reason}"
        if deed.state in {State.REVOKED, State.FAILED}:
            deed.note(text)
            deed.set(**UNHELD)
        else:
            deed.move(State.FAILED, text, failure=text, **UNHELD)
        deed.drop(Step.MARK, reason=reason)
        return deed.changes()

    def purge(self, before: float, now: float, most: int) -> tuple[tuple[Key, ...], tuple[Change, ...]]:
        """Forget up to `most` lives whose prefix was revoked before a moment, and steps that ended before it.

        The subscriber stays, as new. What an IPAM still holds is not forgotten.
        """
        gone: list[Key] = []
        changes: list[Change] = []
        old = takewhile(lambda row: entered(row) < before, self.book.in_state(State.REVOKED))
        free = (row for row in old if not is_held(row) and not self.outbox.of((row.tenant, row.id)))
        for row in list(islice(free, most)):
            key = row.tenant, row.id
            gone.append(key)
            changes += Deed(self.book, key, "", now).remove()
            again = fresh(row, now)
            self.book.put(again)
            changes.append(again)
        return tuple(gone), (*changes, IntentsForgotten(before))

    def stuck(self, allocated_before: float, revoking_before: float) -> list[SubscriberRecorded]:
        """Return those that have been allocated, or are being revoked, since before these moments (unix seconds)."""
        found: list[SubscriberRecorded] = []
        for state, before in ((State.ALLOCATED, allocated_before), (State.REVOKING, revoking_before)):
            for row in self.book.in_state(state):
                if entered(row) >= before:
                    break
                found.append(row)
        return found

    def step(self, name: str) -> IntentRecorded:
        """Return a pending step; raises NotFound."""
        step = self.outbox.find(name)
        if step is None:
            raise NotFound(f"there is no pending step {name[:80]!r}", next="see GET /api/v1/network/outbox")
        return step

    def _join(
        self, key: Key, awaited: tuple[IntentRecorded, ...], wanted: int, parent: int | None
    ) -> tuple[Change, ...]:
        payload = payload_of(awaited[0])
        if awaited[0].step != Step.ALLOCATE:
            raise IllegalTransition(
                f"what was allocated for {key[1]} is being taken back", next="wait until that is done"
            )
        _same(key, wanted, payload["size"], parent, payload.get("parent"))
        return ()

    def _withdraw(self, deed: Deed) -> tuple[Change, ...]:
        if not deed.awaited:
            raise IllegalTransition(f"{deed.key[1]} never had a prefix", next="allocate one first")
        step = deed.awaited[0]
        if step.step == Step.ALLOCATE:
            deed.end(step, Fate.CANCELLED, reason="the prefix was revoked before it was there")
            undo(deed, step, "revoked before it was there")
        return deed.changes()

    def _mark(self, deed: Deed, status: str) -> None:
        deed.drop(Step.MARK, reason=f"the prefix is {deed.state} now")
        if is_held(deed.row):
            deed.want(Step.MARK, status=status)


def check_tenant(name: str) -> None:
    """Raise InvalidName unless `name` can be a tenant's."""
    if not _TENANT.match(name):
        raise InvalidName(f"{name[:80]!r} is no tenant", next="give 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front")


def check_session(username: str | None, nas_ip: str | None) -> None:
    """Raise InvalidName or InvalidAddress unless these can name a session (RFC 2865, 5.1: up to 253 octets)."""
    if username is not None and not (username.isprintable() and 1 <= len(username.encode()) <= 253):
        raise InvalidName(f"{username[:80]!r} is no user name", next="give 1 to 253 printable bytes")
    if nas_ip is not None:
        try:
            ip_address(nas_ip)
        except ValueError:
            raise InvalidAddress(
                f"{nas_ip[:80]!r} is no address of a NAS", next="give one IPv4 or IPv6 address"
            ) from None


def registry_word(row: SubscriberRecorded) -> str:
    """Return what operators call the IPAM that a prefix is from."""
    return {"netbox": "NetBox", "embedded": "the embedded IPAM"}.get(row.registry or "", row.registry or "no IPAM")


def _check_size(size: int) -> None:
    if not _SHORTEST <= size <= _LONGEST:
        raise InvalidSubnet(
            f"/{size} is no length of a subscriber's prefix", next=f"give a prefix_size from {_SHORTEST} to {_LONGEST}"
        )


def _same(key: Key, size: int | None, has: int | None, parent: int | None, of: int | None) -> None:
    if size != has:
        raise IllegalTransition(
            f"{key[1]} has or waits for a /{has} already, not a /{size}", next="revoke it first, or ask for that size"
        )
    if parent is not None and of is not None and parent != of:
        raise IllegalTransition(
            f"{key[1]} has or waits for a prefix out of {of} already, not out of {parent}", next="revoke it first"
        )


def _steps(steps: tuple[IntentRecorded, ...]) -> str:
    return ", ".join(f"{step.step} (step {step.id})" for step in steps)


def _cannot(before: State, after: State) -> tuple[str]:
    return (f"a prefix that is {before} cannot become {after}",)


def _help(row: SubscriberRecorded) -> str:
    match state_of(row):
        case State.PENDING:
            return "allocate it first" if row.ipv6_pending_at is None else "wait until it is allocated"
        case State.REVOKED | State.FAILED:
            return "allocate a new prefix"
        case State.ALLOCATED:
            return "activate it first"
        case State.ACTIVE:
            return "suspend or revoke it"
        case State.SUSPENDED:
            return "resume or revoke it"
        case State.REVOKING:
            return "wait until it is revoked"
