"""The calls of the chain by which a provider's actions are sent."""

from __future__ import annotations

from typing import TypeAlias

from btt_chain.compute.provider.actions import (
    Accept,
    Action,
    Claim,
    Decline,
    Heartbeat,
    Refuse,
    Submit,
)
from btt_chain.scale import u8, u32

ChainCall: TypeAlias = tuple[str, str, dict[str, object]]
"""Pallet, name and arguments of a call."""


def call_of(action: Action) -> ChainCall | None:
    """Return the call of an action; None if it needs data of the disk, or is not sent."""
    match action:
        case Accept(job):
            return "Jobs", "accept", {"job": job}
        case Decline(job, _):
            return "Jobs", "decline", {"job": job}
        case Refuse(job, _):
            return "Jobs", "refuse_payload", {"job": job}
        case Submit(record, accepted):
            started = max(int(record.started), accepted)
            return "Receipts", "submit", {
                "job": record.job, "attempt": u8(record.attempt),
                "item_root": record.item_root, "output_root": record.output_root,
                "planted_error_commit": record.planted_error_commit, "started": u32(started),
                "finished": u32(max(int(record.finished), started)),
            }  # fmt: skip
        case Heartbeat():
            return "Providers", "heartbeat", {}
        case Claim(era):
            return "Mining", "claim_rewards", {"era_from": u32(era), "era_to": u32(era)}
    return None
