"""A call in a new process, in which nothing has been imported, cached or connected."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from cases.bodies import OPENROUTER
from support.processes import NEEDED, run_python

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CALL: Final = """
import asyncio, json, sys, threading
from uuid import UUID
told = json.load(sys.stdin)
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in told["missing"]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
class Noted:
    names = []
    def find_spec(self, name, path=None, target=None):
        caller = sys._getframe(2).f_code.co_filename
        is_import = not ("importlib" in caller and "util" in caller)  # else it is looked for, and not imported
        if is_import and threading.current_thread() is threading.main_thread():
            self.names.append(name)
sys.meta_path.insert(0, Blocked())
stage = "import"
try:
    import sqlalchemy.dialects.sqlite.pysqlite
    from modules.infrastructure.database import make_engine
    from modules.llm_services.exceptions import LLMError
    from modules.llm_services.models import LLMRequestModel
    from modules.llm_services.public import LLMMessage, llm_services_provider
    from modules.shared_models import Base
    from sqlalchemy import select
    from sqlalchemy.orm import Session
    engine = make_engine(told["url"])
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        stage = "provider"
        llm = llm_services_provider(session)
        stage = "call"
        async def main():
            question = [LLMMessage(role="user", content="Which city?")]
            sys.meta_path.insert(0, Noted())
            response, _ = await llm.generate_response(question, model=told["model"], **told["options"])
            sys.meta_path.pop(0)
            return response.content
        result = {"content": asyncio.run(main())}
except Exception as error:
    result = {"error": [kind.__name__ for kind in type(error).__mro__], "message": str(error)}
result |= {"stage": stage, "imported": Noted.names, "statuses": []}
if stage == "call":
    with Session(engine) as session:
        result["statuses"] = list(session.scalars(select(LLMRequestModel.status)))
    engine.dispose()
print(json.dumps(result))
"""


def call_in_a_new_process(
    folder: Path,
    *,
    model: str = OPENROUTER,
    missing: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Make one call in a new process that cannot import the packages in `missing`; return the result.

    `imported` has the modules that the event loop's own thread imported during the call.
    """
    told = {
        "url": f"sqlite:///{folder / 'process.db'}",
        "model": model,
        "missing": missing,
        "options": options,
    }
    path = os.pathsep.join(part for part in sys.path if part)
    variables = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    done = run_python(["-c", CALL], variables, folder, json.dumps(told), imported=NEEDED)
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
