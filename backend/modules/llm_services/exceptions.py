"""The exceptions that a call raises once its arguments have been accepted.

LLMError                    any failure: a broken connection, a body that is not an answer, the database
+-- LLMAuthenticationError  the key is missing or refused
+-- LLMRateLimitError       too many requests; `retry_after` says how long to wait
+-- LLMTimeoutError         no answer in time, by our clock or the server's
+-- LLMValidationError      the model refused the request, or a structured answer does not validate
+-- LLMProviderError        the provider, or the one behind it, failed or does not serve this account
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .secret import mask

if TYPE_CHECKING:
    from typing import TypedDict, Unpack
    from uuid import UUID

    from .types import LLMResponse

    class _Facts(TypedDict, total=False):
        """The keyword arguments that a subclass with its own second argument passes on to LLMError."""

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
    """A call failed. The message says what happened, who can fix it and what to do next; keys are masked in it."""

    message: str
    """The same text as `str(error)`."""
    provider: str | None
    """The provider that was called."""
    model: str | None
    """The model, as the call named it."""
    status_code: int | None
    """The numeric code of the error in the body, otherwise the HTTP status; None if no response arrived."""
    error_code: str | None
    """The provider's name for the error."""
    retry_after: float | None
    """Seconds to wait before the next try, if the server says so."""
    retryable: bool
    """Whether the same call may succeed later."""
    request_id: UUID | None
    """The id of the row of the last attempt; None if there is no row."""
    response: LLMResponse | None
    """The answer, if one arrived and was paid for."""

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
        """Mask keys in the message, and keep the facts."""
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
    """The provider limits the number of requests; `retry_after` says how long to wait, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None, **facts: Unpack[_LimitFacts]) -> None:
        """Take `retry_after`, in seconds, as the second argument."""
        super().__init__(message, retry_after=retry_after, **facts)


class LLMTimeoutError(LLMError):
    """No answer arrived in time, by our clock or the server's."""


class LLMValidationError(LLMError):
    """The model refused the request, or the structured answer is truncated, refused or does not validate.

    If the answer is at fault, `response` has it.
    """


class LLMProviderError(LLMError):
    """The provider, or the one behind it, failed or does not serve this account; `error_code` is its reason."""

    def __init__(self, message: str, error_code: str | None = None, **facts: Unpack[_ProviderFacts]) -> None:
        """Take `error_code`, the provider's name for the error, as the second argument."""
        super().__init__(message, error_code=error_code, **facts)
