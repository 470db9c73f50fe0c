"""The base classes and declarations that pallets are written with."""

from runtime.frame.call import (
    Call,
    Reason,
    RuntimeCall,
    RuntimeFreezeReason,
    RuntimeHoldReason,
    call,
)
from runtime.frame.constants import Const, Constant
from runtime.frame.error import (
    BadOrigin,
    CannotLookup,
    ConsumerRemaining,
    DispatchError,
    Error,
    InvalidBlock,
    NoProviders,
    StateRootMismatch,
    TokenError,
    TokenErrorKind,
    TooManyConsumers,
    Unavailable,
    WireError,
)
from runtime.frame.event import Event
from runtime.frame.genesis import GenesisError, Section
from runtime.frame.host import EventRecord, Phase, RuntimeEvent
from runtime.frame.items import DoubleMap, Hasher, Map, Value
from runtime.frame.migration import Migration, MigrationFailed
from runtime.frame.origin import NONE, ROOT, Origin, OriginCheck, ensure_root, signed
from runtime.frame.pallet import Pallet
from runtime.frame.part import Component, Part, ReasonOf
from runtime.frame.runtime import Runtime
from runtime.frame.state import State
from runtime.frame.version import RuntimeVersion
from runtime.frame.weight import (
    BlockLength,
    BlockWeights,
    DbWeight,
    DispatchClass,
    DispatchEventInfo,
    DispatchInfo,
    PerClassWeight,
    PostInfo,
    Weight,
)

__all__ = [
    "NONE",
    "ROOT",
    "BadOrigin",
    "BlockLength",
    "BlockWeights",
    "Call",
    "CannotLookup",
    "Component",
    "Const",
    "Constant",
    "ConsumerRemaining",
    "DbWeight",
    "DispatchClass",
    "DispatchError",
    "DispatchEventInfo",
    "DispatchInfo",
    "DoubleMap",
    "Error",
    "Event",
    "EventRecord",
    "GenesisError",
    "Hasher",
    "InvalidBlock",
    "Map",
    "Migration",
    "MigrationFailed",
    "NoProviders",
    "Origin",
    "OriginCheck",
    "Pallet",
    "Part",
    "PerClassWeight",
    "Phase",
    "PostInfo",
    "Reason",
    "ReasonOf",
    "Runtime",
    "RuntimeCall",
    "RuntimeEvent",
    "RuntimeFreezeReason",
    "RuntimeHoldReason",
    "RuntimeVersion",
    "Section",
    "State",
    "StateRootMismatch",
    "TokenError",
    "TokenErrorKind",
    "TooManyConsumers",
    "Unavailable",
    "Value",
    "Weight",
    "WireError",
    "call",
    "ensure_root",
    "signed",
]
