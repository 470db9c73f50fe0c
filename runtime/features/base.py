"""Base of the features: a runtime that is built from its classes, stage by stage.

A feature is a class that adds pallets. It inherits from the features whose pallets it uses, and a
runtime inherits from its features. What a pallet takes from a feature that the chain may lack is a
method with a default, which that feature overrides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.scale import u8, u32
from runtime.frame import Reason, Runtime, RuntimeVersion
from runtime.frame.api import Method, RuntimeApi
from runtime.frame.version import CowText, api_versions
from runtime.pallets.system.pallet import System
from runtime.params import RuntimeParams
from runtime.sets import SPEC_VERSION

R = TypeVar("R", bound="FeatureRuntime")

SCHNORRKEL: Final = SchnorrkelVrf()

API_ORDER: Final = (
    *("Core", "Metadata", "BlockBuilder", "TaggedTransactionQueue", "AccountNonceApi"),
    *("TransactionPaymentApi", "TransactionPaymentCallApi", "GenesisBuilder", "BabeApi"),
    *("GrandpaApi", "SessionKeys", "TokenomicsApi", "StakingApi", "MiningApi", "WorkApi"),
    *("AssetsApi", "ExchangeApi", "PayFiApi", "ChambersApi", "GovernanceApi", "OracleApi"),
    *("FacilitiesApi", "ReferralApi", "HealthRecordsApi", "IncentivesApi", "DryRunApi"),
)
"""Order of the runtime APIs in versions and metadata, the same for all chains. Others follow."""


class Stage(Generic[R]):
    """A step of the construction: it adds pallets, whose hooks run in the order of the stages."""

    def __init__(self, number: int, add: Callable[[R, RuntimeParams], None]) -> None:
        self.number = number
        self.add = add


def stage(number: int) -> Callable[[Callable[[R, RuntimeParams], None]], Stage[R]]:
    """Make a method the stage of a number; stages of all features run in the numbers' order."""
    return lambda add: Stage(number, add)


class Declarations(NamedTuple):
    """The parts of a feature besides its pallets."""

    apis: tuple[type[RuntimeApi], ...]
    """Its runtime APIs."""
    offsetting: tuple[Reason, ...]
    """Reasons of its holds that may lie under a lock: refundable deposits and bonds."""
    audit: str | None
    """Module with `AUDIT`, its part of the audit, relative to its own package. It is a name because
    nodes do not load audits."""


class FeatureRuntime(Runtime):
    """A runtime of features.

    `vrf` verifies and evaluates VRF outputs; simulations use another than networks do. `version` is
    that of a later runtime that builds on this one.
    """

    SPEC_NAME: ClassVar[str]
    SPEC_VERSION: ClassVar[int] = SPEC_VERSION
    OWN: ClassVar[Declarations]
    """The class's own declarations, without those that it inherits."""

    def __init_subclass__(
        cls,
        *,
        apis: tuple[type[RuntimeApi], ...] = (),
        offsetting: tuple[Reason, ...] = (),
        audit: str | None = None,
    ) -> None:
        """Note the declarations of a feature; see `Declarations`."""
        super().__init_subclass__()
        cls.OWN = Declarations(apis, offsetting, audit)

    def __init__(
        self, params: RuntimeParams, *, vrf: Vrf = SCHNORRKEL, version: RuntimeVersion | None = None
    ) -> None:
        version = type(self).release() if version is None else version
        super().__init__(version, filtered=System.CallFiltered, symbol=params.symbol)
        self.vrf = vrf
        stages = (
            step
            for feature in self.features()
            for step in vars(feature).values()
            if isinstance(step, Stage)
        )
        for step in sorted(stages, key=lambda step: step.number):
            step.add(self, params)
        self.connect()
        self.complete()

    def connect(self) -> None:
        """Connect pallets that depend on each other."""

    @classmethod
    def features(cls) -> Iterator[type[FeatureRuntime]]:
        """Yield the classes of the runtime, each after those that it inherits from."""
        for kind in reversed(cls.__mro__):
            if issubclass(kind, FeatureRuntime) and kind is not FeatureRuntime:
                yield kind

    @classmethod
    def apis(cls) -> tuple[type[RuntimeApi], ...]:
        """Return the runtime APIs of all features, in their order."""
        own = [api for feature in cls.features() for api in feature.OWN.apis]
        order = {name: rank for rank, name in enumerate(API_ORDER)}
        return tuple(sorted(own, key=lambda api: order.get(api.__name__, len(order))))

    @classmethod
    @cache
    def api_methods(cls) -> Mapping[str, tuple[type[RuntimeApi], Method]]:
        """Return the API methods by their names on the wire, with their classes."""
        return {
            f"{api.__name__}_{method.name}": (api, method)
            for api in cls.apis()
            for method in api.METHODS.values()
        }

    @classmethod
    def offsetting(cls) -> tuple[Reason, ...]:
        """Return the reasons of all features' holds that may lie under a lock."""
        return tuple(reason for feature in cls.features() for reason in feature.OWN.offsetting)

    @classmethod
    def release(cls) -> RuntimeVersion:
        """Return the version."""
        return RuntimeVersion(
            spec_name=CowText(cls.SPEC_NAME),
            impl_name=CowText("btt-chain"),
            authoring_version=u32(1),
            spec_version=u32(cls.SPEC_VERSION),
            impl_version=u32(1),
            apis=api_versions([(api.__name__, api.VERSION) for api in cls.apis()]),
            transaction_version=u32(1),
            system_version=u8(1),
        )
