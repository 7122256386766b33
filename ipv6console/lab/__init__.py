"""A small internet in network namespaces: an ISP, an egress host, a site, and the faults they can have."""
