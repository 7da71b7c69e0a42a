"""The command line: `python -m stand_in`."""

from __future__ import annotations

import argparse
import os
import sys

HIGHEST_PORT = 65_535
DESCRIPTION = """\
A local server that speaks OpenRouter's wire (Chat Completions, streamed or not)
and those of five other providers, for use without a network, for recording
cassettes, and for trying an application against every failure. Nothing in it
is a real model, and nothing it answers costs anything.

Point OPENROUTER_BASE_URL at the address it prints and use any
OPENROUTER_API_KEY that starts with `sk-or-`. The model name chooses what
happens: an application that asks for `openrouter/stand-in/rate-limited` is
rate limited, `openrouter/stand-in/truncated` is cut short; it prints them all
when it starts, each with what the application gets. Any other
`openrouter/<author>/<model>` is answered with a completion, with JSON when the
request asks for JSON, with a tool call when it passes tools. A key that
contains `invalid` is refused."""
EPILOG = """\
examples:
    python -m stand_in                  serve on port 8765 until Ctrl-C
    python -m stand_in --list | less    only print what can be asked for
    python -m stand_in --port 0 --quiet
                                        for programs: a free port, and one line
                                        that ends in the address

variables:
    It reads none. An application needs OPENROUTER_BASE_URL and
    OPENROUTER_API_KEY to ask it; those of the other providers are printed when
    it starts.

exit codes:
    0  interrupted, terminated, or nothing more to print
    1  the address cannot be listened on, or h11 is not installed
    2  the command line is wrong

In a test of your own, use the pytest fixture `llm_stand_in` instead:
docs/testing-your-code.md."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted, or print what was requested; return the exit code."""
    try:
        return _run(_parser().parse_args(arguments))
    except (KeyboardInterrupt, BrokenPipeError):  # interrupted before it serves, or nobody reads the help
        return 0
    except ModuleNotFoundError as error:
        sys.stderr.write(f"stand_in: {error}: {sys.executable} -m pip install {error.name}\n")
        return 1
    finally:
        _print("")  # the help may go to a closed pipe


def _run(options: argparse.Namespace) -> int:
    # Imported here, so that main() ends without a traceback if an import is interrupted or h11 is not installed.
    import asyncio  # noqa: PLC0415

    from . import listing  # noqa: PLC0415
    from .server import ListenError, serve  # noqa: PLC0415

    if options.list or options.markdown:
        _print(listing.markdown() if options.markdown else listing.text(sources=True))
        return 0

    def announce(url: str) -> None:
        line = f"stand-in for OpenRouter (nothing here is a real model) on {url}\n"
        _print(line if options.quiet else f"{line}\n{listing.text()}\n{listing.exports(url)}")

    try:
        asyncio.run(serve(options.host, options.port, attached=options.attached, announce=announce))
    except ListenError as error:
        sys.stderr.write(f"stand_in: {error}\n")
        return 1
    return 0


def _print(text: str) -> None:
    """Print; a closed pipe, as behind `| head`, is not an error, and a server goes on."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stand_in",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="port to listen on, 0 for a free one (%(default)s)")
    parser.add_argument("--list", action="store_true", help="print what can be asked for, with its sources, and exit")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/stand-in.md, and exit")
    parser.add_argument("--quiet", action="store_true", help="print one line, which ends in the address, and no tables")
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


if __name__ == "__main__":
    raise SystemExit(main())
