"""What a report says to the two databases in different words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Date, String, Text, and_, case, column, func, not_, true
from sqlalchemy import cast as sql_cast

from ..models import LLMRequestModel

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Table

ROWS: Final = LLMRequestModel
TABLE: Final = cast("Table", LLMRequestModel.__table__)
# What is read of `response_raw`.
SAID: Final = (
    "cost_source",
    "upstream_provider",
    "served_model",
    "status_code",
    "error_code",
    "cached_input_tokens",
    "cache_creation_tokens",
    "cached_request_id",
)
UUID_PATTERN: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class SQLite:
    """The words of SQLite, where `json_extract` parses a text once, however often it is asked about it."""

    source: FromClause = TABLE

    def said(self, name: str) -> ColumnElement[str]:
        """Return what the envelope says of `name`, as a text."""
        is_json = func.json_valid(ROWS.response_raw) == 1
        return sql_cast(case((is_json, func.json_extract(ROWS.response_raw, f"$.{name}"))), Text)

    def day(self) -> ColumnElement[Any]:
        """Return the UTC day of a row; as a text it is 2026-12-31."""
        return func.substr(ROWS.created_at, 1, 10, type_=Text())

    def is_count(self, said: ColumnElement[str]) -> ColumnElement[bool]:
        """Say whether a text is a whole number."""
        return and_(func.length(said).between(1, 9), not_(said.op("GLOB", is_comparison=True)("*[^0-9]*")))

    def request_id(self, said: ColumnElement[str]) -> ColumnElement[Any]:
        """Return a text as the table keeps ids; one that is none is no row's."""
        return func.lower(func.replace(said, "-", ""), type_=String())


class PostgreSQL:
    """The words of PostgreSQL, where `json_to_record` parses a text once and gives all it is asked for."""

    def __init__(self) -> None:
        """Lay the envelope's fields beside each row."""
        envelope = case((func.json_typeof(ROWS.response_raw) == "object", ROWS.response_raw))
        record = func.json_to_record(envelope).table_valued(*(column(name, Text()) for name in SAID), name="said")
        fields = record.render_derived(with_types=True).lateral()
        self._fields = fields.c
        self.source: FromClause = TABLE.outerjoin(fields, true())

    def said(self, name: str) -> ColumnElement[str]:
        """Return what the envelope says of `name`, as a text."""
        return self._fields[name]

    def day(self) -> ColumnElement[Any]:
        """Return the UTC day of a row; as a text it is 2026-12-31."""
        return sql_cast(func.timezone("UTC", ROWS.created_at), Date)

    def is_count(self, said: ColumnElement[str]) -> ColumnElement[bool]:
        """Say whether a text is a whole number."""
        return said.regexp_match("^[0-9]{1,9}$")

    def request_id(self, said: ColumnElement[str]) -> ColumnElement[Any]:
        """Return a text as the table keeps ids; one that is none is no row's."""
        return case((said.regexp_match(UUID_PATTERN), sql_cast(said, ROWS.id.type)))


Words = SQLite | PostgreSQL


def words_of(dialect: str) -> Words:
    """Return the words of a database by the name of its dialect."""
    return SQLite() if dialect == "sqlite" else PostgreSQL()
