"""The options that every provider knows, and how a call's options are read.

Values are the vendor's to judge, for they grow without notice; so are new options, which `extra_body` carries.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

EFFORTS: Final = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
STRICT: Final = ConfigDict(strict=True, extra="forbid")
SET_BY_THE_CALL: Final = frozenset({"model", "messages", "input", "contents", "prompt", "stream"})

Number = Annotated[float, Field(allow_inf_nan=False)]


class Reasoning(BaseModel):
    """How much a model thinks before it answers, and whether it shows that."""

    model_config = ConfigDict(strict=True, extra="allow")

    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]  # a tuple of literals
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class Text(BaseModel):
    """The Responses API's place for `verbosity`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    verbosity: Literal["low", "medium", "high"] | None = None


class Options(BaseModel):
    """What callers may pass to any provider; one whose wire has no word for an option leaves it out.

    `extra_body` is sent beside the rest, whatever it holds. `use_cache` says whether the response cache may answer.
    """

    model_config = STRICT

    # The options that go into the body under their own names.
    sent: ClassVar[frozenset[str]] = frozenset()

    reasoning: Reasoning | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    text: Text | None = None
    extra_body: dict[str, Any] | None = None
    use_cache: bool | None = None

    @classmethod
    def read(cls, options: dict[str, Any]) -> Self:
        """Return the known ones of a call's options; raises ValueError, naming the option, for a wrong one."""
        if not options:
            if cls not in _NONE:
                _NONE[cls] = cls()
            return _NONE[cls]  # type: ignore[return-value]  # under a class stands one of it
        known = {name: value for name, value in options.items() if name in cls.model_fields and value is not None}
        try:
            read = cls.model_validate(known)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ValueError(f"option {'; '.join(problems)}") from error
        if replaced := SET_BY_THE_CALL & set(read.extra_body or {}):
            raise ValueError(f"option extra_body must not hold {', '.join(sorted(replaced))}: the call itself sets it")
        return read

    @property
    def asked_verbosity(self) -> str | None:
        """The verbosity, wherever the caller put it."""
        return self.verbosity or (self.text.verbosity if self.text else None)

    @property
    def effort(self) -> str | None:
        """How much the model is to think, in a word."""
        return self.reasoning.effort if self.reasoning else None

    def body(self) -> dict[str, Any]:
        """Return what goes into the body under its own name: what was given, without what was None."""
        return self.model_dump(include=set(self.sent), exclude_none=True)


_NONE: dict[type[Options], Options] = {}
