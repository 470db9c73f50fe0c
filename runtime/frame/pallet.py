"""Pallets: one concern of the chain each, in one class.

A pallet has this order: docstring, constants, dependencies, storage, components, hold reasons,
events, errors, hooks, calls, public interface, internals. An annotation without a value is
configuration, which the runtime's table gives; `Const[...]` configuration is in the metadata.
`Constant(...)` is in the metadata, too, but fixed by the pallet: no table gives it.

A pallet with many events or errors declares them in modules of their own, which it names
(`class Jobs(Pallet, events=events, errors=errors)`). One with several concepts gives each a
`Component` with its own storage and constants (`months = Part(Months)`), see `part.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform, get_args, get_origin

from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import AnyCodec, codec
from btt_chain.scale.hints import hints_of, is_class_variable
from btt_chain.scale.shape import attribute_docs
from runtime.frame.call import Call, CallMark, Dispatchable, Reason
from runtime.frame.constants import CONSTANT, Constant, constant_name
from runtime.frame.error import Error
from runtime.frame.event import Event
from runtime.frame.host import Host
from runtime.frame.items import StorageItem
from runtime.frame.part import Component, Concern, Need, Part, ReasonOf, wiring


@dataclass_transform(kw_only_default=True)
class Pallet(Concern):
    """Configuration, storage, events, errors and calls of one concern of the chain."""

    CALLS: ClassVar[dict[int, Dispatchable]]
    EVENTS: ClassVar[dict[int, type[Event]]]
    ERRORS: ClassVar[dict[int, type[Error]]]
    REASONS: ClassVar[list[str]]
    """Attributes that are declared as reasons of holds."""
    PARTS: ClassVar[dict[str, type[Component]]]
    """Classes of the components by attribute."""
    NEEDS: ClassVar[dict[str, list[Need]]]
    FIXED: ClassVar[dict[str, Constant[object]]]
    """The pallet's `Constant`s by attribute."""
    CONFIG: ClassVar[set[str]]
    """Attributes that the runtime's table gives."""
    DEFAULTS: ClassVar[dict[str, object]]
    """Defaults of those that the table may omit."""
    HOLD_REASONS: ClassVar[type[IntEnum] | None]
    FREEZE_REASONS: ClassVar[type[IntEnum] | None]
    crate: ClassVar[str]
    """First part of type paths: `pallet_balances`."""
    instances: ClassVar[bool] = False
    """True if the pallet's types have Substrate's second parameter, `I`."""
    DECLARED: ClassVar[list[type]]
    """Events and errors of the modules that the pallet names."""
    STORAGE_ORDER: ClassVar[tuple[str, ...]] = ()
    """Names of items that the metadata lists first, in this order: for items of Substrate that lie
    in components.
    """
    GOSSIPED: ClassVar[Mapping[int, int]] = MappingProxyType({})
    """Calls that other nodes may send unsigned: maximum bytes of the arguments, by call index.

    `validate_unsigned` must accept them from `TransactionSource.External`. All other unsigned
    extrinsics of other nodes are rejected before they are decoded.
    """

    components: ClassVar[list[Component]]
    """Components of the pallet, in the order of their declaration."""

    def __init_subclass__(
        cls,
        *,
        crate: str | None = None,
        instances: bool = False,
        events: ModuleType | None = None,
        errors: ModuleType | None = None,
    ) -> None:
        """Read the declaration once. Types are evaluated when they are first needed.

        A pallet of a later version is a subclass of the previous one, and declares what is new.
        """
        super().__init_subclass__()
        body: dict[str, Any] = {}
        own: dict[str, object] = {}
        for base in reversed(cls.__mro__):
            if issubclass(base, Pallet) and base is not Pallet:
                body |= vars(base)
                own |= vars(base).get("__annotations__", {})
        before = cls.__mro__[1]
        if issubclass(before, Pallet) and before is not Pallet:
            crate, instances = crate or before.crate, instances or before.instances
        cls.crate = crate or "pallet_" + snake(cls.__name__)
        cls.instances = instances
        cls.STORAGE = {name: item for name, item in body.items() if isinstance(item, StorageItem)}
        cls.PARTS = {name: item.kind for name, item in body.items() if isinstance(item, Part)}
        cls.REASONS = [name for name, item in body.items() if isinstance(item, ReasonOf)]
        cls.FIXED = {name: item for name, item in body.items() if isinstance(item, Constant)}
        cls.DECLARED = [*getattr(before, "DECLARED", []), *classes_of(events), *classes_of(errors)]
        declared = cls.DECLARED + [item for item in body.values() if isinstance(item, type)]
        cls.EVENTS = by_index(cls, [item for item in declared if issubclass(item, Event)])
        cls.ERRORS = by_index(cls, [item for item in declared if issubclass(item, Error)])
        cls.HOLD_REASONS = body.get("HoldReason")
        cls.FREEZE_REASONS = body.get("FreezeReason")
        cls.CONFIG = {name for name, note in own.items() if not is_class_variable(note)}
        hidden = sorted(name for name in cls.CONFIG if callable(getattr(Pallet, name, None)))
        if hidden:
            raise TypeError(f"{cls.__name__}: {', '.join(hidden)} would hide a method of Pallet")
        cls.DEFAULTS = {name: body[name] for name in own if name in cls.CONFIG and name in body}
        cls.CALLS = {}
        for name, function in body.items():
            mark = getattr(function, "__dict__", {}).get("call_mark")
            if isinstance(mark, CallMark):
                if mark.index in cls.CALLS:
                    raise TypeError(f"{cls.__name__}: two calls have index {mark.index}")
                cls.CALLS[mark.index] = Dispatchable(
                    mark.index, name.rstrip("_"), function, mark.info
                )

    def __init__(self, **config: object) -> None:
        given = set(config)
        missing = self.CONFIG - given - set(self.DEFAULTS)
        unknown = given - self.CONFIG
        if missing or unknown:
            raise TypeError(
                f"{type(self).__name__}: missing {sorted(missing)}, unknown {sorted(unknown)}"
            )
        # Defaults too are set on the instance: a function set on the class would become a method.
        self.__dict__.update(self.DEFAULTS | config)

    @property
    def name(self) -> str:
        """The pallet's name in the metadata, which is also the prefix of its storage."""
        return type(self).__name__

    @classmethod
    def constants(cls) -> dict[str, tuple[str, AnyCodec]]:
        """Return the codec of each constant and its name in the metadata, by attribute."""
        found: dict[str, tuple[str, AnyCodec]] = {}
        for name, given in hints_of(cls).items():
            origin: object = get_origin(given)
            hint = get_args(given)[0] if origin is ClassVar else given
            notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
            if CONSTANT in notes:
                found[name] = (constant_name(name, notes), codec(get_args(hint)[0]))
        return found | super().constants()

    # ---- hooks, for subclasses to override

    def genesis(self, config: Mapping[str, object]) -> None:
        """Write the pallet's part of block zero from its section of the genesis configuration."""

    def on_initialize(self, number: int) -> int:
        """Run before the block's extrinsics; return the weight used in picoseconds."""
        return 0

    def on_finalize(self, number: int) -> None:
        """Run after the block's extrinsics."""

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Validate an unsigned extrinsic of this pallet; None rejects it.

        `source` is where it came from. Raises Invalid or Unknown with the reason.
        """
        return None

    def setup(self) -> None:
        """Compute what follows from configuration and components; these are in place."""

    # ---- for the runtime

    def bind(self, host: Host, index: int) -> None:
        """Bind the pallet to a runtime, at `index` of its table.

        Raises TypeError if two of its items, in components or not, have one name.
        """
        self.bind_storage(host, self.name, index)
        # Not of those for which the class has another value now: tests set such.
        kind = type(self)
        constants = {
            name: constant.value
            for name, constant in self.FIXED.items()
            if getattr(kind, name) is constant.value
        }
        self.__dict__.update(constants, components=[])
        for name, needs in self.needs().items():
            component = self.__dict__[name] = self.PARTS[name]()
            component.bind_storage(host, self.name, index)
            component.inject(self, needs)
            self.components.append(component)
        self.setup()
        names = [item.name for _, item in self.live_storage()]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise TypeError(f"{self.name}: two storage items are called {', '.join(repeated)}")

    @classmethod
    def needs(cls) -> dict[str, list[Need]]:
        """Return the dependencies of each component, which are resolved once for the class."""
        if "NEEDS" not in vars(cls):
            offers = hints_of(cls, class_variables=False) if cls.PARTS else {}
            offers |= cls.STORAGE | dict.fromkeys(cls.REASONS, Reason)
            offers |= {name: constant.kind for name, constant in cls.FIXED.items()}
            cls.NEEDS = wiring(cls.__name__, offers, cls.PARTS)
        return cls.NEEDS

    def live_storage(self) -> list[tuple[str, StorageItem]]:
        """Return the live items by attribute: in STORAGE_ORDER, then own, then components'."""
        own = super().live_storage()
        own += [item for component in self.components for item in component.live_storage()]
        order = {name: place for place, name in enumerate(self.STORAGE_ORDER)}
        return sorted(own, key=lambda item: order.get(item[1].name, len(order)))

    def live_constants(self) -> list[tuple[str, str, AnyCodec, object]]:
        """Return attribute, metadata name, codec and value of all constants: own, then parts'."""
        parts: list[Pallet | Component] = [self, *self.components]
        return [
            (attribute, name, kind, getattr(part, attribute))
            for part in parts
            for attribute, (name, kind) in part.constants().items()
        ]

    def attribute_docs(self) -> dict[str, tuple[str, ...]]:
        """Return the docstrings of storage items and constants, those of components included."""
        found: dict[str, tuple[str, ...]] = {}
        for part in (*self.components, self):
            found |= attribute_docs(type(part))
        return found


def classes_of(module: ModuleType | None) -> list[type]:
    """Return the classes that a module declares itself."""
    if module is None:
        return []
    classes = [item for item in vars(module).values() if isinstance(item, type)]
    return [item for item in classes if item.__module__ == module.__name__]


D = TypeVar("D", bound=type[Event] | type[Error])


def by_index(owner: type, declared: list[D]) -> dict[int, D]:
    """Return nested declarations ordered by index; two of one index raise TypeError."""
    found: dict[int, D] = {}
    for item in declared:
        if item.INDEX is None:
            continue
        if item.INDEX in found:
            other = found[item.INDEX].__name__
            raise TypeError(
                f"{owner.__name__}: {item.__name__} and {other} share index {item.INDEX}"
            )
        found[item.INDEX] = item
    return dict(sorted(found.items()))


def snake(name: str) -> str:
    """Convert a class name: `TransactionPayment` -> `transaction_payment`."""
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))
