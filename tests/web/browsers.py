"""A real browser, and an application on a real port for it to look at."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SMALL_PHONE = {"width": 360, "height": 740}
ZOOMED = {"width": 180, "height": 370}
"""What a small phone has left at 200 % zoom."""
TABLET = {"width": 820, "height": 1180}
DESK = {"width": 1280, "height": 900}


def installed_chromium() -> str | None:
    """Return where this machine's Chromium is."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@contextmanager
def served(site: FastAPI) -> Iterator[str]:
    """Serve the application on a free port; yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
