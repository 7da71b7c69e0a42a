"""Calls made again and answered from a cassette: what went out, what came of it, and the rows it left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import vcr
from sqlalchemy import StaticPool, create_engine, select
from sqlalchemy.orm import Session
from vcr.errors import CannotOverwriteExistingCassetteException

from modules.llm_services import LLMError, LLMRequest, llm_services_provider
from modules.llm_services.models import LLMRequestModel
from modules.shared_models import Base

from .format import MATCHED, canonical, configure
from .replay import playing

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from .asked import Asked, Row
    from .format import Request

# Whatever the request: the first answer that is left is its answer.
IN_TURN: Final = ("method",)


@dataclass(frozen=True)
class Step:
    """A call, the model of the object that it asks for, and how many attempts it took."""

    call: Asked
    response_model: type[BaseModel] | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Played:
    """What the last call returned or raised, the rows of all calls, and the address that each request went to."""

    result: Any
    error: Exception | None
    rows: list[Row]
    addresses: list[str]


def variables(steps: list[Step]) -> dict[str, str]:
    """Return what has to be configured beside the vendor for these calls to be made as they were."""
    retries = max(step.attempts for step in steps) - 1
    given = {name: value for step in steps for name, value in step.call.environment.items()}
    return given | ({"MAX_RETRIES": str(retries)} if retries else {})


def play(cassette: Path, provider: str, steps: list[Step], matched: tuple[str, ...] = MATCHED) -> Played:
    """Make the calls of `steps`, one service for all, answered from `cassette`; rows go to a database in memory."""
    asked_for: dict[str, str] = {}

    def noted(asked: Request, _recorded: Request) -> None:
        asked_for[canonical(asked.body)] = asked.uri

    recorder = vcr.VCR(record_mode="none", match_on=(noted.__name__, *matched))
    configure(recorder)
    recorder.register_matcher(noted.__name__, noted)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session, playing(recorder, cassette, provider, variables(steps)):
        result, error = asyncio.run(_made(session, steps))
        order = select(LLMRequestModel).order_by(LLMRequestModel.created_at, LLMRequestModel.retry_attempt)
        rows = [document(LLMRequest.model_validate(row)) for row in session.scalars(order)]
    engine.dispose()
    addresses = [asked_for.get(canonical(json.dumps(row["request_payload"]).encode()), "") for row in rows]
    return Played(result, error, rows, addresses)


async def _made(session: Session, steps: list[Step]) -> tuple[Any, Exception | None]:
    llm = llm_services_provider(session)
    result, error = None, None
    for step in steps:
        try:
            result, error = await step.call.make(llm, step.response_model), None
        except (LLMError, ValueError, RuntimeError, CannotOverwriteExistingCassetteException) as raised:
            result, error = None, raised
    return result, error


def document(request: LLMRequest) -> Row:
    """Return a request as JSON, column by column."""
    return request.model_dump(mode="json")
