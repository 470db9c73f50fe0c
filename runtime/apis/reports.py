"""Reports of equivocations, as transactions that a node makes without a key.

A runtime cannot submit transactions, so the node builds them with this module and adds them to its
own pool, where they stay: nodes do not gossip unsigned reports.
"""

from __future__ import annotations

from btt_chain.primitives import babe_equivocation, grandpa_equivocation
from btt_chain.primitives.extrinsic import bare
from btt_chain.scale import codec
from runtime.frame import Runtime, State
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.evidence import MembershipProof
from runtime.pallets.grandpa.pallet import Grandpa

AnyProof = babe_equivocation.EquivocationProof | grandpa_equivocation.EquivocationProof


def report_extrinsic(runtime: Runtime, state: State, proof: AnyProof) -> bytes | None:
    """Return the bare extrinsic (without its length in front) that reports `proof`.

    `state` is that of the best block. None if the key had no owner then, if the session is no
    longer stored and cannot be reported, or if the state is that of an earlier slot: headers are
    known before their blocks. The proof itself is not checked.
    """
    runtime.enter(state)
    name: str
    if isinstance(proof, babe_equivocation.EquivocationProof):
        name = Babe.__name__
        babe = runtime.pallet(Babe)
        is_past = proof.slot <= babe.current_slot.value
        raw = babe.key_ownership(int(proof.slot), proof.offender) if is_past else None
    else:
        name = Grandpa.__name__
        raw = runtime.pallet(Grandpa).key_ownership(int(proof.set_id), proof.offender)
    if raw is None:
        return None
    call = runtime.call(
        name,
        "report_equivocation_unsigned",
        equivocation_proof=proof,
        key_owner_proof=codec(MembershipProof).decode_all(raw),
    )
    return bare(call.raw)
