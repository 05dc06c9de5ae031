"""The least a web server can do with a request: read its body. What our handlers are held to."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request, Response

site = FastAPI(openapi_url=None)


@site.post("/")
async def read(request: Request) -> Response:
    """Read the body and say so."""
    await request.body()
    return Response("<Response/>", media_type="application/xml")


if __name__ == "__main__":
    uvicorn.run(site, port=int(sys.argv[1]), access_log=False, log_config=None)
