"""The systems beside ours that have to agree: IPAM (NetBox) and RADIUS."""
