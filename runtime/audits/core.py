"""The audit of the core: balances, identities, bonds of validators, pools."""

from __future__ import annotations

from runtime.audits.balances import bonds, dust, issuance, reserves
from runtime.audits.pools import burns, development, pools, programmes, reserve
from runtime.audits.state import FeatureAudit
from runtime.features.core import Core
from runtime.frame import Reason
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.identity import types as identity


def identity_deposits(runtime: Core) -> int:
    """Return the sum of the deposits for identities, their sub-accounts and judgements."""
    registered = runtime.identity.identity_of.items()
    return sum(
        int(registration.deposit)
        + sum(
            int(judgement.fee)
            for _, judgement in registration.judgements
            if isinstance(judgement, identity.FeePaid)
        )
        for _, registration in registered
    ) + sum(int(deposit) for _, (deposit, _) in runtime.identity.subs.subs_of.items())


AUDIT = FeatureAudit(
    checks=(
        issuance,
        reserves,
        bonds,
        dust,
        burns,
        pools,
        development,
        reserve,
        programmes,
    ),
    compared=(Reason(5, Authorities.HoldReason.ValidatorBond),),
    deposits={identity.RESERVE_ID: identity_deposits},
)
