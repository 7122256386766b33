"""GET /metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ipv6console.api import example
from ipv6console.api.answers import text
from ipv6console.api.caller import EngineHere, Reader

router = APIRouter(tags=["state"])

_OPENMETRICS = "application/openmetrics-text"


@router.get("/metrics", response_class=Response, responses=text(example.METRICS, _OPENMETRICS, "text/plain"))
async def metrics(request: Request, engine: EngineHere, caller: Reader) -> Response:
    """Return OpenMetrics, or Prometheus' older text format when only that is accepted.

    Mirrors, prefixes of the pool and tenants are labels; addresses, leases and subscribers never are.
    """
    # Most engines are never scraped, and these take longer to import than the rest of a start.
    from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

    from ipv6console.api.exposition import Exposition  # noqa: PLC0415

    found = Exposition(engine.state(), engine.health().level, engine.traffic.copy(), engine.meter.read())
    encode, kind = choose_encoder(request.headers.get("accept", _OPENMETRICS))

    def told() -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(found)
        ProcessCollector(registry=registry)
        return encode(registry)

    return Response(await run_in_threadpool(told), headers={"content-type": kind})
