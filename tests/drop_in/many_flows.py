"""Two hundred simultaneous flows, of every kind and through every provider, on a pool of fifteen connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from drop_in.application import PICTURE
from drop_in.consumers.content_creator import Outline, create_unit
from drop_in.consumers.conversation_engine import reply
from drop_in.consumers.flow_engine import Flow
from drop_in.consumers.learning_coach import Coach
from drop_in.consumers.resource import describe
from drop_in.places import OPENROUTER_MODEL

if TYPE_CHECKING:
    from sqlalchemy import Engine

FLOWS: Final = 200
HOLDERS: Final = 10  # flows that keep a connection in an open transaction while they wait
MODELS: Final = (OPENROUTER_MODEL, None, "gpt-5-mini", "claude-haiku-4-5", "gemini-2.5-flash")
# The requests of each kind of flow: a run with one step, a conversation's turn, a talk with a tool, an image.
REQUESTS: Final = (1, 1, 2, 1)


def requests_of(flow: int) -> int:
    """Return the number of a flow's requests."""
    return 2 if flow < HOLDERS else REQUESTS[flow % len(REQUESTS)]


async def flow(engine: Engine, number: int) -> None:
    """Run one flow for its own user; the first ones are units, which hold their connection."""
    user_id, model = number, MODELS[number % len(MODELS)]
    with Session(engine) as session:
        if number < HOLDERS:
            await create_unit(session, "tides", user_id, model)
            return
        match number % len(REQUESTS):
            case 0:
                run = Flow(session, "outline", user_id, model)
                session.commit()
                await run.step("Outline tides.", Outline)
                session.commit()
            case 1:
                await reply(session, number, "What is a tide?", user_id, model)
            case 2:
                await Coach(session, user_id, model, renew=True).answer("How far am I?", reasoning={"effort": "low"})
            case _:
                await describe(PICTURE, user_id, model)


async def all_at_once(engine: Engine, spread: float = 0.0) -> None:
    """Run all flows, the last one starting `spread` seconds after the first."""

    async def begun(number: int) -> None:
        await asyncio.sleep(spread * number / FLOWS)
        await flow(engine, number)

    await asyncio.gather(*map(begun, range(FLOWS)))
