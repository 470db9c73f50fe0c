"""Imports that wait until they are used.

libp2p imports HTTP clients for certificates of Let's Encrypt, which this host never requests: a
sixth of the time of its import, and eight megabytes.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType


class _Deferred(ModuleType):
    """A module that is executed when one of its names is first looked up.

    `importlib.util.LazyLoader` does not do: up to Python 3.12, the import statement itself looks up
    `__spec__`, which executes its modules.
    """

    def __getattr__(self, name: str) -> object:
        object.__setattr__(self, "__class__", ModuleType)
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        try:
            spec.loader.exec_module(self)
        except BaseException:
            sys.modules.pop(spec.name, None)  # as after any failed import
            raise
        return getattr(self, name)


def defer(*names: str) -> None:
    """Let the next import of these packages do nothing until one of their names is looked up.

    Packages that are imported already, or not installed, are left as they are.
    """
    for name in names:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None:
            module = module_from_spec(spec)
            object.__setattr__(module, "__class__", _Deferred)
            sys.modules[name] = module
