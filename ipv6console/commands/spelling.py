"""What people type, as the engine writes it."""

from __future__ import annotations

from ipv6console.commands.failure import ExitCode, Failure


def canonical(prefix: str) -> str:
    """Return the prefix in the one spelling of its own; what is none ends the command with a Failure."""
    from ipv6console.pool.prefix import InvalidPrefix, format_prefix, parse_prefix  # noqa: PLC0415 - not for --help

    try:
        return format_prefix(*parse_prefix(prefix))
    except InvalidPrefix as error:
        raise Failure(str(error), next="write it like 2001:db8::/64", code=ExitCode.USAGE) from error
