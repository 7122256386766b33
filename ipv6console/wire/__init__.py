"""The documents that cross the socket: standard-library dataclasses, once for all."""
