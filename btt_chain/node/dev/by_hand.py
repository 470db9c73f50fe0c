"""The making of blocks on a chain that is sealed by hand, and its methods of JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.node.dev.control import DevControl
from btt_chain.node.dev.methods import DevApi
from btt_chain.node.dev.sealing import (
    ChosenSealing,
    ManualSealer,
    Sealing,
    SealRefused,
    run_chosen_sealing,
)
from btt_chain.node.service.backend import Kept
from btt_chain.node.transactions.pool import PoolService
from btt_chain.rpc.backend import Chain
from btt_chain.rpc.engine import EngineApi, SealError
from runtime.frame import InvalidBlock
from storage.fork import NotRead
from storage.kv import StorageError


class SealerView:
    """Blocks on demand, for the RPC."""

    def __init__(self, sealer: ManualSealer, give_up: Callable[[StorageError], None]) -> None:
        """Use the node's sealer; `give_up` ends a node whose database has failed."""
        self._sealer = sealer
        self._give_up = give_up

    async def create_block(
        self, *, create_empty: bool, finalize: bool, parent: bytes | None
    ) -> bytes:
        """Make and import a block; return its hash. Raises SealError, UnknownBlock."""
        with self._errors(parent or b""):
            return self._sealer.seal(parent=parent, empty=create_empty, finalize=finalize).hash

    async def finalize_block(self, hash: bytes, justification: bytes | None) -> bool:
        """Make a block and its ancestors final; return True if it succeeds.

        Raises SealError, UnknownBlock.
        """
        if justification is not None:
            raise SealError("blocks sealed by hand carry no justification")
        with self._errors(hash):
            self._sealer.finalize(hash)
        return True

    @contextmanager
    def _errors(self, hash: bytes) -> Iterator[None]:
        """Translate the errors of sealing; that of a failed database ends the node, too."""
        try:
            with Kept(hash):
                yield
        except NotRead:
            raise  # the dispatcher reads it, and repeats the call
        except (SealRefused, InvalidBlock, UnsupportedRuntime, StorageError) as error:
            if isinstance(error, StorageError):
                self._give_up(error)
            raise SealError(str(error)) from error


class HandSealing:
    """Makes the blocks of a chain that is sealed by hand, in a way that its user may change."""

    def __init__(
        self,
        client: Client,
        pool: PoolService,
        sealing: Sealing,
        *,
        is_for_development: bool = True,
        mock_signatures: bool = False,
        fork_status: Callable[[], Mapping[str, object]] | None = None,
    ) -> None:
        """`is_for_development`: it has the controls of `DevControl`, which takes the rest."""
        self.sealer = ManualSealer(client, pool)
        self.chosen = ChosenSealing(sealing)
        self._control: DevControl | None = None
        if is_for_development:
            self._control = DevControl(
                client,
                self.sealer,
                self.chosen,
                give_up=self.chosen.give_up,
                mock_signatures=mock_signatures,
                fork_status=fork_status,
            )

    def groups(self, chain: Chain) -> list[object]:
        """Return the groups of methods that only nodes of such a chain have."""
        groups: list[object] = [EngineApi(SealerView(self.sealer, self.chosen.give_up))]
        if self._control is not None:
            groups.append(DevApi(chain, self._control))
        return groups

    async def run(self) -> None:
        """Make blocks until cancelled. Raises as `run_chosen_sealing` does."""
        await run_chosen_sealing(self.sealer, self.chosen)
