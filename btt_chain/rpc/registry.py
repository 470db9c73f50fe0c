"""The registry of all methods by name.

A group of methods is a class (`chain.ChainApi`); `@method` and `@subscription` mark its handlers,
and `Registry.add` binds them once. Handlers stay ordinary, typed functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from enum import Enum, auto
from typing import TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.rpc.params import Signature, SubscriptionId
from btt_chain.web.turns import TurnQueue

Handler = TypeVar("Handler", bound=Callable[..., object])

HEAVY = 10
"""Cost, in the caller's rate budget, of a call that walks many keys or runs the runtime.

The budget of processor time (`budget.py`) limits the cost of calls; this one limits their number.
"""

MAX_CALL_DATA = 64 << 10
"""Maximum bytes of a runtime function's arguments without a specific limit."""

MARK = "__rpc__"


class Kind(Enum):
    """The kinds of handlers."""

    PLAIN = auto()
    """`handler(*arguments)`: needs no connection, so HTTP is enough."""
    CONNECTED = auto()
    """`handler(call, *arguments)`: needs a WebSocket connection."""
    SUBSCRIBE = auto()
    """`handler(subscription, *arguments)`: answered with the subscription's id."""
    UNSUBSCRIBE = auto()
    """Without a handler: ends a subscription of the caller."""


@dataclass(slots=True)
class Mark:
    """The data that a decorator attaches to a handler."""

    names: tuple[str, ...]
    kind: Kind
    unsafe: bool
    cost: int
    event: str = ""
    unsubscribe: tuple[str, ...] = ()
    unsubscribe_result: bool = True
    function: str = ""
    data: str = ""
    needs_metadata: bool = False


@dataclass(slots=True)
class Method:
    """A method by one of its names, ready to be called."""

    name: str
    kind: Kind
    handler: Callable[..., object]
    signature: Signature
    unsafe: bool
    cost: int
    is_async: bool
    event: str = ""
    """The method name of its notifications; for an unsubscribe, of the subscription it ends."""
    answers_bool: bool = True
    """For an unsubscribe: answer true or false, as the legacy API does, or always null."""
    function: int | None = None
    """Position of the argument that names a function of the runtime, which may be unsafe itself."""
    needs_metadata: bool = False
    """True if its first call may have to wait until metadata is prepared."""
    data: int | None = None
    """Position of that function's encoded arguments, whose size is limited by the function."""
    is_quick: bool = field(init=False)
    """True if no call of it waits for anything."""
    is_plain: bool = field(init=False)
    """True if its calls have no effects on the connection besides."""

    def __post_init__(self) -> None:
        """Derive what every call asks."""
        self.is_quick = not (self.is_async or self.needs_metadata)
        self.is_plain = self.is_quick and self.kind is Kind.PLAIN


def method(
    *names: str,
    unsafe: bool = False,
    cost: int = 1,
    connected: bool = False,
    function: str = "",
    data: str = "",
    needs_metadata: bool = False,
) -> Callable[[Handler], Handler]:
    """Mark a handler; the first name is the main one, the others are aliases.

    `function` is the parameter that names a function of the runtime, if there is one, and `data`
    the one with the function's encoded arguments.
    """
    kind = Kind.CONNECTED if connected else Kind.PLAIN
    mark = Mark(names, kind, unsafe, cost, function=function, data=data)
    mark.needs_metadata = needs_metadata
    return _marker(mark)


def subscription(
    *names: str,
    event: str,
    unsubscribe: tuple[str, ...],
    cost: int = 1,
    unsubscribe_result: bool = True,
) -> Callable[[Handler], Handler]:
    """Mark a handler of a subscription; `event` names its notifications."""
    mark = Mark(names, Kind.SUBSCRIBE, False, cost, event, unsubscribe, unsubscribe_result)
    return _marker(mark)


def _marker(mark: Mark) -> Callable[[Handler], Handler]:
    def note(handler: Handler) -> Handler:
        setattr(handler, MARK, mark)
        return handler

    return note


def _end(subscription: SubscriptionId) -> None:
    """Define the signature of every unsubscribe; the dispatcher does the work."""


UNSUBSCRIBE_SIGNATURE = Signature(_end)


@dataclass(slots=True)
class Registry:
    """All methods by name."""

    methods: dict[str, Method] = field(default_factory=dict)
    turns: TurnQueue = field(default_factory=TurnQueue)
    """The queue in which all calls take their turns."""
    is_unsafe_function: Callable[[str], bool] = lambda _: False
    """Returns True if a function of the runtime, by its name, is for trusted callers only."""
    prepare_metadata: Callable[[], Iterator[None]] = lambda: iter(())
    """Steps to run before the first call that needs metadata."""
    max_call_data: Callable[[str], int] = lambda _: MAX_CALL_DATA
    """Maximum number of bytes of a runtime function's encoded arguments, by its name."""

    elsewhere: dict[str, str] = field(default_factory=dict)
    """Errors of methods that other nodes have, by the beginning of their names; `{}` is the name.
    """

    def missing(self, name: str) -> str:
        """Return the error of a method that is not here."""
        for start, text in self.elsewhere.items():
            if name.startswith(start):
                return "Method not found: " + text.format(name[:64])
        return "Method not found"

    def add(self, group: object) -> None:
        """Add the marked handlers of a group.

        Raises:
            ValueError: if two handlers have the same name.
            TypeError: if a handler's signature cannot be read from JSON.

        """
        for name, _ in inspect.getmembers(type(group), lambda item: hasattr(item, MARK)):
            handler = getattr(group, name)
            mark: Mark = getattr(handler, MARK)
            self._bind(handler, mark)

    def remove(self, start: str, reason: str) -> None:
        """Remove the methods whose names begin so; `reason` is their error, `{}` in it the name."""
        self.elsewhere[start] = reason
        self.drop([name for name in self.methods if name.startswith(start)])

    def drop(self, names: Iterable[str]) -> None:
        """Remove methods by their names."""
        for name in names:
            del self.methods[name]

    def _bind(self, handler: Callable[..., object], mark: Mark) -> None:
        signature = Signature(handler, skip=0 if mark.kind is Kind.PLAIN else 1)
        is_async = inspect.iscoroutinefunction(handler)
        if is_async and mark.kind is not Kind.PLAIN:
            raise TypeError(f"{mark.names[0]}: only a plain method may be async")
        for name in mark.names:
            self._put(
                Method(
                    name,
                    mark.kind,
                    handler,
                    signature,
                    mark.unsafe,
                    mark.cost,
                    is_async,
                    mark.event,
                    function=signature.place(mark.function) if mark.function else None,
                    data=signature.place(mark.data) if mark.data else None,
                    needs_metadata=mark.needs_metadata or bool(mark.function),
                )
            )
        for name in mark.unsubscribe:
            self._put(
                Method(
                    name,
                    Kind.UNSUBSCRIBE,
                    _end,
                    UNSUBSCRIBE_SIGNATURE,
                    unsafe=False,
                    cost=1,
                    is_async=False,
                    event=mark.event,
                    answers_bool=mark.unsubscribe_result,
                )
            )

    def _put(self, entry: Method) -> None:
        if entry.name in self.methods:
            raise ValueError(f"two handlers for {entry.name}")
        self.methods[entry.name] = entry

    def names(self) -> list[str]:
        """Return all names, aliases included: clients choose between API versions by this list."""
        return sorted(self.methods)
