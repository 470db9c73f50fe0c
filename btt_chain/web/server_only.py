"""Import of aiohttp's server without its client.

The package `aiohttp` imports its client, which makes two TLS contexts with all certificates of the
system: a tenth of the processor time of a node's start, and several megabytes. A node is a server,
and few ever open a connection by HTTP.
"""

from __future__ import annotations

import re
import sys
import threading
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Final

PACKAGE: Final = "aiohttp"
VERSION: Final = re.compile(r'^__version__ = "([^"\n]+)"$', re.MULTILINE)
"""The version in the package's source: its modules read it from the package."""
_EXECUTING: Final = "__btt_chain_executing__"
"""Attribute of the package while it is executed: the code itself finds only what is there."""

_lock = threading.RLock()


class _Package(ModuleType):
    """The package, which is executed when a name that is not a submodule is first looked up."""

    def __getattr__(self, name: str) -> object:
        if not name.startswith("_") and find_spec(f"{PACKAGE}.{name}") is not None:
            return import_module(f"{PACKAGE}.{name}")
        with _lock:  # other threads wait until all names are there
            if type(self) is _Package:
                self._execute(name)
        return getattr(self, name)

    def _execute(self, wanted: str) -> None:
        spec = self.__spec__
        if spec is None or spec.loader is None or _EXECUTING in vars(self):
            raise AttributeError(wanted)
        vars(self)[_EXECUTING] = True
        try:
            spec.loader.exec_module(self)
        except BaseException:
            sys.modules.pop(PACKAGE, None)  # as after any failed import
            raise
        del vars(self)[_EXECUTING]
        object.__setattr__(self, "__class__", ModuleType)


def import_without_client() -> None:
    """Let modules of aiohttp be imported without its client, if aiohttp is not imported yet.

    The client is imported when the program first uses it, or another name of the package.
    """
    spec = None if PACKAGE in sys.modules else find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return
    version = VERSION.search(Path(spec.origin).read_text(encoding="utf-8"))
    if version is None:
        return  # another layout of the package: it is imported whole
    module = module_from_spec(spec)
    object.__setattr__(module, "__class__", _Package)
    module.__dict__["__version__"] = version[1]
    sys.modules[PACKAGE] = module
