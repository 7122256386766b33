"""`ipv6console pick`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.option import LEASE_TTL, WAIT, dbname_option
from ipv6console.commands.sheet import moment, print_json, span


@click.command(
    short_help="Lease addresses.",
    epilog='Example: curl --interface "$(ipv6console pick -d task1)" https://example.org/',
)
@dbname_option
@click.option("-n", "--num", type=click.IntRange(1, 100), help="Lease so many; exit code 1 when none was to be had.")
@click.option("--ttl", type=LEASE_TTL, help="End the lease after this long; only its token renews or ends it.")
@click.option("--holder", metavar="TEXT", help="Who holds the lease, as the console shows it.")
@click.option("--wait", metavar="TIME", type=WAIT, help="Queue for an address so long, at most 5m, when none is idle.")
@click.option("--target", metavar="HOST", help="The host it is for; one that only other hosts ban will do then.")
@engine_options
def pick(
    engine: Engine,
    *,
    dbname: str,
    num: int | None,
    ttl: float | None,
    holder: str | None,
    wait: float | None,
    target: str | None,
) -> int:
    """Lease an idle address of a mirror and print it; its token and end go to stderr."""
    if num is not None and wait is not None:
        raise click.UsageError("--wait is for one address; leave --num out")
    with engine.client() as client:
        if num is None:
            reply = client.pick(dbname, ttl=ttl, holder=holder, wait=wait, target=target)
            leases = [(reply.addr or "", reply.lease or "", reply.expires_at, reply.ttl)] if reply.success else []
            success, detail = reply.success, reply.detail
            document: object = reply
        else:
            replies = client.picks(num, dbname, ttl=ttl, holder=holder, target=target)
            leases = [(lease.addr, lease.lease, lease.expires_at, lease.ttl) for lease in replies.leases]
            success, detail = replies.success, replies.detail
            document = replies
    if engine.as_json:
        print_json(document)
    else:
        for addr, token, expires_at, seconds in leases:
            click.echo(addr)
            click.echo(f"  lease {token} until {moment(expires_at)} ({span(seconds or 0.0)})", err=True)
    if not success:
        click.echo(f"ipv6console: no address in mirror {dbname}: {detail or 'none is idle'}", err=True)
        click.echo("  next: see `ipv6console status`, or make some with `ipv6console spawn 10`", err=True)
    return ExitCode.DONE if success else ExitCode.NO
