"""The shop's base, engine and sessions."""

import os

from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import DeclarativeBase, sessionmaker


class Base(DeclarativeBase):
    """The base of the shop's tables; constraints have names."""

    metadata = MetaData(naming_convention={"ix": "ix_%(column_0_label)s", "pk": "pk_%(table_name)s"})


engine = create_engine(os.environ["DATABASE_URL"], pool_size=1, max_overflow=0)
SessionLocal = sessionmaker(engine, expire_on_commit=False)
