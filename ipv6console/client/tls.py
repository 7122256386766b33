"""TLS contexts, made once for each process: loading the authorities costs 20 ms."""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

import httpx


def shared_context(*, http2: bool, verify: ssl.SSLContext | str | bool = True, cert: Any = None) -> ssl.SSLContext:
    """Return the context for these httpx options; the same one each time unless the caller brings files of his own.

    HTTP/1.1 and HTTP/2 get one each because httpcore sets the ALPN list on the context at every connect: do not give
    one of your own to sessions of both kinds. SSL_CERT_FILE and SSL_CERT_DIR are honoured as httpx does.
    """
    if isinstance(verify, bool) and cert is None:
        environment = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return _made(("http/1.1", "h2") if http2 else ("http/1.1",), verify, environment)
    return httpx.create_ssl_context(verify=verify, cert=cert)


@cache
def _made(alpn: tuple[str, ...], verify: object, _environment: tuple[str | None, ...]) -> ssl.SSLContext:
    context = httpx.create_ssl_context(verify=bool(verify))
    context.set_alpn_protocols(list(alpn))
    return context
