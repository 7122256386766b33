"""The kernel and its daemons: netlink, routes, NDP, and the doctor's probes."""
