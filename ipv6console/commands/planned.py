"""Acts in two steps: show the plan, ask, apply exactly that."""

from __future__ import annotations

import sys
import time

import click

from ipv6console.commands.connection import Engine
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.sheet import print_json, span
from ipv6console.quantity import addresses, many
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanAction, PlanRequest

_OF_THE_POOL = (
    PlanAction.FLUSH_MIRROR,
    PlanAction.FLUSH_POOL,
    PlanAction.REVOKE_ADDRESSES,
    PlanAction.REVOKE_PREFIX,
)

_OF_SUBSCRIBERS = (
    PlanAction.SUBSCRIBER_ALLOCATE,
    PlanAction.SUBSCRIBER_ACTIVATE,
    PlanAction.SUBSCRIBER_SUSPEND,
    PlanAction.SUBSCRIBER_RESUME,
    PlanAction.SUBSCRIBER_REVOKE,
    PlanAction.REPAIR_LEAK,
)


def plan_and_apply(engine: Engine, request: PlanRequest, *, reason: str | None, yes: bool) -> int:
    """Print the plan for `request`, apply it when `yes` or when the person at the terminal says so."""
    with engine.client() as client:
        plan = client.plan(request)
        if not engine.as_json:
            _show(plan)
        if not yes:
            _ask(engine)
        applied = client.apply(ApplyRequest(plan=plan.id, reason=reason))
    if engine.as_json:
        print_json(applied)
    else:
        click.echo(_said(applied))
    return ExitCode.DONE


def _show(plan: Plan) -> None:
    click.echo(f"plan: {plan.action.value} {plan.target}".rstrip())
    if plan.action in _OF_SUBSCRIBERS:
        for line in (*plan.sample, *plan.steps):
            click.echo(f"  {line}")
        click.echo(f"  holds for {span(plan.expires_at - time.time())}, and only while that stays as it is")
        return
    ends = f", {many(plan.leases, 'live lease ends', 'live leases end')}" if plan.action in _OF_THE_POOL else ""
    click.echo(f"  {addresses(plan.count)}{ends}")
    if plan.mirrors:
        click.echo(f"  mirrors hurt: {', '.join(plan.mirrors)}")
    if plan.sample:
        more = f" and {plan.count - len(plan.sample)} more" if plan.count > len(plan.sample) else ""
        click.echo(f"  {', '.join(plan.sample)}{more}")
    for step in plan.steps:
        click.echo(f"  {step}")
    click.echo(f"  holds for {span(plan.expires_at - time.time())}, and only while that set stays as it is")


def _ask(engine: Engine) -> None:
    if engine.as_json or not sys.stdin.isatty():
        raise Failure(
            "nothing was done: nobody was there to agree to the plan",
            next="run it on a terminal, or agree beforehand with --yes",
            code=ExitCode.USAGE,
        )
    if not click.confirm("Apply?", default=False):
        raise click.Abort


def _said(applied: Applied) -> str:
    if applied.action in _OF_SUBSCRIBERS:
        return f"done: {applied.action.value} {applied.target}"
    ended = f", {many(applied.leases_ended, 'lease', 'leases')} ended" if applied.action in _OF_THE_POOL else ""
    return f"done: {applied.action.value} {applied.target}: {addresses(applied.count)}{ended}"
