"""Make a number of calls, a number of seconds after noon.

It prints how many were answered, and whether the module of the limits was imported.
"""

import asyncio
import json
import sys
from datetime import timedelta

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.public import LLMMessage, llm_services_provider

LIMITS = "modules.llm_services.flow.spend_limits"


async def main(calls: int, *seconds: str) -> None:
    """Call OpenRouter; the rows go to DATABASE_URL."""
    asyncio.get_running_loop().slow_callback_duration = 60  # keeps a slow machine from failing the test
    infrastructure_provider().initialize()
    if seconds:
        from flow.spend_limits.conftest import NOON  # noqa: PLC0415 - it imports what is looked for
        from modules.llm_services.flow.spend_limits import spend_of  # noqa: PLC0415

        with infrastructure_provider().get_session_context() as session:
            spend_of(session.get_bind().engine, (), lambda: NOON + timedelta(seconds=int(seconds[0])))
    message = LLMMessage(role="user", content="What is the capital of France?")
    llm = llm_services_provider()
    asked = (llm.generate_response([message], model="openrouter/author/model") for _ in range(calls))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    answered = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    sys.stdout.write(json.dumps({"answered": len(answered), "has_imported": LIMITS in sys.modules}))


asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
