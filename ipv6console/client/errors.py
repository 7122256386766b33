"""What can go wrong between a scraper, the engine and the network: each cause is an exception of its own."""

from __future__ import annotations

from ipv6console.wire.problem import Problem


class IPv6ConsoleError(Exception):
    """Any error of this library."""


class EngineUnreachable(IPv6ConsoleError):
    """No engine answers at `place` (a URL or a socket). `next` is the step that helps."""

    def __init__(self, place: str, cause: str, next: str = "start one with `ipv6console serve`") -> None:  # noqa: A002 - as in problems
        super().__init__(f"no engine answers at {place}: {cause}; {next}")
        self.place = place
        self.cause = cause
        self.next = next


def unreachable(place: str, cause: str, error: BaseException) -> EngineUnreachable:
    """Return the error for an engine that `error` kept away, with the step that helps against it."""
    origin: BaseException | None = error
    while origin is not None:
        if isinstance(origin, PermissionError):
            return EngineUnreachable(place, cause, "join the group that `group` in its [engine] names, or use its URL")
        if isinstance(origin, TimeoutError):
            return EngineUnreachable(
                place, cause, "it hangs or is overloaded (see its log), or something between drops what is sent"
            )
        origin = origin.__cause__
    return EngineUnreachable(place, cause)


class EngineRefused(IPv6ConsoleError):
    """The engine declined, with a problem document (RFC 9457), or said what is not understood. `next` is the step that helps."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail} ({problem.next})")
        self.problem = problem
        self.status = problem.status
        self.title = problem.title
        self.detail = problem.detail
        self.next = problem.next


class PoolEmpty(IPv6ConsoleError):
    """The mirror `dbname` had no address to lease, also after waiting."""

    def __init__(self, dbname: str, tries: int, detail: str | None) -> None:
        because = f" ({detail})" if detail else ""
        super().__init__(
            f"no idle address in mirror {dbname!r} after {tries} {'try' if tries == 1 else 'tries'}{because}; "
            "see `ipv6console status`, or keep more addresses with `ipv6console serve -n NUM`"
        )
        self.dbname = dbname
        self.tries = tries
        self.detail = detail


ANOTHER = "take another address with adapt(), or another client.lease()"


class LeaseLost(IPv6ConsoleError):
    """The session holds no lease on `addr` (any more); nothing was sent. `next` is the step that helps."""

    def __init__(self, addr: str | None, cause: str, next: str = ANOTHER) -> None:  # noqa: A002 - as in problems
        super().__init__(f"{addr or 'no address'}: {cause}; {next}")
        self.addr = addr
        self.cause = cause
        self.next = next
