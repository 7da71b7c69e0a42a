"""The table of orders."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from modules.db import Base


class Order(Base):
    """A customer's order."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str] = mapped_column(String(100))
