"""Describe images in the background, without a session, on the application's database."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.exceptions import LLMError
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.service import LLMRequest
from modules.shared_models import Base, PostgresUUID

NOTHING = ""


class Resource(Base):
    """A description of an image."""

    __tablename__ = "resources"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    description: Mapped[str]
    llm_request_id: Mapped[UUID | None] = mapped_column(PostgresUUID(as_uuid=True), ForeignKey("llm_requests.id"))


async def describe(url: str, user_id: int, model: str | None) -> LLMRequest | None:
    """Return the request that described an image; None, and an empty description, if it failed."""
    infrastructure = infrastructure_provider()
    infrastructure.initialize()
    llm = llm_services_provider()
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url}]
    question = LLMMessage(role="user", content=parts)
    kept = Resource(url=url, description=NOTHING)
    try:
        response, kept.llm_request_id = await llm.generate_response(
            [question], user_id=user_id, model=model, verbosity="low"
        )
        kept.description = response.content
    except LLMError as error:
        kept.llm_request_id = error.request_id
    request_id = kept.llm_request_id if kept.description else None
    with infrastructure.get_session_context() as session:
        session.add(kept)
    return llm.get_request(request_id) if request_id else None
