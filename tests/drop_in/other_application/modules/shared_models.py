"""Another application's declarative base: constraints have names, and every table has a repr."""

from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import UUID as PostgresUUID
from sqlalchemy.orm import DeclarativeBase

__all__ = ["Base", "PostgresUUID"]

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(naming_convention=NAMES)

    def __repr__(self) -> str:
        """Show the primary key."""
        return f"<{type(self).__name__} {self.__mapper__.primary_key_from_instance(self)}>"
