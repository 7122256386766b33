"""The imperative shell: owns the pool, runs the tasks, publishes events."""
