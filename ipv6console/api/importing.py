"""The endpoint that takes over an older system's pool."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from ipv6console.api import example
from ipv6console.api.answers import answers, asked
from ipv6console.api.caller import EngineHere, Operator
from ipv6console.api.document import Document
from ipv6console.api.limits import IMPORT, LIMITS
from ipv6console.api.pieces import ImportRoute
from ipv6console.wire.importing import ImportReport, ImportRequest

router = APIRouter(tags=["operator"], route_class=ImportRoute)


@router.post(
    IMPORT,
    response_model=ImportReport,
    responses=answers(example.IMPORTED, problems=(413,)),
    max_body_size=LIMITS.imported,
)
async def import_pool(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        ImportRequest,
        Body(
            openapi_examples=asked(
                example={
                    "prefix": example.PREFIX,
                    "addresses": [{"addr": example.ADDR, "created_at": example.NOW}],
                    "mirrors": [
                        {
                            "dbname": example.MIRROR,
                            "usages": [
                                {"addr": example.ADDR, "status": "bad", "last_used_at": example.NOW, "use_count": 3}
                            ],
                        }
                    ],
                }
            )
        ),
    ],
) -> Document:
    """Take over an older system's pool and mirrors; each address is proved first. The body may have 64 MiB."""
    return Document(await engine.import_pool(body, caller))
