"""Pure rules of the pool: prefixes, address generation, mirrors, leases. No I/O, no asyncio, no clock of its own."""
