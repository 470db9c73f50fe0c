"""Dry runs of development chains: the effects of a transaction on the state, key by key."""

from __future__ import annotations

from btt_chain.chain.client import Client
from btt_chain.consensus.author import begin, changed, manual_claim, next_header
from btt_chain.node.dev.impersonation import mock_signature
from btt_chain.primitives.account import AccountId, Id, Sr25519Signature
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import opaque, signed, unwrap
from btt_chain.scale import u32, u128
from runtime.executive import Executive
from runtime.extensions import SIGNED_EXTRA, MetadataHashMode, SignedExtra

Diff = list[tuple[bytes, bytes | None, bytes | None]]
"""Keys that changed, in order, with the values before and after; None for an absent value."""


def dry_run(client: Client, at: bytes, wire: bytes, slot: int, timestamp_ms: int) -> Diff:
    """Apply a transaction in the block after `at`, and discard it; return its effects.

    The events of that block so far are among them, the last of which has the outcome of the call.
    Raises Invalid or Unknown if it cannot be in that block; UnknownBlock, StateUnavailable,
    UnsupportedRuntime.
    """
    overlay = client.overlay(at)
    executive = client.runtimes.of_block(overlay.get, slot).queries
    begin(executive, overlay, next_header(client, at, manual_claim(slot)), timestamp_ms)
    before = overlay.changes()
    executive.apply_extrinsic(unwrap(wire))
    host = executive.runtime.host
    overlay.put(executive.system.events.prefix, host.encoded_events())
    head = client.state(at)
    return [
        (key, head.get(key), value)
        for key, value in sorted(changed(before, overlay.changes()).items())
        if head.get(key) != value
    ]


def mock_transaction(executive: Executive, who: AccountId, call: bytes) -> bytes:
    """Return a call as a transaction of an account, with its next nonce and a mock signature."""
    extra = SIGNED_EXTRA.encode(
        SignedExtra(
            era=Immortal(),
            nonce=u32(executive.system.account[who].nonce),
            tip=u128(0),
            mode=MetadataHashMode.Disabled,
        )
    )
    return opaque(signed(Id(who), Sr25519Signature(mock_signature()), extra, call))
