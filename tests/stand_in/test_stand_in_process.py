"""The stand-in as a process: its command line, its output, and its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

import stand_in
from support.processes import started, without_slow_steps

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(stand_in.__file__).resolve().parent.parent)}


def launched(*arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Start the command line with warnings as errors, and without its tables."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "stand_in", "--quiet", *arguments]
    return started(command, ENVIRONMENT)


def announced(process: subprocess.Popen[str]) -> str:
    """Return the line that the process prints once it listens."""
    assert process.stdout
    return process.stdout.readline()


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end of the process; return its output since it was announced."""
    out, err = process.communicate()
    return out, without_slow_steps(err)


def printed(*arguments: str) -> str:
    """Return the output of a command line that exits by itself."""
    with launched(*arguments) as process:
        out, err = ended(process)
    assert (0, "") == (process.returncode, err)
    return out


def question(name: str) -> dict[str, Any]:
    """Return the body of a request to a scenario."""
    return {"model": f"stand-in/{name}", "messages": [{"role": "user", "content": "Hello"}]}


def test_quiet_it_says_what_it_is_and_where() -> None:
    """With `--quiet`, it prints one line: that it is a stand-in, and its base URL."""
    with launched("--port", "0") as process:
        line = announced(process)
        process.terminate()
        rest, _ = ended(process)
    assert re.fullmatch(
        r"stand-in for OpenRouter \(nothing here is a real model\) on http://127\.0\.0\.1:\d+/api/v1\n", line
    )
    assert "" == rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_word(number: signal.Signals) -> None:
    """Interrupted with one idle connection and one unanswered request, it exits with 0 and prints nothing."""
    path, headers = "/chat/completions", {"Authorization": "Bearer sk-or-v1-stand-in"}
    with launched("--port", "0") as process:
        url = announced(process).split()[-1]
        with (
            httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
            client.stream("POST", path, json=question("slow")),
        ):
            client.post(path, json=question("completion"))
            process.send_signal(number)
            out, err = ended(process)
    assert (0, "", "") == (process.returncode, out, err)


def test_what_is_no_http_is_hung_up_on() -> None:
    """If a client does not speak HTTP, its connection is closed, and nothing is printed."""
    with launched("--port", "0") as process:
        where = urlsplit(announced(process).split()[-1])
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as connection:
            connection.sendall(b"no HTTP\r\n\r\n")
            assert b"" == connection.recv(1)
        process.terminate()
        _, err = ended(process)
    assert "" == err


def test_it_ends_with_its_standard_input() -> None:
    """Attached, it exits with 0 when its standard input closes, as when the parent process dies."""
    with launched("--port", "0", "--attached") as process:
        announced(process)
        _, err = ended(process)
    assert (0, "") == (process.returncode, err)


def test_it_lives_on_what_its_standard_input_says() -> None:
    """Attached, it ignores data on its standard input: only the end of it ends the server."""
    with launched("--port", "0", "--attached") as process:
        url = announced(process).split()[-1]
        assert process.stdin
        process.stdin.write("anything\n")
        process.stdin.flush()
        assert 404 == httpx.get(f"{url}/nothing", trust_env=False).status_code
        _, err = ended(process)
    assert (0, "") == (process.returncode, err)


def test_attached_to_nothing_it_ends_at_once() -> None:
    """Attached to a standard input whose end it cannot wait for, it exits with 0, without a traceback."""
    command = [sys.executable, "-m", "stand_in", "--port", "0", "--attached"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert "" == done.stderr


def test_an_address_of_version_6_is_announced_in_brackets() -> None:
    """The URL that it prints for ::1 works in a client."""
    with launched("--host", "::1", "--port", "0") as process:
        url = announced(process).split()[-1]
        assert 404 == httpx.get(f"{url}/nothing", trust_env=False).status_code
        process.terminate()
        ended(process)


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_what_is_no_port_is_a_matter_of_usage(port: str) -> None:
    """An invalid port is a command line error: exit code 2 and one sentence."""
    with launched(f"--port={port}") as process:
        _, err = ended(process)
    assert 2 == process.returncode
    assert f"error: argument --port: '{port}' is no port: 0 to 65535\n" in err


def test_it_takes_more_connections_than_it_was_allowed_files() -> None:
    """Started with a limit of 64 open files that it may raise, it holds a hundred connections and answers."""
    shell = ["sh", "-c", 'ulimit -S -n 64 && exec "$0" -m stand_in --port 0', sys.executable]
    with started(shell, ENVIRONMENT) as process:
        with ExitStack() as opened:
            url = announced(process).split()[-1]
            where = urlsplit(url)
            for _ in range(100):
                opened.enter_context(socket.create_connection((where.hostname or "", where.port or 0), timeout=10))
            assert 404 == httpx.get(f"{url}/nothing", trust_env=False).status_code
        process.terminate()
        _, err = ended(process)
    assert "" == err


def test_a_port_in_use_is_one_sentence(base_url: str) -> None:
    """If it cannot listen, it exits with 1 and says where and why, without a traceback."""
    port = urlsplit(base_url).port
    with launched("--port", str(port)) as process:
        _, err = ended(process)
    assert 1 == process.returncode
    assert re.fullmatch(rf"stand_in: cannot listen on 127\.0\.0\.1:{port}: .*in use.*\n", err)


def test_a_stand_in_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If the process ends before it announces itself, `running` raises with its exit code and its stderr."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(RuntimeError, match=r"did not start \(exit 3\):\nno such module"), stand_in.running():
        pass


def test_what_it_wrote_is_repeated_when_the_block_raises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process's standard error is repeated on this process's, however the block ends."""
    talkative = tmp_path / "python"
    talkative.write_text("#!/bin/sh\necho careful >&2\necho on http://127.0.0.1:9/api/v1\nread until\n")
    talkative.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(talkative))
    with pytest.raises(KeyError), stand_in.running():
        raise KeyError
    assert "careful\n" == capsys.readouterr().err


def test_importing_it_is_cheap() -> None:
    """Importing the package imports only the standard library."""
    code = "import sys; before = set(sys.modules); import stand_in; print(*set(sys.modules) - before)"
    found = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in found.stdout.split()}
    assert {"stand_in"} == loaded - sys.stdlib_module_names
