"""Everything that a call can raise once its arguments are accepted.

LLMError                    any failure; also connections, bodies that are no answer, the database
+-- LLMAuthenticationError  the key is missing or refused
+-- LLMRateLimitError       too many requests; `retry_after` says when to come back
+-- LLMTimeoutError         no answer in time, ours or the server's
+-- LLMValidationError      a request the model refuses, or a structured answer that does not fit
+-- LLMProviderError        the service or the provider behind it failed, or will not serve this account
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .secret import mask

if TYPE_CHECKING:
    from typing import TypedDict, Unpack
    from uuid import UUID

    from .types import LLMResponse

    class _Facts(TypedDict, total=False):
        """What an error with a second argument of its own passes on to LLMError."""

        provider: str | None
        model: str | None
        status_code: int | None
        retryable: bool
        request_id: UUID | None
        response: LLMResponse | None

    class _LimitFacts(_Facts, total=False):
        error_code: str | None

    class _ProviderFacts(_Facts, total=False):
        retry_after: float | None


class LLMError(Exception):
    """A call failed; the attributes say where, whether trying again can help, and which row tells the story.

    Keys are masked in its message.
    """

    def __init__(  # noqa: PLR0913 - each is a fact that a caller may branch on
        self,
        message: str,
        provider: str | None = None,
        model: str | None = None,
        *,
        status_code: int | None = None,
        error_code: str | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
        request_id: UUID | None = None,
        response: LLMResponse | None = None,
    ) -> None:
        """Keep the facts: `retry_after` in seconds, `request_id` the row, `response` the answer that was paid for."""
        message = mask(message)
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.model = model
        self.status_code = status_code
        self.error_code = error_code
        self.retry_after = retry_after
        self.retryable = retryable
        self.request_id = request_id
        self.response = response


class LLMAuthenticationError(LLMError):
    """The API key is missing, malformed or refused."""


class LLMRateLimitError(LLMError):
    """The service is limiting requests."""

    def __init__(self, message: str, retry_after: float | None = None, **facts: Unpack[_LimitFacts]) -> None:
        """Take `retry_after`, in seconds, second."""
        super().__init__(message, retry_after=retry_after, **facts)


class LLMTimeoutError(LLMError):
    """No answer came in time."""


class LLMValidationError(LLMError):
    """The request is one that the model refuses, or its structured answer does not fit the model asked for."""


class LLMProviderError(LLMError):
    """The service, or the provider behind it, failed or refused for reasons of its own."""

    def __init__(self, message: str, error_code: str | None = None, **facts: Unpack[_ProviderFacts]) -> None:
        """Take `error_code`, the service's own name for the failure, second."""
        super().__init__(message, error_code=error_code, **facts)
