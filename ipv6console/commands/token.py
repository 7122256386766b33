"""`ipv6console token`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.sheet import moment, print_json, print_rows
from ipv6console.quantity import many

_SCOPES = ("read", "scrape", "operate")


@click.group(
    short_help="Make, list and revoke bearer tokens for callers over TCP.",
    epilog="Example: ipv6console token create crawler --scope scrape --output crawler.token",
)
def token() -> None:
    """Make, list and revoke bearer tokens. Over the Unix socket nobody needs one (docs/access.md)."""


@token.command(epilog="Example: ipv6console token create crawler --scope scrape --output crawler.token")
@click.argument("name", metavar="NAME")
@click.option("--scope", type=click.Choice(_SCOPES), required=True, help="What it allows; each includes those before.")
@click.option("--tenant", metavar="TENANT", help="It opens this tenant's spaces and subscribers alone.")
@click.option("-o", "--output", metavar="FILE", help="Write it to this new file, readable by you alone.")
@engine_options
def create(engine: Engine, name: str, scope: str, tenant: str | None, output: str | None) -> None:
    """Make a token and print it; the engine keeps only its hash, so it is never shown again.

    Commands show the token in the file that --token-file or IPV6CONSOLE_TOKEN_FILE names.
    """
    file = None if output is None else _new_file(Path(output))
    try:
        with engine.client() as client:
            created = client.create_token(name, scope, tenant=tenant)
        if file is not None:
            _write(file, created.token, name, output)
    except BaseException:
        if output is not None:
            Path(output).unlink()
        raise
    finally:
        if file is not None:
            os.close(file)
    if engine.as_json:
        print_json(created)
    elif output is None:
        click.echo(created.token)
    reach = created.scope if created.tenant is None else f"{created.scope}, tenant {created.tenant}"
    click.echo(f"token {created.name} ({reach}) is made{f' and in {output}' if output else ''}", err=True)


@token.command(name="list", epilog="Example: ipv6console token list")
@engine_options
def list_(engine: Engine) -> None:
    """List tokens: who made each, what it allows and when it was last used since the engine started."""
    with engine.client() as client:
        page = client.tokens()
    if engine.as_json:
        print_json(page)
        return
    if page.tokens:
        print_rows(
            [
                ("NAME", "SCOPE", "TENANT", "MADE", "BY", "LAST USED"),
                *(
                    (
                        row.name,
                        row.scope,
                        row.tenant or "-",
                        moment(row.created_at),
                        row.created_by,
                        moment(row.last_used_at),
                    )
                    for row in page.tokens
                ),
            ]
        )
    click.echo(many(len(page.tokens), "token", "tokens"), err=True)


@token.command(epilog="Example: ipv6console token revoke crawler")
@click.argument("name", metavar="NAME")
@engine_options
def revoke(engine: Engine, name: str) -> None:
    """Make a token worthless, at once and for good."""
    with engine.client() as client:
        row = client.revoke_token(name)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"token {row.name} ({row.scope}) is revoked")


def _write(file: int, secret: str, name: str, output: str | None) -> None:
    try:
        os.write(file, f"{secret}\n".encode())
        os.fsync(file)
    except OSError as error:
        raise Failure(
            f"token {name} is made, but {output} cannot be written: {error.strerror}",
            next=f"end it with `ipv6console token revoke {name}`, and make another where there is room",
            code=ExitCode.NO,
        ) from error


def _new_file(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise Failure(
            f"{path} cannot be made: {error.strerror}; no token was made",
            next="name a new file in a folder of yours",
            code=ExitCode.USAGE,
        ) from error
