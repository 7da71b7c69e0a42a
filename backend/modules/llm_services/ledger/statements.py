"""The statements that write `llm_requests`, compiled once and executed by the driver.

SQLAlchemy compiles them for the dialect. Executing them through SQLAlchemy would cost more than SQLite takes to write a
row.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import JSON, Column, MetaData, Table, TypeDecorator, bindparam, update
from sqlalchemy.exc import DBAPIError

from ..models import LLMRequestModel

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from sqlalchemy import Connection, Dialect
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.sql import ClauseElement

    Row = dict[str, Any]
    Parameters = tuple[Any, ...] | dict[str, Any]
    # Executes a statement once for each of its parameters, and returns the number of affected rows.
    ExecuteThere = Callable[[str, list[Parameters]], int]
    Execute = Callable[[Any, str, list[Parameters]], int]
    Schemas = Mapping[str | None, str | None]
    Insert = sqlite.Insert | postgresql.Insert

DIALECTS: Final = ("sqlite", "postgresql")
MAX_SCHEMAS: Final = 512  # the number of schemas with cached statements: each tenant may have one
NEW: Final = "new_"  # prefix for the parameters of the columns that an update changes


class EncodedJSON(TypeDecorator[str]):
    """A JSON column with encoded values: they are encoded once, in the caller's thread rather than the ledger's."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Pass the text to the driver unchanged."""


def _table(schemas: Schemas) -> Table:
    """Return the table for the ledger's statements, in the translated schema."""
    table = cast("Table", LLMRequestModel.__table__)
    columns = (
        Column(
            column.name, EncodedJSON() if isinstance(column.type, JSON) else column.type, primary_key=column.primary_key
        )
        for column in table.columns
    )
    return Table(table.name, MetaData(schema=schemas.get(table.schema, table.schema)), *columns)


class Statement:
    """A statement in the driver's SQL, and how a row becomes its parameters."""

    def __init__(self, statement: ClauseElement, table: Table, dialect: Dialect) -> None:
        """Compile `statement`; its parameters are named after columns of `table`."""
        compiled: Any = statement.compile(dialect=dialect)  # an SQLCompiler
        self.sql = str(compiled)
        self._names = tuple(compiled.positiontup or compiled.params)
        self._is_positional = compiled.positional
        columns = [table.columns[name.removeprefix(NEW)] for name in self._names]
        processors = (column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns)
        self._values = [(column.name, processor) for column, processor in zip(columns, processors, strict=True)]

    def parameters(self, row: Row) -> Parameters:
        """Return the driver's parameters for a row."""
        values = [
            process(value) if process and (value := row[name]) is not None else row[name]
            for name, process in self._values
        ]
        return tuple(values) if self._is_positional else dict(zip(self._names, values, strict=True))


class Statements:
    """The statements of one dialect, for the table in one schema; all can be repeated safely."""

    def __init__(self, dialect: Dialect, schemas: Schemas | None = None) -> None:
        """Raise ValueError for an unsupported database."""
        if dialect.name not in DIALECTS:
            raise ValueError(f"the ledger writes to {' and '.join(DIALECTS)}, not to {dialect.name}")
        self._dialect, self._table = dialect, _table(schemas or {})
        self._update = lru_cache(self._compiled_update)
        self.translated = lru_cache(MAX_SCHEMAS)(self._translated)

    def insert(self, execute: ExecuteThere, rows: Sequence[Row]) -> None:
        """Insert rows; existing rows are not changed."""
        execute(self._insert.sql, list(map(self._insert.parameters, rows)))

    def settle(self, execute: ExecuteThere, rows: Sequence[Row], changes: tuple[str, ...]) -> None:
        """Update the columns `changes` of rows; rows that have been deleted are inserted again."""
        statement = self._update(changes)
        if execute(statement.sql, list(map(statement.parameters, rows))) != len(rows):
            execute(self._upsert.sql, list(map(self._upsert.parameters, rows)))

    def _translated(self, schemas: tuple[tuple[str | None, str | None], ...]) -> Statements:
        return Statements(self._dialect, dict(schemas))

    def _new_insert(self) -> Insert:
        insert: Insert = import_module(f"sqlalchemy.dialects.{self._dialect.name}").insert(self._table)
        return insert

    @cached_property
    def _insert(self) -> Statement:
        insert = self._new_insert().on_conflict_do_nothing(index_elements=["id"])
        return Statement(insert, self._table, self._dialect)

    @cached_property
    def _upsert(self) -> Statement:
        insert = self._new_insert()
        columns = {column.name: insert.excluded[column.name] for column in self._table.columns if column.name != "id"}
        upsert = insert.on_conflict_do_update(index_elements=["id"], set_=columns)
        return Statement(upsert, self._table, self._dialect)

    def _compiled_update(self, changes: tuple[str, ...]) -> Statement:
        values: dict[str, Any] = {name: bindparam(f"{NEW}{name}") for name in changes}
        where = self._table.columns["id"] == bindparam(f"{NEW}id")
        return Statement(update(self._table).where(where).values(values), self._table, self._dialect)


def by_sqlalchemy(connection: Connection, sql: str, parameters: list[Parameters]) -> int:
    """Execute a statement on a caller's connection, in its transaction and with its event listeners."""
    return connection.exec_driver_sql(sql, cast("Any", _one_or_many(parameters))).rowcount


def by_driver(connection: Connection, sql: str, parameters: list[Parameters]) -> int:
    """Execute a statement on one of the ledger's own connections, which have no event listeners."""
    with on_cursor(connection) as cursor:
        (cursor.execute if len(parameters) == 1 else cursor.executemany)(sql, _one_or_many(parameters))
        return int(cursor.rowcount)


def directly(connection: Any, sql: str, parameters: list[Parameters]) -> int:  # noqa: ANN401 - sqlite3's own
    """Execute a statement for one row on a DBAPI connection."""
    return int(connection.execute(sql, *parameters).rowcount)


def _one_or_many(parameters: list[Parameters]) -> Parameters | list[Parameters]:
    """Return the parameters of a statement; a single row is not put into a list, to avoid psycopg's pipeline."""
    return parameters[0] if len(parameters) == 1 else parameters


@contextmanager
def on_cursor(connection: Connection) -> Generator[Any]:
    """Yield a cursor of the driver, and raise the driver's exceptions as SQLAlchemy would."""
    proxied, dialect = connection.connection, connection.dialect
    try:
        with closing(proxied.cursor()) as cursor:
            yield cursor
    except dialect.loaded_dbapi.Error as error:
        is_lost = dialect.is_disconnect(error, proxied, None)
        if is_lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_lost, dialect=dialect
        ) from error
