"""The table that consumers have; the module has no migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, make_url

from modules.llm_services.models import LLMRequestModel

if TYPE_CHECKING:
    from sqlalchemy import Engine

# By column: its type on PostgreSQL, and whether it is nullable.
COLUMNS = {
    "id": ("UUID", False),
    "user_id": ("INTEGER", True),
    "api_variant": ("VARCHAR(50)", False),
    "provider": ("VARCHAR(50)", False),
    "model": ("VARCHAR(100)", False),
    "provider_response_id": ("VARCHAR(100)", True),
    "system_fingerprint": ("VARCHAR(100)", True),
    "temperature": ("FLOAT", False),
    "max_output_tokens": ("INTEGER", True),
    "messages": ("JSON", False),
    "additional_params": ("JSON", True),
    "request_payload": ("JSON", True),
    "response_content": ("TEXT", True),
    "response_raw": ("JSON", True),
    "response_output": ("JSON", True),
    "tokens_used": ("INTEGER", True),
    "input_tokens": ("INTEGER", True),
    "output_tokens": ("INTEGER", True),
    "cost_estimate": ("FLOAT", True),
    "response_created_at": ("TIMESTAMP WITH TIME ZONE", True),
    "status": ("VARCHAR(50)", False),
    "execution_time_ms": ("INTEGER", True),
    "error_message": ("TEXT", True),
    "error_type": ("VARCHAR(100)", True),
    "retry_attempt": ("INTEGER", False),
    "cached": ("BOOLEAN", False),
    "created_at": ("TIMESTAMP WITH TIME ZONE", False),
    "updated_at": ("TIMESTAMP WITH TIME ZONE", False),
}
DEFAULTS = {"api_variant": "responses", "status": "pending", "retry_attempt": 1, "cached": False}
INDEXED = ("api_variant", "cached", "model", "provider", "provider_response_id", "status", "user_id")


def test_the_table_is_the_one_that_consumers_have() -> None:
    """Every column has the name, type, nullability and default that consumers' tables and queries rely on."""
    columns = LLMRequestModel.__table__.columns
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    assert COLUMNS == {column.name: (column.type.compile(dialect), column.nullable) for column in columns}
    assert DEFAULTS == {
        column.name: column.default.arg for column in columns if getattr(column.default, "is_scalar", 0)
    }
    assert ["created_at", "updated_at"] == [column.name for column in columns if column.server_default is not None]
    assert ["updated_at"] == [column.name for column in columns if column.onupdate is not None]
    assert [] == [column.name for column in columns if column.foreign_keys]


def test_the_database_has_that_table(engine: Engine) -> None:
    """On a real database, the table has these columns, one primary key, and an index on each searched column."""
    found = inspect(engine)
    reflected = found.get_columns("llm_requests")
    assert {name: takes_null for name, (_, takes_null) in COLUMNS.items()} == {
        column["name"]: column["nullable"] for column in reflected
    }
    assert ["id"] == found.get_pk_constraint("llm_requests")["constrained_columns"]
    assert [(f"ix_llm_requests_{name}", [name]) for name in INDEXED] == sorted(
        (str(index["name"]), index["column_names"]) for index in found.get_indexes("llm_requests")
    )
