"""Engines by name: `MODULE:CLASS` becomes an engine, or an error of one line."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from btt_chain.work.engines import Engine, Processor
from btt_chain.work.engines.checked import CheckedEngine
from btt_chain.work.errors import EngineRefused, WorkError
from btt_chain.work.execute import DEFAULT_MEMORY

FAST: Final = "btt_chain.work.engines.onnxruntime:OnnxRuntime"
"""The engine of `--fast`."""


def load(name: str | None, memory: int = DEFAULT_MEMORY) -> Engine:
    """Return the tested engine `MODULE:CLASS`; None: numpy, which needs no test.

    `memory`: bytes of tensors that it may take at a time. Raises EngineRefused, NotExact, and
    ImportError for an extra that is not installed.
    """
    if name is None:
        return Processor(memory)
    module, _, attribute = name.partition(":")
    made = getattr(_imported(name, module), attribute, None)
    if made is None:
        raise EngineRefused(
            f"engine {name}: the module has no class {attribute!r}: check the name after the colon"
        )
    if not isinstance(made, type) or not _streams(made):
        raise EngineRefused(
            f"engine {name} is not an engine: it must be a class with the method "
            "stream(executor, batches, *, accumulators), see docs/work.md"
        )
    try:
        engine = made(memory)
    except WorkError as error:
        raise EngineRefused(f"engine {name} did not start: {error}") from None
    except Exception as error:
        reason = (str(error) or "no reason is given").splitlines()[0]
        raise EngineRefused(
            f"engine {name} did not start: {type(error).__name__}: {reason}. Run without it, or "
            "with another one"
        ) from error
    return CheckedEngine(engine, name)


def _imported(name: str, module: str) -> ModuleType:
    """Import the module of an engine. Raises EngineRefused, ImportError."""
    try:
        is_there = find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # a package above it is missing; the name is empty
        is_there = False
    if not is_there:
        raise EngineRefused(
            f"engine {name}: there is no module {module!r}: check its name, install it, or add "
            "its folder to PYTHONPATH"
        )
    try:
        return import_module(module)
    except ImportError as error:
        if "the extra `" in str(error):
            raise
        raise EngineRefused(
            f"engine {name}: its module needs what is not installed: {error}"
        ) from error
    except Exception as error:
        reason = (str(error) or "no reason is given").splitlines()[0]
        raise EngineRefused(
            f"engine {name}: its module cannot be imported: {type(error).__name__}: {reason}"
        ) from error


def _streams(made: type) -> bool:
    """Return True if a class has the method of an engine."""
    method = getattr(made, "stream", None)
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(None, None, [], accumulators=True)
    except (TypeError, ValueError):
        return False
    return True
