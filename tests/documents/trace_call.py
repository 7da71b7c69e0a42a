"""Trace which files a text call enters, in order: python tests/documents/trace_call.py, with backend on PYTHONPATH.

It makes a consumer's call, with a new service object, against the stand-in. Then it lists the files of
`backend/modules` in the order in which the call entered them, without constructors, and counts the files and the moves
from one file to another; a coroutine that continues after an await is not a move.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import stand_in
from modules import llm_services
from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.public import LLMMessage, llm_services_provider

if TYPE_CHECKING:
    from types import FrameType

    from sqlalchemy.orm import Session

MODULES = Path(llm_services.__file__).parents[1]
MESSAGES = [LLMMessage(role="user", content="Hello")]
MODEL = "openrouter/anthropic/claude-haiku-4.5"


class Trace:
    """The functions of `backend/modules` that were called, in order."""

    def __init__(self) -> None:
        """Start with none, and with tracing off."""
        self.calls: list[tuple[str, str]] = []
        self.files: dict[str, None] = {}  # in the order in which they were first entered by more than a constructor
        self.is_on = False
        self._files_of_threads: defaultdict[int, list[str]] = defaultdict(list)
        self._frames: list[FrameType] = []  # kept alive, so that a continued frame can be distinguished from a new one

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note a call; this is a profile function."""
        path = Path(frame.f_code.co_filename)
        if threading.current_thread() is not threading.main_thread() and not self._has_submitted:
            return  # the ledger's thread is still finishing the previous call
        if self.is_on and event == "call" and MODULES in path.parents and not any(frame is old for old in self._frames):
            self._frames.append(frame)
            caller = frame.f_back.f_code.co_name if frame.f_back else ""
            self.calls.append((path.relative_to(MODULES).as_posix(), frame.f_code.co_qualname))
            self._files_of_threads[threading.get_ident()].append(self.calls[-1][0])
            if "__init__" not in {caller, frame.f_code.co_name}:
                self.files.setdefault(self.calls[-1][0])

    @property
    def _has_submitted(self) -> bool:
        return any(function == "Writer.submit" for _, function in self.calls)

    @property
    def moves(self) -> int:
        """Return how often a call entered another file than the previous call in the same thread."""
        return sum(first != second for files in self._files_of_threads.values() for first, second in pairwise(files))


async def traced_call(session: Session) -> Trace:
    """Make a call twice, for imports and connections, and trace the third, including the ledger's thread."""
    trace = Trace()
    threading.setprofile(trace.profile)
    sys.setprofile(trace.profile)
    try:
        for trace.is_on in (False, False, True):  # the last call is traced
            await llm_services_provider(session).generate_response(MESSAGES, model=MODEL)
    finally:
        trace.is_on = False
        sys.setprofile(None)
        threading.setprofile(None)
    return trace


def main() -> None:
    """Print the calls, indented if they stay in a file, and the figures."""
    with tempfile.TemporaryDirectory() as folder, stand_in.running() as base_url:
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{folder}/trace.db",
            "OPENROUTER_BASE_URL": base_url,
            "OPENROUTER_API_KEY": "sk-or-trace",
        }
        infrastructure_provider().initialize()
        with infrastructure_provider().get_session_context() as session:
            trace = asyncio.run(traced_call(session))
    previous = ""
    for file, function in trace.calls:
        print("    " if file == previous else file, function)  # noqa: T201 - what this script is for
        previous = file
    print("\nin order:", *trace.files)  # noqa: T201
    print(f"{len(trace.files)} files, {trace.moves} moves")  # noqa: T201


if __name__ == "__main__":
    main()
