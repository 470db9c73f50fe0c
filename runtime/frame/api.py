"""Base of the runtime APIs: classes whose methods are called by name, with SCALE in and out.

The features list them (`runtime/features/`), `runtime/apis/core.py` dispatches the calls.
docs/architecture.md, "Adding a query", has the steps to add a method.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Codec, codec
from btt_chain.scale.hints import hints_of
from runtime.frame import Pallet, Runtime, State

MAX_ARGUMENTS: Final = 64 << 10
"""Default maximum length of a method's arguments, in bytes."""

MAX_TRANSACTION: Final = (1 << 20) + (64 << 10)
"""Maximum length of arguments with one transaction, in bytes: the pool's maximum, and more."""


class ApiError(Exception):
    """A runtime API call failed; the message is the reason."""


class NoSuchMethod(ApiError):
    """The runtime has no API method of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Exported method {name} is not found")


@dataclass(frozen=True)
class Method:
    """One API method: its wire format, which is made when it is first needed, and its function."""

    name: str
    run: Callable[..., object]
    is_unsafe: bool
    """True if its arguments determine its running time, as in building blocks and states."""
    max_arguments: int
    """Maximum length of the arguments, in bytes."""

    @cached_property
    def inputs(self) -> tuple[tuple[str, Codec[object]], ...]:
        """Names and codecs of the arguments."""
        hints = hints_of(self.run)
        del hints["return"]
        return tuple((name.rstrip("_"), codec(hint)) for name, hint in hints.items())

    @cached_property
    def output(self) -> Codec[object]:
        """Codec of the result."""
        found: Codec[object] = codec(hints_of(self.run)["return"])
        return found

    @property
    def docs(self) -> str:
        """Docstring of the function."""
        return inspect.getdoc(self.run) or ""


def api_name(method: Callable[..., object]) -> str:
    """Return the name of an API method on the wire, as `WorkApi_job` of `WorkApi.job`."""
    return method.__qualname__.replace(".", "_")


_DECLARED: Final[dict[Callable[..., object], Method]] = {}


def declared(function: Callable[..., object]) -> Method | None:
    """Return the API method that a function, such as `WorkApi.job`, declares; None if none."""
    return _DECLARED.get(function)


class Context(Protocol):
    """The runtime of an API call and the fresh state of the block that it reads."""

    @property
    def runtime(self) -> Runtime:
        """The runtime of the state."""

    @property
    def state(self) -> State:
        """The state; what a call writes to it is dropped."""


class RuntimeApi:
    """Base class of the APIs; a subclass's public methods are its API methods."""

    VERSION: ClassVar[int]
    METHODS: ClassVar[dict[str, Method]]

    def __init_subclass__(
        cls,
        version: int,
        *,
        unsafe: bool | tuple[str, ...] = False,
        max_arguments: int = MAX_ARGUMENTS,
    ) -> None:
        """Read the methods once; `unsafe` is True, or names those for trusted callers only."""
        super().__init_subclass__()
        cls.VERSION = version
        cls.METHODS = {}
        for name, function in vars(cls).items():
            if name.startswith("_") or not inspect.isfunction(function):
                continue
            if "return" not in function.__annotations__:
                raise TypeError(
                    f"{cls.__name__}.{name} declares no return type: `-> ...` is its wire format"
                )
            cls.METHODS[name] = _DECLARED[function] = Method(
                name,
                function,
                is_unsafe=name in unsafe if isinstance(unsafe, tuple) else unsafe,
                max_arguments=max_arguments,
            )

    def __init__(self, context: Context) -> None:
        self._runtime = context.runtime
        self._runtime.enter(context.state)


P = TypeVar("P", bound=Pallet)


class PalletOf(Generic[P]):
    """A pallet of the runtime that an API reads: `_jobs = PalletOf(Jobs)` in its body."""

    def __init__(self, kind: type[P]) -> None:
        self._kind = kind

    def __get__(self, instance: RuntimeApi, owner: type) -> P:
        return instance._runtime.pallet(self._kind)  # noqa: SLF001 - of one module
