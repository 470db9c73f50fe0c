"""Benchmarks of Referenda: full queues, and timer queues with as many alarms as fit."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.preimage import fill_slot, noted
from bench.weights.state import BLOCK, Bench
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from runtime.pallets.origins import RawRoot, SystemOrigin
from runtime.pallets.preimage.pallet import Inline
from runtime.pallets.referenda.tracks import track_of
from runtime.pallets.referenda.types import MAX_QUEUED, Ongoing, Tally, WasApproved
from runtime.pallets.scheduler.types import MAX_SCHEDULED, After

ROOT_CALLER = SystemOrigin(RawRoot())
ROOT_TRACK = u16(0)


def fill_queues(b: Bench) -> None:
    """Fill the timer queues of the next slots; an alarm does not fit into the first ones."""
    for slot in range(BLOCK + 1, BLOCK + 4):
        fill_slot(b, MAX_SCHEDULED // 2 - 1, slot)


def submitted(b: Bench, number: int = 0) -> u32:
    """Submit a referendum of root's track; return its index."""
    who = b.account(number)
    index = b.runtime.referenda.referendum_count.value
    raw = b.call("System", "remark", remark=bytes(100)).raw
    b.does(
        who, "Referenda", "submit", proposal_origin=ROOT_CALLER, proposal=Inline(raw),
        enactment_moment=After(u32(1)),
    )  # fmt: skip
    return index


def deposited(b: Bench) -> u32:
    """Submit a referendum with its decision deposit; return its index."""
    index = submitted(b)
    b.does(b.account(1), "Referenda", "place_decision_deposit", index=index)
    return index


def queued(b: Bench) -> u32:
    """Fill the track's queue behind a ready referendum that has more ayes than the last."""
    index = deposited(b)
    referenda = b.runtime.referenda
    rival = deposited(b)
    other = referenda.referendum_info_for.get(rival)
    assert isinstance(other, Ongoing)
    other.status.in_queue = True
    referenda.referendum_info_for[rival] = other
    waiting = [(u32(1_000 + place), u128(1 + place)) for place in range(MAX_QUEUED - 1)]
    referenda.queues.track_queue[ROOT_TRACK] = [(rival, u128(0)), *waiting]
    details = track_of(referenda.tracks, ROOT_TRACK)
    referenda.queues.deciding_count[ROOT_TRACK] = details.max_deciding
    info = referenda.referendum_info_for.get(index)
    assert isinstance(info, Ongoing)
    info.status.tally = Tally(u128(MAX_QUEUED), u128(0), u128(0))
    referenda.referendum_info_for[index] = info
    b.at(BLOCK + int(details.prepare_period) + 1)
    return index


def over(b: Bench) -> u32:
    """Approve a referendum whose deposits were not refunded."""
    index = deposited(b)
    referenda = b.runtime.referenda
    info = referenda.referendum_info_for.get(index)
    assert isinstance(info, Ongoing)
    status = info.status
    referenda.referendum_info_for[index] = WasApproved(
        u32(BLOCK), status.submission_deposit, status.decision_deposit
    )
    return index


@benchmark("Referenda.submit")
def submit(b: Bench) -> Case:
    """Submit, with an alarm in a timer queue that is half full."""
    fill_queues(b)
    raw = b.call("System", "remark", remark=bytes(100)).raw
    return b.signed(
        b.account(0), "Referenda", "submit", proposal_origin=ROOT_CALLER, proposal=Inline(raw),
        enactment_moment=After(u32(1)),
    )  # fmt: skip


@benchmark("Referenda.place_decision_deposit")
def place_decision_deposit(b: Bench) -> Case:
    """Place the deposit; the alarm moves."""
    index = submitted(b)
    b.at(BLOCK + int(track_of(b.runtime.referenda.tracks, ROOT_TRACK).prepare_period) + 1)
    return b.signed(b.account(1), "Referenda", "place_decision_deposit", index=index)


@benchmark("Referenda.refund_decision_deposit")
def refund_decision_deposit(b: Bench) -> Case:
    """Refund a deposit."""
    return b.signed(b.account(2), "Referenda", "refund_decision_deposit", index=over(b))


@benchmark("Referenda.refund_submission_deposit")
def refund_submission_deposit(b: Bench) -> Case:
    """Refund a deposit."""
    return b.signed(b.account(2), "Referenda", "refund_submission_deposit", index=over(b))


def deciding(b: Bench) -> u32:
    """Put a referendum with an explaining text into its decision period."""
    index = ready(b)
    b.decides("Referenda", "nudge_referendum", index=index)
    b.runtime.referenda.descriptions.metadata_of[index] = H256(bytes(32))
    return index


def ready(b: Bench) -> u32:
    """Prepare a referendum for its decision period, the alarm included."""
    fill_queues(b)
    index = deposited(b)
    b.at(BLOCK + int(track_of(b.runtime.referenda.tracks, ROOT_TRACK).prepare_period) + 1)
    return index


@benchmark("Referenda.cancel")
def cancel(b: Bench) -> Case:
    """Cancel a referendum in its decision period."""
    index = deciding(b)
    return b.root("Referenda", "cancel", index=index)


@benchmark("Referenda.kill")
def kill(b: Bench) -> Case:
    """As `cancel`; both deposits are slashed, and its text is removed."""
    index = deciding(b)
    return b.root("Referenda", "kill", index=index)


@benchmark("Referenda.nudge_referendum")
def nudge_referendum(b: Bench) -> Case:
    """Begin a decision: weights are frozen, ayes are counted, the alarm moves."""
    return b.root("Referenda", "nudge_referendum", index=ready(b))


@benchmark("Referenda.one_fewer_deciding")
def one_fewer_deciding(b: Bench) -> Case:
    """Begin the decision of the first in a full queue."""
    index = queued(b)
    b.decides("Referenda", "nudge_referendum", index=index)
    return b.root("Referenda", "one_fewer_deciding", track=ROOT_TRACK)


@benchmark("Referenda.set_metadata")
def set_metadata(b: Bench) -> Case:
    """Set a noted text as the explanation of a referendum."""
    index = submitted(b)
    return b.signed(
        b.account(0), "Referenda", "set_metadata", index=index, maybe_hash=noted(b, 1_000)
    )
