"""The interface of useful-work daemons to the chain: heads, runtime APIs, transactions.

`btt_chain.client.typed.RuntimeClient` implements it by a node; tests implement it without one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from btt_chain.client.typed import Executed, Head
    from btt_chain.crypto.keypair import KeyPair

Api = TypeVar("Api")
Inputs = TypeVarTuple("Inputs")
Output = TypeVar("Output")


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

    async def api(
        self, method: Callable[[Api, *Inputs], Output], *args: *Inputs, at: bytes | None = None
    ) -> Output:
        """Call a runtime API's method, as `WorkApi.job`, on the state of the best block or of `at`.

        Raises Disconnected, ClientError.
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
