"""An interpreter that imports what its arguments name, once, and then forks a process for each program that it is sent.

The process runs the program, and ends as any process of Python does. `support.processes.run_python` uses it.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from runpy import run_module
from types import ModuleType
from typing import Final, NamedTuple

BACKEND: Final = Path(__file__).resolve().parents[2] / "backend"


class Program(NamedTuple):
    """What Python is started with; the files 0, 1 and 2 in `streams` are its standard streams.

    The pipe `end` is for its exit code.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: str


def fork_for_each_program(connection: Connection) -> Program | None:
    """Return each program in a process of its own, whose parent writes its exit code; return None after the last."""
    while True:
        try:
            program = Program(*connection.recv())
        except EOFError:
            return None
        with suppress(ChildProcessError):  # when there is no parent left
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not os.fork():
            if not (process := os.fork()):
                return program
            _, status = os.waitpid(process, 0)
            Path(program.streams, "end").write_text(str(os.waitstatus_to_exitcode(status)))
            os._exit(0)


def execute(program: Program) -> None:
    """Run a program as `__main__`, with its own environment, streams and paths."""
    os.environ.clear()
    os.environ.update(program.environment)
    os.chdir(program.folder)
    for stream, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
        file = os.open(f"{program.streams}/{stream}", flags)
        os.dup2(file, stream)
        os.close(file)
    sys.path[:1] = [path for path in program.environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    option, *sys.argv = program.arguments if program.arguments[0] in {"-c", "-m"} else ["", *program.arguments]
    if option == "-m":
        sys.path.insert(0, program.folder)
        run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        return
    sys.modules["__main__"] = main = ModuleType("__main__")
    if option == "-c":
        code, sys.argv[0] = sys.argv[0], option
        sys.path.insert(0, "")
    else:
        main.__file__ = sys.argv[0]
        code = Path(main.__file__).read_text(encoding="utf-8")
        sys.path.insert(0, str(Path(main.__file__).parent))
    exec(compile(code, sys.argv[0], "exec"), vars(main))  # noqa: S102 - as Python does


if __name__ == "__main__":
    sys.path[0] = str(BACKEND)
    for name in sys.argv[2:]:
        import_module(name)
    print("ready", flush=True)  # noqa: T201 - processes.py waits for it
    gc.freeze()  # otherwise each process would look through all of this when it ends
    with Connection(int(sys.argv[1])) as connection:
        program = fork_for_each_program(connection)
    if program:
        execute(program)
