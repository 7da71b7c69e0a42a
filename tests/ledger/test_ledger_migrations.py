"""Alembic compares the table with the database that it made, and finds nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from modules.llm_services.models import LLMRequestModel
from modules.shared_models import Base

if TYPE_CHECKING:
    from sqlalchemy import Engine


def test_autogenerate_settles(engine: Engine) -> None:
    """A migration made of the difference between model and database is empty, types and defaults compared."""
    table = LLMRequestModel.__tablename__  # and no other, which another suite may have declared on the same base
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _: kind != "table" or name == table,
        "include_object": lambda _, name, kind, *__: kind != "table" or name == table,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert [] == compare_metadata(context, Base.metadata)
