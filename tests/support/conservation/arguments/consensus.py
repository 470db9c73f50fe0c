"""Arguments for calls of validators and of consensus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.primitives.babe_digests import AllowedSlots, NextConfigDescriptor
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import u32, u64
from runtime.pallets.authorities.types import LOWEST_MINIMUM
from runtime.pallets.session.pallet import SessionKeys
from support.conservation.arguments.common import Arguments, of_zeros

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser


def session_keys(c: Chooser) -> SessionKeys:
    mark = bytes((c.one_of(range(4)),)) * 32
    return SessionKeys(BabeId(mark), GrandpaId(mark))


def config(c: Chooser) -> NextConfigDescriptor:
    return NextConfigDescriptor((u64(c.one_of((0, 1, 5))), u64(4)), c.one_of(list(AllowedSlots)))


CALLS: dict[str, Arguments] = {
    "Authorities.bond": lambda c, _: {"amount": c.amount()},
    "Authorities.bond_extra": lambda c, _: {"amount": c.amount()},
    "Authorities.unbond": lambda c, _: {"amount": c.amount()},
    "Authorities.withdraw_unbonded": lambda c, _: {},
    "Authorities.validate": lambda c, _: {},
    "Authorities.chill": lambda c, _: {},
    "Authorities.chill_other": lambda c, _: {"stash": c.address()},
    "Authorities.set_minimum_bond": lambda c, _: {
        "amount": c.one_of((c.amount(), LOWEST_MINIMUM)),
    },
    "Authorities.set_work_factor": lambda c, _: {"factor": c.one_of((u32(300), u32(299)))},
    "Authorities.set_validator_count": lambda c, _: {"count": c.number()},
    "Session.set_keys": lambda c, _: {"keys": session_keys(c), "proof": b""},
    "Session.purge_keys": lambda c, _: {},
    "Babe.report_equivocation": of_zeros("Babe", "report_equivocation"),
    "Babe.report_equivocation_unsigned": of_zeros("Babe", "report_equivocation_unsigned"),
    "Babe.plan_config_change": lambda c, _: {"config": config(c)},
    "Grandpa.report_equivocation": of_zeros("Grandpa", "report_equivocation"),
    "Grandpa.report_equivocation_unsigned": of_zeros("Grandpa", "report_equivocation_unsigned"),
    "Grandpa.note_stalled": lambda c, _: {
        "delay": c.number(), "best_finalized_block_number": c.number(),
    },
}  # fmt: skip
