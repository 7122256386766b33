"""What lies behind an exception of a library that speaks to the network."""

from __future__ import annotations

import os
import ssl


def cause(error: BaseException) -> str:
    """Return what the kernel or TLS said, if it was one of them: the libraries above them say less."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            # Its number is OpenSSL's, not the kernel's.
            return getattr(found, "verify_message", None) or str(found)
        if isinstance(found, OSError) and found.strerror:
            # asyncio says "Connect call failed" with the address; the reason alone is what helps.
            return os.strerror(found.errno) if found.errno and found.errno > 0 else found.strerror
        found = found.__cause__ or found.__context__
    return str(error) or type(error).__name__
