"""The scenarios in which the connection breaks, or what comes over it is not the HTTP that it says it is."""

from __future__ import annotations

from .kinds import Completion, Fault, Page, Scenario

TCP = "no recording: a fault of any TCP connection"
HTTP = "no recording: a fault of any HTTP server, or of a proxy before it"
STALLED = "https://github.com/langchain-ai/deepagents/pull/2423"

CONNECTION_FAULTS = (
    Scenario(
        name="reset-while-reading",
        does="the connection is reset once the model's name has been read, the rest of a long request unread",
        follows=TCP,
        answer=Completion(),
        fault=Fault.RESET_WHILE_READING,
    ),
    Scenario(
        name="reset",
        does="the connection is reset once the whole request has been read, nothing answered",
        follows=TCP,
        answer=Completion(),
        fault=Fault.RESET,
    ),
    Scenario(
        name="disconnect",
        does="the connection is closed properly once the whole request has been read, nothing answered",
        follows=TCP,
        answer=Completion(),
        fault=Fault.DISCONNECT,
    ),
    Scenario(
        name="silence",
        does="nothing at all, for as long as the connection stays open",
        follows="https://github.com/cognizant-ai-lab/neuro-san/issues/1220",
        answer=Completion(),
        fault=Fault.SILENCE,
    ),
    Scenario(
        name="stall",
        does="the headers of a completion, then nothing for as long as the connection stays open",
        follows=STALLED,
        answer=Completion(),
        fault=Fault.STALL,
    ),
    Scenario(
        name="half-body",
        does="half of a completion, in a chunk that says it holds more, then a properly closed connection",
        follows=TCP,
        answer=Completion(),
        fault=Fault.HALF_A_CHUNK,
    ),
    Scenario(
        name="reset-mid-body",
        does="half of a completion, then the connection is reset",
        follows=TCP,
        answer=Completion(),
        fault=Fault.RESET_IN_A_CHUNK,
    ),
    Scenario(
        name="short-content-length",
        does="a whole completion under a Content-Length of half of it, the connection left open",
        follows=HTTP,
        answer=Completion(),
        fault=Fault.CONTENT_LENGTH_TOO_SHORT,
    ),
    Scenario(
        name="long-content-length",
        does="a whole completion under a Content-Length of twice as much, then a closed connection",
        follows=HTTP,
        answer=Completion(),
        fault=Fault.CONTENT_LENGTH_TOO_LONG,
    ),
    Scenario(
        name="bad-gzip",
        does="a completion that is said to be compressed and is not",
        follows=HTTP,
        answer=Completion(),
        fault=Fault.NOT_GZIP,
    ),
    Scenario(
        name="not-http",
        does="a line in the place of the status that no HTTP server sends",
        follows=HTTP,
        answer=Completion(),
        fault=Fault.NOT_HTTP,
    ),
    Scenario(
        name="redirect-nearby",
        does="307 to another port of this machine, where nobody listens",
        follows=HTTP,
        status=307,
        headers={"Location": "http://127.0.0.1:9/api/v1/chat/completions"},
        answer=Page(text="Temporary Redirect\n"),
    ),
    Scenario(
        name="redirect-away",
        does="307 to another host",
        follows=HTTP,
        status=307,
        headers={"Location": "https://example.org/api/v1/chat/completions"},
        answer=Page(text="Temporary Redirect\n"),
    ),
)
