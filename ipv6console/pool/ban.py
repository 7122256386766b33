"""Bad verdicts that name the host that banned: the address is bad for that host, and may serve others."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ipv6console.pool.spare import Spare

_HOSTS = 32
_EVERY_HOST = ""


@dataclass(slots=True)
class Ban:
    """How often in a row one host banned an address, and until when it is not tried there; 0 when it is again."""

    strikes: int
    until: float


class Bans:
    """The bans of one mirror's rows; rows that no host ever banned cost nothing here.

    `spare` holds the rows that are bad for some hosts only and not in use.
    """

    __slots__ = ("_of", "spare")

    def __init__(self) -> None:
        self._of: dict[int, dict[str, Ban]] = {}
        self.spare = Spare()

    def strike(self, row: int, host: str) -> Ban | None:
        """Count one more ban in a row by the host; None when as many as 32 hosts ban the row: it is bad for all."""
        hosts = self._of.setdefault(row, {})
        ban = hosts.get(host)
        if ban is not None:
            ban.strikes += 1
            return ban
        if len(hosts) >= _HOSTS:
            self._forgive(row, hosts)
            if len(hosts) >= _HOSTS:
                return None
        hosts[host] = ban = Ban(1, 0.0)
        self._of[row] = hosts
        return ban

    def until(self, row: int) -> float | None:
        """Return when the first of the row's bans ends, None when no host bans it."""
        hosts = self._of.get(row)
        return min((ban.until for ban in hosts.values() if ban.until), default=None) if hosts else None

    def hosts(self, row: int) -> tuple[str, ...]:
        """Return the hosts that ban the row."""
        return tuple(host for host, ban in self._of.get(row, {}).items() if ban.until)

    def first(self, host: str) -> int | None:
        """Return the spare row released least recently that the host does not ban."""
        return self.spare.first(host, lambda row: self._banned(row, host))

    def lift(self, row: int, now: float) -> None:
        """Let the bans end that have lasted until `now`; their strikes are kept until the row serves well."""
        for ban in self._of.get(row, {}).values():
            if ban.until <= now:
                ban.until = 0.0

    def postpone(self, row: int, now: float, until: float) -> None:
        """Let the bans last until `until` that have lasted until `now`."""
        for ban in self._of.get(row, {}).values():
            if 0.0 < ban.until <= now:
                ban.until = until

    def praise(self, row: int, host: str | None) -> None:
        """Forget the strikes by the host, which the row served well; None forgets all that ban it no longer."""
        hosts = self._of.get(row)
        if hosts is None:
            return
        if host is None:
            self._forgive(row, hosts)
        elif hosts.pop(host, None) is not None and not hosts:
            del self._of[row]

    def forget(self, row: int) -> None:
        """Forget everything about the row."""
        self._of.pop(row, None)
        self.spare.discard(row)

    def write(self, row: int, bad_for_all: float | None) -> str | None:
        """Return the bans of the row as JSON, {host: [strikes, until]}, None when there are none.

        `bad_for_all` is until when it is not tried anywhere, told as the ban of the host "".
        """
        hosts = self._of.get(row)
        if not hosts:
            return None
        told = {host: (ban.strikes, ban.until) for host, ban in hosts.items()}
        if bad_for_all is not None:
            told[_EVERY_HOST] = (0, bad_for_all)
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

    def read(self, row: int, text: str) -> bool:
        """Take up what `write` returned; return whether the row is bad for all."""
        told = json.loads(text)
        bad_for_all = told.pop(_EVERY_HOST, None) is not None
        self._of[row] = {host: Ban(strikes, until) for host, (strikes, until) in told.items()}
        return bad_for_all

    def _banned(self, row: int, host: str) -> bool:
        ban = self._of[row].get(host)
        return ban is not None and ban.until != 0.0

    def _forgive(self, row: int, hosts: dict[str, Ban]) -> None:
        left = {host: ban for host, ban in hosts.items() if ban.until}
        hosts.clear()
        hosts.update(left)
        if not hosts:
            del self._of[row]
