"""What becomes of a subscriber when another system answers a step, or an operator cancels it."""

from __future__ import annotations

from ipv6console.ipam.book import UNHELD, Book, Deed, is_held, payload_of, prefix_of
from ipv6console.ipam.change import Change, IntentRecorded
from ipv6console.ipam.errors import NotFound
from ipv6console.ipam.lifecycle import State
from ipv6console.ipam.outbox import Fate, Step
from ipv6console.ipam.result import Done, Granted, Postponed, Refused, Result


def undo(deed: Deed, allocation: IntentRecorded, failure: str) -> None:
    """Want back what an allocation that ended may have made; the subscriber is failed when that is done."""
    registry = payload_of(allocation)["registry"]
    deed.want(Step.RELEASE, undo=allocation.id, registry=registry, failure=failure)


class Replies:
    """Decides what follows."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def answered(self, step: IntentRecorded, result: Result, *, again: bool, now: float) -> tuple[Change, ...]:
        """Take up how a step that was taken was answered; `again` is whether it may have been tried before."""
        key = step.tenant, step.subscriber
        if self._book.get(key) is None:
            return ()
        deed = Deed(self._book, key, step.actor, now)
        if self._book.outbox.find(step.id) is None:
            self._late(deed, step, result)
        elif isinstance(result, Postponed):
            self._postponed(deed, step, result)
        else:
            match Step(step.step):
                case Step.ALLOCATE:
                    self._allocate(deed, step, result, again=again)
                case Step.COA:
                    self._coa(deed, step, result)
                case Step.DISCONNECT:
                    self._disconnect(deed, step, result)
                case Step.RELEASE if "undo" in payload_of(step):
                    self._undone(deed, step, result)
                case Step.RELEASE:
                    self._release(deed, step, result)
                case Step.MARK:
                    self._marked(deed, step, result)
        return deed.changes()

    def cancel(self, name: str, reason: str, actor: str, now: float) -> tuple[Change, ...]:
        """Give up a pending step for a reason; raises NotFound."""
        step = self._book.outbox.find(name)
        if step is None:
            raise NotFound(f"there is no pending step {name[:80]!r}", next="see GET /api/v1/network/outbox")
        deed = Deed(self._book, (step.tenant, step.subscriber), actor, now)
        text = f"cancelled: {reason}"
        deed.end(step, Fate.CANCELLED, reason=reason)
        deed.note(f"{step.step} {text}")
        match Step(step.step):
            case Step.ALLOCATE:
                undo(deed, step, text)
            case Step.COA:
                deed.set(coa=text)
            case Step.DISCONNECT:
                deed.set(disconnect=text)
                self.finish(deed)
            case Step.RELEASE if "undo" in payload_of(step):
                failure = f"{text}; {payload_of(step)['registry']} may hold a prefix of operation {deed.row.operation}"
                deed.move(State.FAILED, failure, failure=failure)
            case Step.RELEASE:
                self._held(deed, f"the release was {text}")
            case Step.MARK:
                pass
        return deed.changes()

    def finish(self, deed: Deed) -> None:
        """Let a prefix that is being revoked be revoked once no step is left to wait for."""
        if deed.state is State.REVOKING and not deed.awaited:
            kept = f"; {prefix_of(deed.row)} was not given back" if is_held(deed.row) else ""
            deed.move(State.REVOKED, f"everything asked for is done{kept}")
            if not is_held(deed.row):
                deed.set(**UNHELD)

    def _allocate(self, deed: Deed, step: IntentRecorded, result: Done | Granted | Refused, *, again: bool) -> None:
        if isinstance(result, Granted):
            deed.move(State.ALLOCATED, f"{result.registry} gave it (number {result.id} there)", **_kept(result))
            deed.end(step, Fate.DONE, answer=prefix_of(deed.row))
            return
        if not again and isinstance(result, Refused):
            deed.move(State.FAILED, f"allocate: {result.text}", failure=result.text)
        deed.end(step, Fate.REFUSED, answer=result.text)
        if deed.state is State.PENDING:
            # An earlier try of the same operation may have made one after all.
            deed.note(f"allocate: {result.text}")
            undo(deed, step, result.text)

    def _coa(self, deed: Deed, step: IntentRecorded, result: Done | Granted | Refused) -> None:
        text = _text(result)
        deed.end(step, Fate.REFUSED if isinstance(result, Refused) else Fate.DONE, answer=text)
        deed.set(coa=text)
        if isinstance(result, Refused):
            deed.note(f"coa: {text}")
            return
        session = payload_of(step)
        deed.set(username=session.get("username"), nas_ip=session.get("nas_ip"))
        if deed.state in {State.ALLOCATED, State.SUSPENDED}:
            deed.move(State.ACTIVE, f"RADIUS agreed: {text}")
            deed.drop(Step.MARK, reason="the prefix is active now")
            if is_held(deed.row):
                deed.want(Step.MARK, status="active")
        else:
            deed.note(f"coa: {text}")

    def _disconnect(self, deed: Deed, step: IntentRecorded, result: Done | Granted | Refused) -> None:
        text = _text(result)
        refused = isinstance(result, Refused)
        deed.end(step, Fate.REFUSED if refused else Fate.DONE, answer=text)
        deed.set(disconnect=text)
        deed.note(f"disconnect: {text}")
        if refused:
            deed.drop(Step.RELEASE, reason="the session could not be ended")
            self._held(deed, f"the session could not be ended: {text}")
        else:
            self.finish(deed)

    def _release(self, deed: Deed, step: IntentRecorded, result: Done | Granted | Refused) -> None:
        text = _text(result)
        if isinstance(result, Refused):
            deed.end(step, Fate.REFUSED, answer=text)
            self._held(deed, f"the release was refused: {text}")
            return
        prefix = prefix_of(deed.row)
        deed.end(step, Fate.DONE, answer=text)
        if deed.state is State.REVOKING and not deed.awaited:
            deed.move(State.REVOKED, f"release: {text}", **UNHELD)
        else:
            deed.note(f"release: {text}")
            deed.set(**UNHELD)
            if deed.state is State.FAILED:
                deed.set(failure=f"{prefix} was given back after all")

    def _undone(self, deed: Deed, step: IntentRecorded, result: Done | Granted | Refused) -> None:
        failure = payload_of(step)["failure"]
        if isinstance(result, Refused):
            failure = f"{failure}; what had been allocated could not be given back: {result.text}"
            kept = {} if result.held is None else _kept(result.held)
            deed.move(State.FAILED, failure, failure=failure, **kept)
            deed.end(step, Fate.REFUSED, answer=result.text)
        else:
            deed.move(State.FAILED, f"{failure}; {_text(result)}", failure=failure)
            deed.end(step, Fate.DONE, answer=_text(result))

    @staticmethod
    def _marked(deed: Deed, step: IntentRecorded, result: Done | Granted | Refused) -> None:
        refused = isinstance(result, Refused)
        deed.end(step, Fate.REFUSED if refused else Fate.DONE, answer=_text(result))
        if refused:
            deed.note(f"mark: {_text(result)}")

    @staticmethod
    def _postponed(deed: Deed, step: IntentRecorded, result: Postponed) -> None:
        if step.answer != result.text:
            deed.note(f"{step.step}: {result.text}")
        deed.postpone(step, result.text, result.after)
        if step.step == Step.COA:
            deed.set(coa=result.text)
        elif step.step == Step.DISCONNECT:
            deed.set(disconnect=result.text)

    @staticmethod
    def _held(deed: Deed, failure: str) -> None:
        """Its prefix is not given back: it stays on the row, for the leak finder and for another try."""
        if deed.state is State.REVOKING:
            deed.move(State.FAILED, failure, failure=failure)
        else:
            deed.note(failure)
            deed.set(failure=failure)

    @staticmethod
    def _late(deed: Deed, step: IntentRecorded, result: Result) -> None:
        """Believe of an answer to a step that was given up what it says of the prefix."""
        released = step.step == Step.RELEASE and isinstance(result, Done) and "undo" not in payload_of(step)
        if released and deed.state in {State.FAILED, State.REVOKED} and is_held(deed.row) and not deed.awaited:
            deed.note(f"release, cancelled meanwhile: {result.text}" if isinstance(result, Done) else "release")
            deed.set(failure=f"{prefix_of(deed.row)} was given back after all", **UNHELD)


def _kept(granted: Granted) -> dict[str, str | int | None]:
    return {
        "network": granted.network,
        "length": granted.length,
        "registry": granted.registry,
        "ipv6_netbox_prefix_id": granted.id,
        "parent": granted.parent,
    }


def _text(result: Done | Granted | Refused) -> str:
    return f"number {result.id}" if isinstance(result, Granted) else result.text
