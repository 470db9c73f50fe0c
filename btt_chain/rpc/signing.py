"""signing_status: what the session keys of this node may do. Unsafe: it names the node's keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from btt_chain.keystore.states import KeyState
from btt_chain.rpc.registry import method
from btt_chain.rpc.shapes import to_hex


class Signing(Protocol):
    """What the RPC needs of the signer (`btt_chain.node.signing.Signer`)."""

    def states(self) -> Sequence[KeyState]:
        """Return what each key may do now, and why not."""


class SigningApi:
    """The signer by RPC."""

    def __init__(self, signing: Signing) -> None:
        self.signing = signing

    @method("signing_status", unsafe=True)
    def status(self) -> list[dict[str, object]]:
        """Return each session key with what it may do, why not, and until which slot."""
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
