"""Errors of Mining. Their documentation is shown by wallets."""

from __future__ import annotations

from runtime.frame import Error


class NotOperator(Error, index=0):
    """The account may not earn by work; register it as a provider and bond enough first."""


class ReceiptReplayed(Error, index=1):
    """The receipt was recorded before; each job gives one receipt, and it counts once."""


class EraNotFinished(Error, index=2):
    """An era of the claim has not ended; claim up to the era before the current one."""


class NothingToClaim(Error, index=3):
    """The caller has no share in these eras: claimed, expired, or no work was done."""


class TooManyEras(Error, index=4):
    """The range is reversed or longer than `max_claim_eras`; claim the rest separately."""


class UnknownRegion(Error, index=5):
    """There is no region of this number; governance sets the list with `set_params`."""


class InvalidParams(Error, index=6):
    """These parameters are inconsistent; `Params.problem` lists the conditions."""


class UnallocatedLimitReached(Error, index=7):
    """The chain's own jobs have cost as much as an era allows; try again in the next."""


class UnallocatedExhausted(Error, index=8):
    """The unallocated emission is smaller than that; reduce the amount, or wait some eras."""
