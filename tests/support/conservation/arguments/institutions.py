"""Arguments for calls of facilities, and of objections to milestones."""

from __future__ import annotations

from btt_chain.scale import u16
from runtime.pallets.facilities.types import Bonds, Kind, Size
from runtime.pallets.tokenomics.types import NO_HASH
from support.conservation.arguments.common import Arguments
from support.conservation.arguments.economy import one_milestone

CALLS: dict[str, Arguments] = {
    "Chambers.object_to_milestone": lambda c, d: one_milestone(c, d) | {"value": c.amount()},
    "Chambers.withdraw_objection": one_milestone,
    "Chambers.unlock_objections": lambda c, _: {"target": c.address()},
    "Facilities.apply": lambda c, _: {
        "kind": c.one_of(list(Kind)), "size": Size.Small, "meta": NO_HASH,
        "region": u16(c.one_of((156, 1))), "sensitive": c.flag(),
    },
    "Facilities.confirm": lambda c, _: {"who": c.address()},
    "Facilities.refuse": lambda c, _: {"who": c.address()},
    "Facilities.update": lambda c, _: {"size": Size.Large, "meta": NO_HASH},
    "Facilities.leave": lambda c, _: {},
    "Facilities.suspend": lambda c, _: {"who": c.address(), "suspended": c.flag()},
    "Facilities.set_bonds": lambda c, _: {"bonds": Bonds(c.some(), c.some(), c.some())},
}  # fmt: skip
