"""Openings of a facility for its auditors, without a node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.care.auditing import Disclosure, Place, open_sealed
from btt_chain.compute.blobs.sealing import new_secret, public_of
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from cli.commands.facility_audits import openings
from cli.common.errors import Refused
from runtime.pallets.incentives.types import AuditPhase, Seat

if TYPE_CHECKING:
    from btt_chain.client.views import ViewClient

CLINIC, EVE = AccountId(b"\x0c" * 32), AccountId(b"\x0e" * 32)
GENESIS, SEED = bytes(32), bytes(32)
EMPTY = Disclosure(H256(bytes(32)), bytes(32), b"", [], [])


class OneAudit:
    """A chain with one audit, of these seats."""

    genesis = GENESIS

    def __init__(self, *seats: Seat, phase: AuditPhase = AuditPhase.FirstRound) -> None:
        audit = SimpleNamespace(seed=SEED, seats=list(seats), phase=phase)
        self.view = SimpleNamespace(audit=audit)

    async def api(self, *_: object) -> SimpleNamespace:
        return self.view


async def test_what_is_opened_is_sealed_to_the_keys_of_the_seats() -> None:
    secret = new_secret()
    chain = OneAudit(Seat(EVE, EVE, public_of(secret)))
    ((auditor, sealed),) = await openings(cast("ViewClient", chain), CLINIC, 3, lambda *_: EMPTY)
    assert auditor == EVE
    assert open_sealed(sealed, secret, Place(GENESIS, CLINIC, 3, SEED)) == EMPTY


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (AuditPhase.Answerable, "btt-chain facility appeal --month 3` has three others"),
        (AuditPhase.Waiting, "not selected yet. Run this again as soon as"),
    ],
)
async def test_nothing_is_sealed_to_auditors_who_do_not_wait_for_it(
    phase: AuditPhase, reason: str
) -> None:
    """A facility that appealed would think that it had answered the second round."""
    chain = OneAudit(Seat(EVE, EVE, public_of(new_secret())), phase=phase)
    with pytest.raises(Refused, match=reason):
        await openings(cast("ViewClient", chain), CLINIC, 3, lambda *_: EMPTY)


async def test_a_month_without_auditors_cannot_be_answered() -> None:
    with pytest.raises(Refused, match="no auditor of another operator was enlisted"):
        await openings(cast("ViewClient", OneAudit()), CLINIC, 3, lambda *_: EMPTY)
