"""Parts of pallets: components, and the injection of what they need.

A component is one concept of a pallet, with storage and constants of its own. It states what it
needs as annotations in its body, and the pallet lists its components in the order in which they
are built:

    class Points(Component):
        months: Months
        currency: Currency
        day_slots: u32

    class Incentives(Pallet):
        months = Part(Months)
        points = Part(Points)

What is needed comes from the own pallet only: from its configuration, constants, storage items and
the components above. It is the attribute with the annotated type, or a subclass of it; of several,
that with the same name, where a leading underscore does not count. A number or an account is always
taken by its name, because its type says too little. `int` takes a number of any width, whose
arithmetic does not overflow then. If there is not exactly one, the pallet cannot be built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import (
    ClassVar,
    Final,
    Generic,
    NamedTuple,
    Self,
    TypeVar,
    cast,
    get_args,
    get_origin,
    overload,
)

from btt_chain.crypto.hashing import twox_128
from btt_chain.scale import AnyCodec
from btt_chain.scale.hints import hints_of
from runtime.frame.call import Reason
from runtime.frame.constants import Const, declared_constants
from runtime.frame.event import Event
from runtime.frame.host import Host
from runtime.frame.items import StorageItem

ANNOTATED: Final = type(Const[int])


class Concern:
    """Storage items, constants and events: common to pallets and their components."""

    STORAGE: ClassVar[dict[str, StorageItem]]
    host: ClassVar[Host]
    index: ClassVar[int]
    """Index of the pallet in the runtime's table."""

    @classmethod
    def constants(cls) -> dict[str, tuple[str, AnyCodec]]:
        """Return the codec of each constant and its name in the metadata, by attribute."""
        return declared_constants(cls)

    def bind_storage(self, host: Host, pallet: str, index: int) -> None:
        """Bind to a runtime: `pallet` is the name that storage keys begin with."""
        prefix = twox_128(pallet.encode())
        live = {name: item.bind(host, prefix) for name, item in self.STORAGE.items()}
        self.__dict__.update(live, host=host, index=index)

    def live_storage(self) -> list[tuple[str, StorageItem]]:
        """Return the live items by attribute, in the order of declaration."""
        return [(name, cast("StorageItem", self.__dict__[name])) for name in self.STORAGE]

    def deposit(self, event: Event) -> None:
        """Emit `event`; it is undone with the storage layer in which it was emitted."""
        host = self.host
        host.events.append((host.phase, self.index, event))

    def event_prefix(self, kind: type[Event]) -> bytes:
        """Return the first bytes of the pallet's events of a kind, before their fields."""
        if kind.INDEX is None:
            raise TypeError(f"{type(self).__name__}: the event {kind.__name__} has no index")
        return bytes((self.index, kind.INDEX))

    def deposit_raw(self, event: bytes) -> None:
        """Emit an event that is encoded already: its `event_prefix`, then its fields.

        For the events of most transactions: neither an object nor a codec is needed.
        """
        host = self.host
        host.events.append((host.phase, self.index, event))


class Component(Concern):
    """One concept of a pallet, with storage of its own under the pallet's name in the state.

    A subclass declares storage items and `Constant`s as a pallet does. Annotations without a value
    are its dependencies.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        body: dict[str, object] = {}
        for base in reversed(cls.__mro__):
            if issubclass(base, Component) and base is not Component:
                body |= vars(base)
        cls.STORAGE = {name: item for name, item in body.items() if isinstance(item, StorageItem)}

    def inject(self, pallet: Concern, needs: Iterable[Need]) -> None:
        """Set the dependencies to attributes of the pallet, and set up the rest."""
        for attribute, source, is_plain in needs:
            value: object = getattr(pallet, source)
            self.__dict__[attribute] = int(cast("int", value)) if is_plain else value
        self.setup()

    # ---- hooks, for subclasses to override

    def setup(self) -> None:
        """Compute what follows from the dependencies; these and the storage are in place."""


C = TypeVar("C", bound=Component)


class Part(Generic[C]):
    """A component of a pallet: `months = Part(Months)` in its body."""

    def __init__(self, kind: type[C]) -> None:
        self.kind: Final = kind

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> C: ...

    def __get__(self, instance: object, owner: type) -> Self | C:
        # `Pallet.bind` sets the component on the instance, where it is found first.
        if instance is None:
            return self
        raise AttributeError(f"{owner.__name__} has no {self.kind.__name__} before it is bound")


class ReasonOf:
    """The reason of a pallet's holds in Balances: `reason = ReasonOf(HoldReason.Order)`."""

    def __init__(self, kind: IntEnum) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Concern, owner: type) -> Reason:
        reason = instance.__dict__[self._name] = Reason(instance.index, self._kind)
        return reason


class Need(NamedTuple):
    """A dependency of a component."""

    attribute: str
    source: str
    """Attribute of the pallet."""
    is_plain: bool
    """True if the number is converted to `int`."""


def wiring(
    pallet: str, offers: Mapping[str, object], parts: Mapping[str, type[Component]]
) -> dict[str, list[Need]]:
    """Return the dependencies of each component. `offers` are types and storage items by attribute.

    Raises TypeError if one is missing or ambiguous.
    """
    offers = {name: bare(kind) for name, kind in offers.items()}
    needs: dict[str, list[Need]] = {}
    for part, kind in parts.items():
        needs[part] = [
            Need(attribute, source(f"{pallet}.{part}", attribute, bare(hint), offers), hint is int)
            for attribute, hint in hints_of(kind, class_variables=False).items()
        ]
        offers[part] = kind
    return needs


def source(part: str, attribute: str, wanted: object, offers: Mapping[str, object]) -> str:
    """Return the attribute that a dependency takes; raise TypeError unless there is exactly one."""
    name = attribute.lstrip("_")
    if name in offers and fits(offers[name], wanted):
        return name
    fitting = [name for name, offered in offers.items() if fits(offered, wanted)]
    by_name = isinstance(wanted, type) and issubclass(wanted, (int, bytes))
    if by_name or len(fitting) != 1:
        candidates = ", ".join(fitting) or "no attribute"
        raise TypeError(f"{part} needs {attribute}: {wanted}; of this type: {candidates}")
    return fitting[0]


def fits(offered: object, wanted: object) -> bool:
    """Return True if an attribute has a wanted type, or a subclass of it that names it as base."""
    if isinstance(offered, StorageItem):
        return (get_origin(wanted), get_args(wanted)) == (type(offered), offered.kinds)
    return offered == wanted or (isinstance(offered, type) and wanted in offered.__mro__)


def bare(hint: object) -> object:
    """Return a type without the marks of `Annotated`."""
    return get_args(hint)[0] if isinstance(hint, ANNOTATED) else hint
