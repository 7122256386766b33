"""How neighbours learn that this host answers for an address: one module a strategy."""
