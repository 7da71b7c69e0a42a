"""The command line: `python -m stand_in`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from .scenarios import REFUSALS, SCENARIOS
from .server import ListenError, serve
from .vendors import VENDORS
from .vendors.scenes import DOES

HIGHEST_PORT = 65_535
DESCRIPTION = """\
A local server that speaks OpenRouter's wire (Chat Completions, not streamed), for use without a
network, for recording cassettes, and for trying an application against every failure. Nothing in
it is a real model, and nothing it answers costs anything.

Point OPENROUTER_BASE_URL at the address it prints and use any key that starts with `sk-or-`.
The model name chooses what happens: `stand-in/rate-limited` is rate limited, `stand-in/truncated`
is cut short; `--list` prints them all. Any other `author/slug` is answered with a completion, with
JSON when the request asks for JSON, with a tool call when it passes tools. A key that contains
`invalid` is refused."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted, or print the scenarios; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.list:
        sys.stdout.write(_listing())
        return 0
    try:
        asyncio.run(serve(options.host, options.port, attached=options.attached, announce=_announce))
    except ListenError as error:
        sys.stderr.write(f"stand_in: {error}\n")
        return 1
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(f"stand-in for OpenRouter (nothing here is a real model) on {url}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stand_in",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="port to listen on, 0 for a free one (%(default)s)")
    parser.add_argument("--list", action="store_true", help="print the scenarios and exit")
    parser.add_argument(
        "--attached",
        action="store_true",
        help="also end when standard input closes, as it does when a parent dies",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to {HIGHEST_PORT}")
    return int(text)


def _listing() -> str:
    rows = [("MODEL", "STATUS", "WHAT IT DOES", "WHAT IT FOLLOWS")]
    rows += [(f"stand-in/{each.name}", each.shown_status, each.does, each.follows) for each in SCENARIOS.values()]
    rows += [("", "", "", ""), ("WITHOUT BEING NAMED", "STATUS", "WHEN", "WHAT IT FOLLOWS")]
    rows += [(each.name, each.shown_status, each.does, each.follows) for each in REFUSALS.values()]
    rows += [("", "", "", ""), ("SCENES OF OTHER WIRES", "", "WHAT HAPPENS", "WHERE")]
    rows += [(name, "", does, "/<wire>/<scene>/...") for name, does in DOES.items()]
    rows += [("", "", "", ""), ("OTHER WIRES", "", "", "")]
    rows += [(name, "", "", f"/{name}/...") for name in VENDORS]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] + [0]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
