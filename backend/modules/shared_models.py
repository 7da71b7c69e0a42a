"""The declarative base class of every module's tables."""

from sqlalchemy import UUID as PostgresUUID
from sqlalchemy.orm import DeclarativeBase

__all__ = ["Base", "PostgresUUID"]


class Base(DeclarativeBase):
    """The base class; all modules share its metadata, so that a foreign key can refer to any table."""
