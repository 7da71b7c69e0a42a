"""What a caller asked, with the configured defaults filled in, and refused where no provider could take it."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..types import LONGEST_MODEL_NAME

if TYPE_CHECKING:
    from ..config import LLMConfig
    from ..types import LLMCall

logger = logging.getLogger(__name__)

HOTTEST: Final = 2

_reported: set[str] = set()


def filled(call: LLMCall, config: LLMConfig, default_model: str) -> LLMCall:
    """Return `call` with what the caller left open; raises ValueError, naming the argument, for an impossible one."""
    temperature = config.temperature if call.temperature is None else call.temperature
    tokens = config.max_output_tokens if call.max_output_tokens is None else call.max_output_tokens
    model = call.model or config.model or default_model
    if not call.messages:
        raise ValueError("messages is empty: give at least one LLMMessage")
    if not (math.isfinite(temperature) and 0 <= temperature <= HOTTEST):
        raise ValueError(f"temperature must be between 0 and {HOTTEST}, not {temperature}")
    if tokens is not None and tokens <= 0:
        raise ValueError(f"max_output_tokens must be positive, not {tokens}")
    if len(model) > LONGEST_MODEL_NAME:
        raise ValueError(f"a model name has at most {LONGEST_MODEL_NAME} characters, this one has {len(model)}")
    return replace(call, model=model, temperature=temperature, max_output_tokens=tokens)


def report_unknown(options: dict[str, object], known: frozenset[str]) -> None:
    """Log, once per process and name, the options that are recorded and not sent."""
    for name in set(options) - known - _reported:
        _reported.add(name)
        logger.warning("option %r is unknown: it is kept in additional_params and not sent", name)
