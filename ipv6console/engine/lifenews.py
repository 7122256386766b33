"""What the journal tells of subscribers: their transitions, and steps that others refuse or do not answer."""

from __future__ import annotations

from collections.abc import Sequence

from ipv6console.engine.journal import Journal
from ipv6console.ipam.change import Change, IntentRecorded, TransitionRecorded
from ipv6console.ipam.lifecycle import State
from ipv6console.ipam.outbox import Fate, Step
from ipv6console.wire.event import EventLevel


def tell(journal: Journal, changes: Sequence[Change]) -> None:
    """Write down what is news of what was committed."""
    for change in changes:
        if isinstance(change, TransitionRecorded):
            _transition(journal, change)
        elif isinstance(change, IntentRecorded):
            _step(journal, change)


def _transition(journal: Journal, turn: TransitionRecorded) -> None:
    # That a life begins is told by the step it begins with; what does not change the state is in the history alone.
    if turn.after in {turn.before, State.PENDING}:
        return
    name = f"{turn.tenant}/{turn.subscriber}"
    journal.write(
        f"subscriber.{turn.after}",
        f"{name}: {turn.prefix or 'no prefix'} is {turn.after}, it was {turn.before}: {turn.text}",
        level=EventLevel.WARNING if turn.after == State.FAILED else EventLevel.INFO,
        subject=name,
        actor=turn.actor or None,
        prefix=turn.prefix,
    )


def _step(journal: Journal, step: IntentRecorded) -> None:
    name = f"{step.tenant}/{step.subscriber}"
    if step.state == Fate.REFUSED:
        journal.warn("outbox.refused", f"{name}: {step.step} was refused: {step.answer}", subject=name, step=step.id)
    elif step.state == Fate.CANCELLED and step.step != Step.MARK:
        text = f"{name}: {step.step} was cancelled: {step.reason}"
        journal.write("outbox.cancelled", text, subject=name, actor=step.actor or None, step=step.id)
    elif step.state == Fate.PENDING and step.attempts == 1 and step.next_at > step.changed_at:
        text = f"{name}: {step.step} was not answered, and is tried until it is: {step.answer}"
        journal.warn("outbox.delayed", text, subject=name, step=step.id)
    elif step.state == Fate.PENDING and step.step == Step.ALLOCATE and step.changed_at == step.created_at:
        text = f"{name}: a prefix was asked for"
        journal.write("subscriber.pending", text, subject=name, actor=step.actor or None, step=step.id)
    elif step.state == Fate.DONE and step.attempts > 1:
        text = f"{name}: {step.step} was answered the {step.attempts}. time: {step.answer}"
        journal.write("outbox.answered", text, subject=name, step=step.id, attempts=step.attempts)
