"""A large table at one moment, a part at a time: a report that is being made says how far it is.

Parts follow the order of the rows on disk, so no index is needed and each part is read once.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, and_, bindparam, cast, func, literal_column, select, text
from sqlalchemy.types import UserDefinedType

from .facts import TABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy import BindParameter, ColumnElement, Connection, Engine

ROWS_OF_A_PART: Final = 50_000
BLOCKS_OF_A_PART: Final = 8_192  # 64 MB


@contextmanager
def snapshot(engine: Engine) -> Generator[Connection]:
    """Connect to the table as it is now: writers neither wait nor are seen, and nothing can be written."""
    with _SNAPSHOTS[engine.dialect.name](engine) as connection:
        yield connection


@contextmanager
def _sqlite(engine: Engine) -> Generator[Connection]:
    with engine.connect() as connection:
        # What a part is sorted in is some megabytes, which need no file.
        connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")  # the driver begins none for a SELECT
        try:
            yield connection
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA query_only = OFF")
            connection.exec_driver_sql("PRAGMA temp_store = DEFAULT")


@contextmanager
def _postgresql(engine: Engine) -> Generator[Connection]:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield connection


def parts(connection: Connection) -> tuple[ColumnElement[bool], Sequence[dict[str, object]]]:
    """Return the condition of a part, and what it is bound to: each row is in one part."""
    return _PARTS[connection.dialect.name](connection)


def _sqlite_parts(connection: Connection) -> tuple[ColumnElement[bool], Sequence[dict[str, object]]]:
    rowid = literal_column(f"{TABLE.name}.rowid", Integer)
    last = connection.scalar(select(func.max(rowid)).select_from(TABLE)) or 0
    starts = range(0, last + 1, ROWS_OF_A_PART)
    return _is_between(rowid), [{"first": start, "end": start + ROWS_OF_A_PART} for start in starts]


def _postgresql_parts(connection: Connection) -> tuple[ColumnElement[bool], Sequence[dict[str, object]]]:
    size = text("SELECT pg_relation_size(CAST(:name AS regclass)) / current_setting('block_size')::bigint")
    blocks = connection.scalar(size, {"name": TABLE.name}) or 0
    starts = range(0, blocks + 1, BLOCKS_OF_A_PART)
    bounds = [{"first": f"({start},0)", "end": f"({start + BLOCKS_OF_A_PART},0)"} for start in starts]
    return _is_between(literal_column(f"{TABLE.name}.ctid", TupleId())), bounds


def _is_between(place: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(place >= bindparam("first", type_=place.type), place < bindparam("end", type_=place.type))


class TupleId(UserDefinedType[str]):
    """PostgreSQL's place of a row: its block, and its number there."""

    cache_ok = True

    def get_col_spec(self) -> str:
        """Return the type's name."""
        return "tid"

    def bind_expression(self, bindvalue: BindParameter[str]) -> ColumnElement[str]:
        """Say which type a text is meant to be."""
        return cast(bindvalue, self)


_SNAPSHOTS: Final = {"sqlite": _sqlite, "postgresql": _postgresql}
_PARTS: Final = {"sqlite": _sqlite_parts, "postgresql": _postgresql_parts}
