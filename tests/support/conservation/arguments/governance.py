"""Arguments for calls of root, of referenda and of the chambers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime import VERSION
from runtime.pallets.chambers.formulas import Mode as ChamberMode
from runtime.pallets.conviction_voting.types import Conviction, Split, SplitAbstain, Standard, Vote
from runtime.pallets.origins import Decision, DecisionOrigin, SystemOrigin
from runtime.pallets.preimage.pallet import MAX_INLINE, Inline, Lookup
from runtime.pallets.scheduler.types import After
from support.conservation.arguments.common import Arguments, announced, noted, origin
from support.conservation.signers import ED, KNOWN

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

TASK = b"task".ljust(32)


def one_preimage(c: Chooser, depth: int) -> dict[str, object]:
    return {"hash": announced(c)}


def a_task(c: Chooser, depth: int) -> dict[str, object]:
    again = c.one_of((None, (u32(1), u32(2))))
    return {"maybe_periodic": again, "priority": u8(c.one_of((0, 9))), "call": c.inner(depth)}


def referendum(c: Chooser) -> u32:
    return c.known(c.runtime.referenda.referendum_info_for)


def one_referendum(c: Chooser, depth: int) -> dict[str, object]:
    return {"index": referendum(c)}


def track(c: Chooser) -> u16:
    return u16(c.one_of((0, *Decision, 99)))


def decided_by(c: Chooser) -> SystemOrigin | DecisionOrigin:
    if c.one_of((True, False, False, False, False)):
        return origin(c)
    urgent = [Decision.Emergency] * 6
    return DecisionOrigin(c.one_of([*urgent, *Decision]))


def proposal(c: Chooser) -> Inline | Lookup:
    raw = noted(c)
    if len(raw) <= MAX_INLINE:
        return Inline(raw)
    return Lookup(H256(blake2_256(raw)), u32(len(raw)))


def a_vote(c: Chooser) -> Standard | Split | SplitAbstain:
    match c.one_of((0, 0, 1, 2)):
        case 1:
            return Split(c.some(), c.some())
        case 2:
            return SplitAbstain(u128(ED), u128(ED), u128(ED))
    return Standard(Vote(c.one_of((0x80, 0x81, 1, 0x86))), c.amount())


CALLS: dict[str, Arguments] = {
    "Sudo.sudo": lambda c, d: {"call": c.inner(d)},
    "Sudo.sudo_unchecked_weight": lambda c, d: {"call": c.inner(d), "weight": c.weight()},
    "Sudo.sudo_as": lambda c, d: {"who": c.address(), "call": c.inner(d)},
    "Sudo.set_key": lambda c, _: {"new": c.address()},
    "Sudo.remove_key": lambda c, _: {},
    "Preimage.note_preimage": lambda c, _: {"bytes": noted(c)},
    "Preimage.unnote_preimage": one_preimage,
    "Preimage.request_preimage": one_preimage,
    "Preimage.unrequest_preimage": one_preimage,
    "Preimage.ensure_updated": lambda c, _: {"hashes": [announced(c)]},
    "Scheduler.schedule": lambda c, d: a_task(c, d) | {"when": u32(c.slot())},
    "Scheduler.cancel": lambda c, _: {"when": u32(c.slot()), "index": c.number()},
    "Scheduler.schedule_named": lambda c, d: a_task(c, d) | {
        "id": TASK, "when": u32(c.slot()),
    },
    "Scheduler.cancel_named": lambda c, _: {"id": TASK},
    "Scheduler.schedule_after": lambda c, d: a_task(c, d) | {"after": c.number()},
    "Scheduler.schedule_named_after": lambda c, d: a_task(c, d) | {
        "id": TASK, "after": c.number(),
    },
    "Scheduler.set_retry": lambda c, _: {
        "task": (u32(c.slot()), c.number()), "retries": u8(2), "period": u32(1),
    },
    "Scheduler.set_retry_named": lambda c, _: {"id": TASK, "retries": u8(2), "period": u32(1)},
    "Scheduler.cancel_retry": lambda c, _: {"task": (u32(c.slot()), c.number())},
    "Scheduler.cancel_retry_named": lambda c, _: {"id": TASK},
    "Referenda.submit": lambda c, _: {
        "proposal_origin": decided_by(c), "proposal": proposal(c),
        "enactment_moment": After(u32(c.one_of((0, 1, 5)))),
    },
    "Referenda.place_decision_deposit": one_referendum,
    "Referenda.refund_decision_deposit": one_referendum,
    "Referenda.cancel": one_referendum,
    "Referenda.kill": one_referendum,
    "Referenda.nudge_referendum": one_referendum,
    "Referenda.one_fewer_deciding": lambda c, _: {"track": track(c)},
    "Referenda.refund_submission_deposit": one_referendum,
    "Referenda.set_metadata": lambda c, d: one_referendum(c, d) | {
        "maybe_hash": c.one_of((None, announced(c))),
    },
    "ConvictionVoting.vote": lambda c, _: {"poll_index": referendum(c), "vote": a_vote(c)},
    "ConvictionVoting.delegate": lambda c, _: {
        "class": track(c), "to": c.address(), "conviction": c.one_of(list(Conviction)),
        "balance": c.amount(),
    },
    "ConvictionVoting.undelegate": lambda c, _: {"class": track(c)},
    "ConvictionVoting.unlock": lambda c, _: {"class": track(c), "target": c.address()},
    "ConvictionVoting.remove_vote": lambda c, d: one_referendum(c, d) | {
        "class": c.one_of((None, track(c))),
    },
    "ConvictionVoting.remove_other_vote": lambda c, d: one_referendum(c, d) | {
        "class": track(c), "target": c.address(),
    },
    "Whitelist.whitelist_call": lambda c, _: {"call_hash": announced(c)},
    "Whitelist.remove_whitelisted_call": lambda c, _: {"call_hash": announced(c)},
    "Whitelist.dispatch_whitelisted_call": lambda c, _: {
        "call_hash": announced(c), "call_encoded_len": c.number(),
        "call_weight_witness": c.weight(),
    },
    "Whitelist.dispatch_whitelisted_call_with_preimage": lambda c, d: {"call": c.inner(d)},
    "Chambers.add_institution": lambda c, _: {"who": c.address(), "allocation": c.some()},
    "Chambers.remove_institution": lambda c, _: {"who": c.address()},
    "Chambers.submit_candidacy": lambda c, _: {},
    "Chambers.withdraw_candidacy": lambda c, _: {},
    "Chambers.vote_representative": lambda c, _: {
        "candidates": [c.one_of((KNOWN[0], c.who()))], "value": c.amount(),
    },
    "Chambers.remove_rep_vote": lambda c, _: {},
    "Chambers.set_mode": lambda c, _: {"mode": c.one_of(list(ChamberMode))},
    "Chambers.remove_representative": lambda c, _: {"who": c.address()},
    # Never a version that comes: the chain of these tests has one runtime.
    "Upgrade.schedule": lambda c, _: {
        "code": c.one_of((b"", VERSION.encoded())), "slot": u64(c.slot()),
    },
    "Upgrade.cancel": lambda *_: {},
}  # fmt: skip
