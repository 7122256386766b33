"""The prefixes of the pool, and which of them hand out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ipv6console.pool.change import PrefixRecorded
from ipv6console.pool.prefix import Prefix, Standing


class Prefixes(dict[int, Prefix]):
    """Every prefix that was ever seen, by id; `active` counts the live addresses of those that hand out now."""

    def __init__(self) -> None:
        super().__init__()
        self.active: dict[int, int] = {}

    @property
    def severed(self) -> str | None:
        """Why nothing is handed out though there are active prefixes, None when something is or there are none."""
        active = [prefix for prefix in self.values() if prefix.standing is Standing.ACTIVE]
        return None if any(prefix.serves for prefix in active) else next((p.severed for p in active), None)

    def find(self, network: int, length: int) -> Prefix | None:
        """Return the prefix, whatever its standing, None when it was never seen."""
        return next((p for p in self.values() if (p.network, p.length) == (network, length)), None)

    def take(self, network: int, length: int, *, interface: str, source: str, now: float) -> Prefix:
        """Return the prefix as it is found now, new or seen before; raises ValueError when it is revoked."""
        prefix = self.find(network, length)
        if prefix is None:
            number = max(self, default=0) + 1
            prefix = self[number] = Prefix(number, network, length, interface, source, Standing.ACTIVE, now, now)
        elif prefix.standing is Standing.REVOKED:
            raise ValueError(f"{prefix} is revoked")
        prefix.interface, prefix.source = interface, source
        return prefix

    def stand(self, prefix: Prefix, standing: Standing, now: float) -> PrefixRecorded:
        """Change what a prefix does; return what is to be committed."""
        if prefix.standing is not standing:
            prefix.standing = standing
            prefix.changed_at = now
        return prefix.record()

    def close(self, prefix: Prefix) -> None:
        """Let it hand out no more."""
        self.active.pop(prefix.id, None)

    def count(self, prefix_id: int, change: int) -> None:
        """Note that so many of its addresses came, or with a negative number left."""
        self[prefix_id].live += change
        if prefix_id in self.active:
            self.active[prefix_id] += change

    def restore(self, records: Iterable[PrefixRecorded], counts: Mapping[int, int]) -> None:
        """Take up what was committed, and how many addresses each has."""
        for record in records:
            prefix = Prefix(*record[:5], Standing(record.state), record.first_seen, record.changed_at, record.held)
            self[prefix.id] = prefix
            if prefix.standing is Standing.ACTIVE:
                self.active[prefix.id] = 0
        for prefix_id, count in counts.items():
            if count:
                self.count(prefix_id, count)
