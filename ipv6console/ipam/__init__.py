"""Pure rules of lasting assignments: ranges, reservations and bindings, and the lifecycle of subscribers' prefixes."""
