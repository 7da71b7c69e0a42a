"""The shop's migrations."""

import modules.orders.models  # noqa: F401 - its tables
from alembic import context
from modules.db import Base, engine

target_metadata = Base.metadata

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
