"""Writes a unit: an outline and a lesson by a flow, a downloaded image, and speech that reads it aloud."""

from uuid import UUID

import httpx
from pydantic import BaseModel
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from modules.llm_services.public import AudioResponse, ImageResponse, LLMServicesProvider, llm_services_provider
from modules.shared_models import Base, PostgresUUID

from .flow_engine import Flow


class Outline(BaseModel):
    """What a unit is about."""

    title: str
    objectives: list[str]


class Lesson(BaseModel):
    """A lesson and its questions."""

    body: str
    minutes: int
    outline: Outline | None


class Unit(Base):
    """A unit with its image and its speech, and the requests that they came from."""

    __tablename__ = "units"

    id: Mapped[int] = mapped_column(primary_key=True)
    flow_run_id: Mapped[int] = mapped_column(ForeignKey("flow_runs.id"))
    title: Mapped[str]
    image: Mapped[bytes | None]
    image_request_id: Mapped[UUID | None] = mapped_column(PostgresUUID(as_uuid=True), ForeignKey("llm_requests.id"))
    audio: Mapped[bytes | None]
    audio_request_id: Mapped[UUID | None] = mapped_column(PostgresUUID(as_uuid=True), ForeignKey("llm_requests.id"))


async def create_unit(session: Session, topic: str, user_id: int, model: str | None) -> Unit:
    """Return a unit without image and speech, committed; until then the transaction stays open."""
    flow = Flow(session, "unit", user_id, model)
    outline = await flow.step(f"Outline a unit about {topic}.", Outline, reasoning={"effort": "minimal"})
    await flow.step(f"Write the lesson {outline.title}.", Lesson, verbosity="low", text={"verbosity": "low"})
    unit = Unit(title=outline.title, flow_run_id=flow.run.id)
    session.add(unit)
    session.commit()
    return unit


async def illustrate(session: Session, unit: Unit, user_id: int) -> ImageResponse:
    """Add an image: its bytes, decoded or downloaded."""
    llm: LLMServicesProvider = llm_services_provider(session=session)
    image, unit.image_request_id = await llm.generate_image(
        prompt=f"A picture for {unit.title}", user_id=user_id, size="1024x1024", quality="standard", style="natural"
    )
    if image.image_url.startswith("data:"):
        unit.image = image.image_bytes()
    else:
        async with httpx.AsyncClient() as client:
            unit.image = (await client.get(image.image_url)).raise_for_status().content
    session.commit()
    return image


async def read_out(session: Session, unit: Unit, user_id: int, model: str | None = None) -> AudioResponse:
    """Add speech."""
    spoken, unit.audio_request_id = await llm_services_provider(session).generate_audio(
        text=unit.title, voice="Plain", user_id=user_id, model=model, audio_format="mp3", speed=None
    )
    unit.audio = spoken.audio_bytes()
    session.commit()
    return AudioResponse.model_validate(spoken.model_dump())
