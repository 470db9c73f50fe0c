"""The calls of the chain by which a provider's actions are sent, and its planted errors."""

from __future__ import annotations

from typing import Final, TypeAlias

from btt_chain.compute.provider.actions import (
    Accept,
    Action,
    Claim,
    Decline,
    Heartbeat,
    Refuse,
    Submit,
)
from btt_chain.compute.provider.records import Record
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from btt_chain.work import ids
from runtime.pallets.jobs.types import Tier
from runtime.pallets.jobs.views import JobView

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


DEFAULT_VRF: Final = SchnorrkelVrf()


class PlantedErrors:
    """Decides by a secret key which receipts have a planted error, and proves that."""

    def __init__(self, key: KeyPair, ppm: int, vrf: Vrf = DEFAULT_VRF) -> None:
        """`ppm`: how many of a million receipts have one."""
        self._key: Final = key
        self._ppm: Final = ppm
        self._vrf: Final = vrf

    def is_required(self, view: JobView) -> bool:
        """Return True if the VRF requires a planted error here, and this key could prove that."""
        info = view.provider_info
        if not self._ppm or view.tier is not Tier.Open:
            return False
        if info is None or info.vrf != self._key.public:
            return False
        output = self._vrf.evaluate(self._key, ids.planted_error_input(view.seed))
        return ids.plants_error(output, self._ppm)

    def reveal(self, record: Record) -> ChainCall | None:
        """Return the call that reveals the planted error of a record; None without one."""
        if record.planted_error is None:
            return None
        output, proof = self._vrf.sign(self._key, ids.planted_error_input(record.seed))
        return (
            "Receipts",
            "reveal_planted_error",
            {
                "receipt": record.receipt,
                "pre_output": output.pre_output,
                "proof": proof,
                "item_root": record.planted_error.item_root,
                "output_root": record.planted_error.output_root,
                "salt": H256(record.planted_error.salt),
            },
        )
