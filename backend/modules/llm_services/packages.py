"""Import packages when they are first used, and raise the error for a missing one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

# The packages of every call, which are imported when they are first used: certifi by httpx, json_repair for an answer
# that is malformed.
REQUIRED: Final = ("httpx", "certifi", "aiohttp", "httpx_aiohttp", "json_repair")


@cache
def require(*modules: str) -> None:
    """Raise RuntimeError for the first of `modules` that is not installed, without importing any."""
    for module in modules:
        if not is_installed(module):
            raise RuntimeError(_message(module))


@cache
def load(*modules: str) -> None:
    """Import `modules`, in a thread; raise RuntimeError, which names the package, if one is missing."""
    try:
        for module in modules:
            import_module(module)
    except ImportError as error:
        raise missing(error) from error


def is_installed(module: str) -> bool:
    """Return True if a top-level module can be found."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def missing(error: ImportError) -> RuntimeError:
    """Return the error that names the missing package; it may be one that the imported package needs."""
    module = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and module:
        return RuntimeError(_message(module))
    return RuntimeError(f"the package {module or 'of an import'} is installed but cannot be imported: {error}")


def _message(module: str) -> str:
    package = module.replace("_", "-")
    return f"the package {package} is not installed: pip install {package}"
