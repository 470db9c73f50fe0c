"""The interface of useful-work daemons to the chain: heads, runtime APIs, transactions.

`btt_chain.client.typed.RuntimeClient` implements it by a node; tests implement it without one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from btt_chain.client.typed import Executed, Head
    from btt_chain.crypto.keypair import KeyPair


class Chain(Protocol):
    """The chain that a daemon works for."""

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""

    async def head(self) -> Head:
        """Return the present head. Raises Disconnected."""

    def heads(self) -> AsyncIterator[Head]:
        """Yield new best blocks, beginning with the present one; only the newest to a slow caller.

        Raises Disconnected.
        """

    async def api(self, method: str, *args: object, at: bytes | None = None) -> Any:
        """Call a runtime API on the state of the best block, or of `at`.

        `method` is like `WorkApi_job`; arguments and result have the types of its method's
        annotations. Raises Disconnected, ClientError.
        """

    async def submit(
        self, pallet: str, call: str, /, *, signer: KeyPair | None = None, **args: object
    ) -> Executed:
        """Send a call and wait until it is in a block; without a `signer` it is unsigned.

        Calls of one signer are sent one after the other. Raises DispatchFailed if it failed there,
        TransactionRefused if the pool refuses it, NotIncluded if it came into no block, EncodeError
        for arguments that do not fit, Disconnected. A fork may revert its block: decide by the
        state, not by this result.
        """
