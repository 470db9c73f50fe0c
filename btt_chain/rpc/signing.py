"""signing_status: the states of this node's session keys. Unsafe: it reveals the node's keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from btt_chain.keystore.states import KeyState
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.registry import method


class Signing(Protocol):
    """The signer, for the RPC (`btt_chain.node.keys.signing.Signer`)."""

    def states(self) -> Sequence[KeyState]:
        """Return the state of each key, with the reason."""


class SigningApi:
    """The signer by RPC."""

    def __init__(self, signing: Signing) -> None:
        self.signing = signing

    @method("signing_status", unsafe=True)
    def status(self) -> list[dict[str, object]]:
        """Return each session key with its state, the reason, and the slot in which it ends."""
        return [
            {
                "publicKey": to_hex(each.public),
                "type": each.key_type.decode(),
                "state": each.state.value,
                "why": each.why,
                "until": each.until,
            }
            for each in self.signing.states()
        ]
