"""The declarative base that every module's tables hang on."""

from sqlalchemy import UUID as PostgresUUID
from sqlalchemy.orm import DeclarativeBase

__all__ = ["Base", "PostgresUUID"]


class Base(DeclarativeBase):
    """One metadata for all modules, so that a foreign key can name any table."""
