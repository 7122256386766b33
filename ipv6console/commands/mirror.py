"""`ipv6console mirror`."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.option import LEASE_TTL
from ipv6console.commands.sheet import print_json, span
from ipv6console.wire.mirror import MirrorSettings

_KEYS = [field.name.replace("_", "-") for field in fields(MirrorSettings)]


@click.group(
    short_help="Show or change what holds for one mirror.",
    epilog="Example: ipv6console mirror set task1 --usable-num 100 --lease-ttl 15m",
)
def mirror() -> None:
    """Show or change what holds for one mirror instead of the pool's settings."""


@mirror.command(epilog="Example: ipv6console mirror show task1")
@click.argument("name", metavar="NAME")
@engine_options
def show(engine: Engine, name: str) -> None:
    """Show what is set for mirror NAME."""
    with engine.client() as client:
        found = client.mirror_settings(name)
    _print(engine, name, found)


@mirror.command(name="set", epilog="Example: ipv6console mirror set task1 --usable-num 100 --lease-ttl 15m")
@click.argument("name", metavar="NAME")
@click.option("--usable-num", type=click.IntRange(1), help="Idle addresses to keep for it.")
@click.option("--lease-ttl", type=LEASE_TTL, help="How long a lease lives unless its holder asks for less.")
@click.option("--bad-cooldown", type=LEASE_TTL, help="How long a bad address rests at first.")
@click.option("--max-leases-per-64", type=click.IntRange(0), help="The most live leases of one /64; 0 is no limit.")
@click.option("--check-url", "check_urls", metavar="URL", multiple=True, help="A URL that must see its addresses.")
@click.option("--unset", metavar="KEY", type=click.Choice(_KEYS), multiple=True, help="Use the pool's again.")
@engine_options
def set_(engine: Engine, /, *, name: str, unset: tuple[str, ...], **given: Any) -> None:
    """Change what is named for mirror NAME; the rest stays as it is.

    KEY is one of usable-num, lease-ttl, bad-cooldown, max-leases-per-64 and check-urls.
    """
    changes = {key: value for key, value in given.items() if value not in (None, ())}
    forgotten = {key.replace("-", "_") for key in unset}
    if not changes and not forgotten:
        raise click.UsageError("name what to change; --help lists it")
    if forgotten & set(changes):
        raise click.UsageError("the same one is set and unset")
    defaults = MirrorSettings()
    with engine.client() as client:
        before = client.mirror_settings(name)
        wanted = replace(before, **changes, **{key: getattr(defaults, key) for key in forgotten})
        found = client.set_mirror(name, wanted)
    _print(engine, name, found)


def _print(engine: Engine, name: str, found: MirrorSettings) -> None:
    if engine.as_json:
        print_json(found)
        return
    click.echo(f"mirror {name}")
    for field in fields(found):
        value = getattr(found, field.name)
        if value is None or value == ():
            shown = "as the pool"
        elif isinstance(value, float):
            shown = span(value)
        else:
            shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        click.echo(f"  {field.name.replace('_', '-'):<18} {shown}")
