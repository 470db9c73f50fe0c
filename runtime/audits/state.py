"""The state under audit, and findings about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import path
from runtime.pallets.mining import Mining
from runtime.pallets.tier_staking import TierStaking
from runtime.pallets.tokenomics import Tokenomics
from runtime.table import BttRuntime


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

    runtime: BttRuntime
    accounts: dict[AccountId, AccountInfo]
    tokenomics: Tokenomics
    mining: Mining
    staking: TierStaking

    def of(self, who: AccountId) -> AccountInfo:
        """Return an account; an empty record if there is none."""
        return self.accounts.get(who) or AccountInfo()


Check = Callable[[AuditedState], Iterator[Finding]]
