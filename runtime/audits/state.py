"""The state under audit, findings about it, and the part of the audit that each feature brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from importlib import import_module

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import path
from runtime.features.work import Work
from runtime.frame import Reason


@path("btt_runtime::audits::Finding")
@dataclass(frozen=True, slots=True)
class Finding:
    """A violated invariant, with the values found."""

    invariant: str
    """Number of the invariant: `I1`."""
    text: str
    """Description of the violation, with amounts in planck."""


@dataclass(slots=True)
class AuditedState:
    """A state under audit: its runtime, and its accounts, read once."""

    runtime: Work
    accounts: dict[AccountId, AccountInfo]
    parts: tuple[FeatureAudit, ...]

    def of(self, who: AccountId) -> AccountInfo:
        """Return an account; an empty record if there is none."""
        return self.accounts.get(who) or AccountInfo()


Check = Callable[[AuditedState], Iterator[Finding]]
HoldRecord = tuple[AccountId, Reason, int]
"""A hold that a record of a pallet expects: account, reason, planck."""


def no_holds(_: Work) -> Iterator[HoldRecord]:
    """Return no holds."""
    return iter(())


@dataclass(frozen=True, slots=True)
class FeatureAudit:
    """The part of a feature in the audit."""

    checks: tuple[Check, ...]
    holds: Callable[[Work], Iterator[HoldRecord]] = no_holds
    """Yields the holds that the records of the pallets expect."""
    compared: tuple[Reason, ...] = ()
    """Reasons of holds that `checks` compare with their records."""
    deposits: Mapping[bytes, Callable[[Work], int]] = field(default_factory=dict)
    """Sums reserved under each name, by the records of the pallets that reserve."""
    locks: tuple[bytes, ...] = ()
    """Names of locks."""


def audits_of(runtime: Work) -> tuple[FeatureAudit, ...]:
    """Return the audits of all features of a runtime."""
    parts = []
    for feature in runtime.features():
        if feature.OWN.audit is not None:
            package = feature.__module__.rpartition(".")[0]
            part: FeatureAudit = import_module(feature.OWN.audit, package).AUDIT
            parts.append(part)
    return tuple(parts)
