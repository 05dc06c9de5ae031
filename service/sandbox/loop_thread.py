"""An event loop on a thread of its own, so that pretend providers never slow the service's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for callers on other threads, and waits for them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def start(self) -> None:
        """Begin. Nothing else may be called before."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result. Never from the loop itself."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def ask(self, question: Callable[[], T]) -> T:
        """Call a function on the loop and return its result. Never from the loop itself."""

        async def on_the_loop() -> T:
            return question()

        return self.run(on_the_loop())

    def stop(self) -> None:
        """Cancel what is left, and end."""
        self.run(_cancel_the_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
