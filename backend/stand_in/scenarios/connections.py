"""The scenarios in which the connection breaks, or in which the bytes are not valid HTTP."""

from __future__ import annotations

from ..scenario import Failure, Fault, Page, Scenario

TCP = "no recording: a fault of any TCP connection"
HTTP = "no recording: a fault of any HTTP server, or of a proxy before it"
UNANSWERED = "https://github.com/cognizant-ai-lab/neuro-san/issues/1220"
STALLED = "https://github.com/langchain-ai/deepagents/pull/2423"


SILENT = (Fault.SILENCE, Fault.STALL, Fault.STALL_IN_THE_BODY)


def _broken(name: str, fault: Fault, follows: str, does: str, alias: str = "") -> Scenario:
    """Return the scenario of a fault; if it strikes while a request is being read, the model's name selects it."""
    failure = Failure.TOO_LATE if fault in SILENT else Failure.BROKEN
    everywhere = fault is not Fault.RESET_WHILE_READING
    return Scenario(name, does, follows, failure, fault=fault, everywhere=everywhere, alias=alias)


def _redirect(name: str, host: str, does: str) -> Scenario:
    page = Page("Temporary Redirect\n", headers={"Location": f"{host}/api/v1/chat/completions"})
    return Scenario(name, does, HTTP, Failure.REFUSED, 307, answer=page)


CONNECTION_FAULTS = (
    _broken(
        "reset-while-reading",
        Fault.RESET_WHILE_READING,
        TCP,
        "the connection is reset after the model's name has been read, before the rest of a long request",
    ),
    _broken("reset", Fault.RESET, TCP, "the connection is reset once the request has been read, nothing answered"),
    _broken(
        "disconnect",
        Fault.DISCONNECT,
        TCP,
        "the connection is closed after the request has been read, without an answer",
    ),
    _broken("silence", Fault.SILENCE, UNANSWERED, "nothing at all, for as long as the connection stays open", "hang"),
    _broken("stall", Fault.STALL, STALLED, "the headers of an answer, then nothing while the connection is open"),
    _broken(
        "stall-mid-body",
        Fault.STALL_IN_THE_BODY,
        STALLED,
        "half of an answer, then nothing for as long as the connection stays open",
    ),
    _broken(
        "half-body",
        Fault.HALF_A_CHUNK,
        TCP,
        "half of an answer, in a chunk with a larger size, then a closed connection",
        "cut-body",
    ),
    _broken("reset-mid-body", Fault.RESET_IN_A_CHUNK, TCP, "half of an answer, then the connection is reset"),
    _broken(
        "short-content-length",
        Fault.CONTENT_LENGTH_TOO_SHORT,
        HTTP,
        "a whole answer with a Content-Length of half its size, on an open connection",
    ),
    _broken(
        "long-content-length",
        Fault.CONTENT_LENGTH_TOO_LONG,
        HTTP,
        "a whole answer with a Content-Length of twice its size, then a closed connection",
    ),
    _broken("bad-gzip", Fault.NOT_GZIP, HTTP, "an answer that is labelled as compressed and is not"),
    _broken("not-http", Fault.NOT_HTTP, HTTP, "an invalid line instead of the HTTP status line"),
    _redirect(
        "redirect-nearby", "http://127.0.0.1:9", "a redirect to another port of this machine, on which nothing listens"
    ),
    _redirect("redirect-away", "https://example.org", "a redirect to another host"),
)
