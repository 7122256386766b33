"""A lab without an engine: what the namespaces, the site and the faults do by themselves."""

from __future__ import annotations

import sys

from ipv6console.lab.command import inhabit
from ipv6console.lab.plan import LabPlan, Mode, parse_prefix
from ipv6console.lab.world import World


def hold_bare(world: World) -> int:
    sys.stdout.write("lab ready\n")
    sys.stdout.flush()
    return world.supervisor.run(lambda _number: world.supervisor.finish(0))


if __name__ == "__main__":
    name, prefix, mode, *options = sys.argv[1:]
    inside = options == ["--gateway-inside"]
    plan = LabPlan(prefix=parse_prefix(prefix), mode=Mode(mode), gateway_inside=inside, name=name)
    raise SystemExit(inhabit(plan, hold_bare))
