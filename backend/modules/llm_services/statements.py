"""The three statements that write `llm_requests`; each can be repeated without harm."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import JSON, Column, Connection, MetaData, Table, TypeDecorator, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from .models import LLMRequestModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Dialect
    from sqlalchemy.sql import Executable


class EncodedJSON(TypeDecorator[str]):
    """A JSON column whose values come encoded: once, by the caller's thread and not by the ledger's."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Leave the text to the driver as it is."""


def _encoded(table: Table) -> Table:
    """Return `table` as the ledger's statements know it."""
    columns = (
        Column(
            column.name, EncodedJSON() if isinstance(column.type, JSON) else column.type, primary_key=column.primary_key
        )
        for column in table.columns
    )
    return Table(table.name, MetaData(), *columns)


TABLE: Final = _encoded(cast("Table", LLMRequestModel.__table__))
INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Statements:
    """The statements of one dialect."""

    def __init__(self, dialect: str) -> None:
        """Raise ValueError for a database that the ledger does not write to."""
        if dialect not in INSERTS:
            raise ValueError(f"the ledger writes to {' and '.join(INSERTS)}, not to {dialect}")
        self._insert = INSERTS[dialect](TABLE).on_conflict_do_nothing(index_elements=["id"])
        upsert = INSERTS[dialect](TABLE)
        every_column = {column.name: upsert.excluded[column.name] for column in TABLE.columns if column.name != "id"}
        self._upsert = upsert.on_conflict_do_update(index_elements=["id"], set_=every_column)

    def insert(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows; one that is there already stays as it is."""
        connection.execute(self._insert, list(rows))

    def settle(self, connection: Connection, rows: Sequence[dict[str, Any]], changes: tuple[str, ...]) -> None:
        """Update the columns `changes` of rows; rows that are not there any more are written whole."""
        values = [{"row_id": row["id"]} | {f"new_{name}": row[name] for name in changes} for row in rows]
        if connection.execute(_update(changes), values).rowcount != len(values):
            connection.execute(self._upsert, list(rows))


@cache
def _update(changes: tuple[str, ...]) -> Executable:
    columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changes}
    return update(TABLE).where(TABLE.c.id == bindparam("row_id")).values(columns)
