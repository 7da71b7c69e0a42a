"""The application: each of its modules runs once, on its own database; as a script, it prints the results as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from drop_in.consumers.admin import Dashboard
from drop_in.consumers.content_creator import create_unit, illustrate, read_out
from drop_in.consumers.conversation_engine import answers, reply
from drop_in.consumers.learning_coach import Coach
from drop_in.consumers.resource import describe
from modules.infrastructure.public import infrastructure_provider

USER: Final = 7
PICTURE: Final = "https://example.com/cat.png"
CONVERSATION: Final = 1


async def day(model: str | None) -> dict[str, Any]:
    """Call `model` in every way; return what the administrator and the asynchronous reader then see."""
    infrastructure = infrastructure_provider()
    infrastructure.initialize()
    started = datetime.now(UTC)
    with closing(infrastructure.get_database_session().session) as session:
        unit = await create_unit(session, "tides", USER, model)
        image = await illustrate(session, unit, USER)
        spoken = await read_out(session, unit, USER, "tts-1")
        await Coach(session, USER, model, renew=True).answer("How far am I?", reasoning={"effort": "low"})
        for said in ("Good morning.", "And what is a tide?"):
            await reply(session, CONVERSATION, said, USER, model)
        described = await describe(PICTURE, USER, model)
        engine = create_async_engine(session.get_bind().engine.url)
        async with AsyncSession(engine) as reading:
            answered = await answers(reading, CONVERSATION)
        await engine.dispose()
        overview = Dashboard(session).overview(started, USER)
        return {
            "requests": [str(request.id) for request in overview.users_latest],
            "counts": [overview.everything, overview.since, overview.of_user],
            "cost": overview.cost,
            "answers": answered,
            "described": str(described and described.id),
            "image": [image.image_url, len(unit.image or b"")],
            "audio": [spoken.mime_type, len(unit.audio or b"")],
        }


if __name__ == "__main__":
    seen = asyncio.run(day(os.environ.get("MODEL")))
    files = {name: module.__file__ for name, module in sys.modules.items() if name.startswith("modules.")}
    sys.stdout.write(json.dumps(seen | {"files": files}))
