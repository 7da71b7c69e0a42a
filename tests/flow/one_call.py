"""Calls in a separate process, with their results as JSON: python one_call.py CALLS [MISSING_MODULE ...].

The environment has the address and, as MODEL, the model. The named modules are hidden, as if not installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.public import LLMMessage, llm_services_admin_provider, llm_services_provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.orm import Session

MESSAGES = [LLMMessage(role="user", content="hi")]
MODEL = os.environ.get("MODEL", "openrouter/author/model")


class ImportsByThread(MetaPathFinder):
    """Notes which thread imports a module, and which modules are imported during a request; finds none itself."""

    def __init__(self) -> None:
        """Start with none."""
        self.threads: dict[str, str] = {}
        self.imported: set[str] = set()

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> None:
        """Note the first thread that imports a module."""
        self.threads.setdefault(fullname, threading.current_thread().name)
        if fullname == "modules.llm_services.flow.transport":  # imported, and nothing sent yet
            http = sys.modules["modules.llm_services.flow.http"]
            http.post = self._noting(http.post)  # type: ignore[attr-defined]

    def _noting(self, post: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
        async def noting(*arguments: Any) -> bool:
            before = set(sys.modules)
            try:
                return await post(*arguments)
            finally:
                self.imported |= set(sys.modules) - before

        return noting


async def outcomes(session: Session, calls: int) -> list[str]:
    """Return the text of each answer, or the error."""
    asyncio.get_running_loop().slow_callback_duration = 60  # a warning about a busy machine
    said = []
    for _ in range(calls):
        try:
            response, _request_id = await llm_services_provider(session).generate_response(MESSAGES, model=MODEL)
            said.append(response.content)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what the test judges
            said.append(f"{type(error).__name__} {getattr(error, 'retryable', None)}: {error}")
    return said


def main() -> None:
    """Make the calls, and print the results."""
    calls, *hidden = sys.argv[1:]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # which is how Python is told that there is none
    finder = ImportsByThread()
    sys.meta_path.insert(0, finder)
    infrastructure_provider().initialize()
    with infrastructure_provider().get_session_context() as session:
        said = asyncio.run(outcomes(session, int(calls)))
        rows = llm_services_admin_provider(session).get_recent_requests()
        statuses = [(row.status, row.error_type) for row in rows]
    threads = {name: finder.threads.get(name) for name in ("aiohttp.client", "certifi", "httpx")}
    print(json.dumps({"said": said, "rows": statuses, "imported": sorted(finder.imported), "threads": threads}))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
