"""Bindings by what they are asked for by: id, instance, resource, tag. A binding's row is all that is kept of it."""

from __future__ import annotations

from ipv6console.ipam.change import BindingRecorded
from ipv6console.ipam.claim import decode_tags


class Index:
    """The bindings of a space; each question costs what it answers. A resource may have several."""

    __slots__ = ("_instances", "_resources", "_tags", "count")

    def __init__(self) -> None:
        self.count = 0
        self._instances: dict[str, dict[str, BindingRecorded]] = {}
        self._resources: dict[str, dict[str, BindingRecorded | dict[int, BindingRecorded]]] = {}
        self._tags: dict[str, dict[int, BindingRecorded]] = {}

    def add(self, row: BindingRecorded) -> None:
        """Hold a binding whose (instance, id) has none."""
        self.count += 1
        self._instances.setdefault(row.instance, {})[row.key] = row
        resources = self._resources.setdefault(row.kind, {})
        held = resources.get(row.resource)
        if held is None:
            resources[row.resource] = row
        elif isinstance(held, dict):
            held[row.id] = row
        else:
            resources[row.resource] = {held.id: held, row.id: row}
        for tag in decode_tags(row.tags):
            self._tags.setdefault(tag, {})[row.id] = row

    def remove(self, row: BindingRecorded) -> None:
        """Forget a binding."""
        self.count -= 1
        instance = self._instances[row.instance]
        del instance[row.key]
        if not instance:
            del self._instances[row.instance]
        resources = self._resources[row.kind]
        held = resources[row.resource]
        if isinstance(held, dict):
            del held[row.id]
            if len(held) == 1:
                resources[row.resource] = next(iter(held.values()))
        else:
            del resources[row.resource]
            if not resources:
                del self._resources[row.kind]
        for tag in decode_tags(row.tags):
            tagged = self._tags[tag]
            del tagged[row.id]
            if not tagged:
                del self._tags[tag]

    def by_id(self, instance: str, key: str) -> BindingRecorded | None:
        """Return the one binding of (instance, id)."""
        ids = self._instances.get(instance)
        return ids.get(key) if ids is not None else None

    def by_instance(self, instance: str) -> tuple[BindingRecorded, ...]:
        """Return every binding of an instance, in the order they were added."""
        return tuple(self._instances.get(instance, {}).values())

    def by_resource(self, kind: str, resource: str) -> tuple[BindingRecorded, ...]:
        """Return every binding of a resource, in the order they were added."""
        held = self._resources.get(kind, {}).get(resource)
        if held is None:
            return ()
        return tuple(held.values()) if isinstance(held, dict) else (held,)

    def by_tag(self, tag: str) -> tuple[BindingRecorded, ...]:
        """Return every binding with a tag, in the order they were added."""
        return tuple(self._tags.get(tag, {}).values())
