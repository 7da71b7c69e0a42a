"""What a vendor's file says: how a call is asked on its wire, and what an exchange there means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .failures import Failure
    from .http import Exchange
    from .options import Options
    from .values import Answer, LLMCall


@dataclass(frozen=True)
class Service:
    """What an error calls a vendor, and where its reader sets things right.

    One that `tells_prices` says in its answers what it charges; for the others the price table has to.
    """

    name: str
    key_variable: str
    url_variable: str
    keys_page: str
    tells_prices: bool = False


class Wire(ABC):
    """One kind of call on one vendor's wire: mapping, and nothing else."""

    api_variant: ClassVar[str]
    options: ClassVar[type[Options]]

    @abstractmethod
    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to the JSON that is sent; ValueError for what the wire cannot say."""

    @abstractmethod
    def parse(self, exchange: Exchange) -> Answer:
        """Read everything that a body says, an error's too; never raises."""

    @abstractmethod
    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return the error that a body tells of, also inside a 200; None where it tells of none."""
