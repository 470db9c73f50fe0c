"""The controls of a development chain that is sealed by hand.

Each change of the state is a block: one without transactions of the pool, at whose end the values
are set. So each head has a real state root, subscribers are notified as of any block, and a process
that dies leaves the chain before or after the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.consensus.author import Edit
from btt_chain.node.dev import edits
from btt_chain.node.dev.dry_run import Diff, dry_run, mock_transaction
from btt_chain.node.dev.impersonation import Impersonation
from btt_chain.node.dev.sealing import (
    BlockOrder,
    ChosenSealing,
    Instant,
    Interval,
    ManualSealer,
    OnDemand,
    Sealing,
    SealRefused,
)
from btt_chain.node.dev.snapshots import Snapshots
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.rpc.backend import BackendError
from btt_chain.scale import DecodeError
from runtime.frame import InvalidBlock
from storage.fork import NotRead
from storage.kv import StorageError
from storage.state import StateUnavailable

MAX_BLOCKS: Final = 100_000
"""Maximum number of blocks that one call makes."""

CLOCK_KEY: Final = b"dev_clock"
"""Auxiliary key of the first block that was made at a chosen time. While the head descends from it,
blocks follow slot by slot, whatever the clock says."""


MODES: Final[Mapping[str, Sealing]] = {
    "batch": Instant(),
    "instant": Instant(),
    "manual": OnDemand(),
}
"""Ways of sealing by chopsticks' names. A block takes all ready transactions in either way."""


class DevRefused(BackendError):
    """A control of a development chain cannot be used so."""


class _Refusing:
    """Turns the errors of a control into DevRefused; a failed database stops the node as well."""

    def __init__(self, give_up: Callable[[StorageError], None]) -> None:
        self._give_up = give_up

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case NotRead():
                pass  # the dispatcher reads it, and repeats the call
            case UnknownBlock():
                raise DevRefused(f"Block not found 0x{error.hash.hex()}") from error
            case SealRefused() | InvalidBlock() | UnsupportedRuntime() | StateUnavailable():
                raise DevRefused(str(error)) from error
            case edits.BadEdit() | Invalid() | Unknown() | DecodeError():
                raise DevRefused(str(error)) from error
            case StorageError():
                self._give_up(error)
                raise DevRefused(str(error)) from error
            case ValueError() | ArithmeticError() | LookupError():
                raise DevRefused(
                    f"the runtime cannot do this with the present state ({type(error).__name__}: "
                    f"{error}): a value that was set, or the time, is beyond what it can count. "
                    "Set the head back with dev_setHead or dev_revert"
                ) from error


class DevControl:
    """Blocks, time, state, head and signatures, as the user of a development chain wants them."""

    def __init__(
        self,
        client: Client,
        sealer: ManualSealer,
        sealing: ChosenSealing,
        *,
        give_up: Callable[[StorageError], None],
        mock_signatures: bool = False,
        fork_status: Callable[[], Mapping[str, object]] | None = None,
    ) -> None:
        """`give_up` ends a node whose database has failed, `fork_status` describes a fork's reads.

        `mock_signatures`: accept mock signatures of all accounts, as chopsticks does on request.

        From now on the signature cache of the chain's runtimes accepts impersonated accounts.
        """
        self.client = client
        self.impersonation = Impersonation(mock_signatures=mock_signatures)
        self.snapshots = Snapshots(client)
        self._sealer = sealer
        self._sealing = sealing
        self._fork_status = fork_status
        self._refusing = _Refusing(give_up)
        client.runtimes.verdicts.exempt = self.impersonation
        # The user may change at any time what made a transaction invalid.
        pool = sealer.pool.pool
        pool.limits = replace(pool.limits, ban_seconds=0, full_seconds=0)
        sealer.follows_slots = client.store.aux_get(CLOCK_KEY) is not None

    # ---- blocks and time

    def check_count(self, count: int | None, to: int | None, height: int | None) -> int:
        """Return the number of blocks to make: `count`, or up to the height `to`; one at least.

        `height` is the height that the first block shall have. Raises DevRefused.
        """
        now = self.client.best().number
        if height is not None and height <= now:
            raise DevRefused("unsafeBlockHeight must be greater than current block height")
        if height is not None and height > now + 1:
            raise DevRefused(
                f"unsafeBlockHeight {height}: heights of this chain are consecutive, the next is "
                f"{now + 1}. Move time with dev_timeTravel instead"
            )
        wanted = max((to - now) if to else (1 if count is None else count), 1)
        if wanted > MAX_BLOCKS:
            raise DevRefused(f"{wanted} blocks, at most {MAX_BLOCKS} are made by one call")
        return wanted

    def new_block(self, transactions: Sequence[bytes] | None = None) -> bytes:
        """Make a block of the pool's transactions, or of exactly these; return its hash.

        Transactions have their length prefix. Raises DevRefused.
        """
        return self._make(BlockOrder(only=transactions)).hash

    def time_travel(self, moment_ms: int) -> bytes:
        """Make an empty block at a time, in milliseconds since 1970; return its hash.

        The slots in between stay empty: hooks run once, for all of them. From then on each block
        takes the next slot. Raises DevRefused for a time that is not after the head's.
        """
        before = self._sealer.follows_slots
        self._sealer.follows_slots = True
        try:
            made = self._make(BlockOrder(time_ms=moment_ms, only=()))
        except BaseException:
            self._sealer.follows_slots = before
            raise
        if not before:
            self.client.store.aux_put({CLOCK_KEY: made.hash}, sync=True)
        return made.hash

    def now_ms(self) -> int:
        """Return the head's time, in milliseconds since 1970; 0 at genesis."""
        return self._sealer.head_time()

    def set_mode(self, sealing: Sealing) -> None:
        """Change when blocks are made."""
        self._sealing.choose(sealing)

    def set_mode_named(self, name: str) -> None:
        """Change when blocks are made, by chopsticks' name for it. Raises DevRefused."""
        mode = MODES.get(name.lower())
        if mode is None:
            raise DevRefused(f"Invalid mode {name[:40]}: write Batch, Instant or Manual")
        self.set_mode(mode)

    # ---- state

    def set_values(self, changes: Mapping[bytes, bytes | None], at: bytes | None = None) -> bytes:
        """Set values of the state, None removes a key; return the hash of the new head.

        `at` is the block to build on, which becomes part of the chain again; the head if None.
        Raises DevRefused.
        """
        if at is not None and at != self.client.best().hash:
            self.set_head(at)
        return self._edit(edits.values(changes))

    def set_balance(self, who: bytes, amount: int) -> bytes:
        """Set the free balance of an account, in planck; return the hash of the new head.

        Raises DevRefused.
        """
        return self._edit(edits.balance(AccountId(who), amount))

    def dry_run(self, wire: bytes, at: bytes | None = None) -> Diff:
        """Return the changes that a transaction would make in the block after `at`, or the head.

        Raises DevRefused if it cannot be in that block.
        """
        at = self.client.best().hash if at is None else at
        with self._refusing:
            slot, timestamp_ms = self._sealer.next_time(at)
            return dry_run(self.client, at, wire, slot, timestamp_ms)

    def dry_run_call(self, call: bytes, who: bytes, at: bytes | None = None) -> Diff:
        """Return the changes that a call of an account would make. Raises as `dry_run` does."""
        at = self.client.best().hash if at is None else at
        account = AccountId(who)
        with self._refusing:
            executive = self.client.runtime_at(at).queries
            executive.runtime.enter(self.client.overlay(at))
        wire = mock_transaction(executive, account, call)
        known = account in self.impersonation.accounts
        self.impersonation.start(account)
        try:
            return self.dry_run(wire, at)
        finally:
            if not known:
                self.impersonation.stop(account)

    # ---- signatures

    def impersonate(self, who: bytes) -> None:
        """Accept any signature of an account, until the node stops."""
        self.impersonation.start(AccountId(who))

    def stop_impersonating(self, who: bytes) -> bool:
        """Accept only valid signatures of an account; return True if it was impersonated."""
        return self.impersonation.stop(AccountId(who))

    def accept_mock_signatures(self, accept: bool) -> None:
        """Accept mock signatures of all accounts, or no longer."""
        self.impersonation.mock_signatures = accept

    def status(self) -> dict[str, object]:
        """Return time, way of sealing, snapshots and impersonated accounts, for JSON.

        Of a fork also where it begins, and the figures of its reads.
        """
        fork = {} if self._fork_status is None else {"fork": dict(self._fork_status())}
        return {
            **fork,
            "time": self.now_ms(),
            "followsSlots": self._sealer.follows_slots,
            "mode": mode_name(self._sealing.current),
            "snapshots": [
                {"id": hex(id), "block": to_hex(hash)} for id, hash in self.snapshots.all()
            ],
            "impersonated": [to_hex(who) for who in self.impersonation.accounts],
            "mockSignatures": self.impersonation.mock_signatures,
        }

    # ---- head

    def set_head(self, hash: bytes) -> None:
        """Make any known block the head, final ones included. Raises DevRefused."""
        self._jump(hash, {})

    def snapshot(self) -> int:
        """Keep the head as a snapshot; return its number."""
        return self.snapshots.take(self.client.best().hash)

    def revert(self, id: int) -> bool:
        """Return True if a snapshot's block is the head again, False if there is no such snapshot.

        The snapshot and all later ones are removed. Raises DevRefused.
        """
        found = self.snapshots.find(id)
        if found is None:
            return False
        self._jump(*found)
        return True

    # ---- internals

    def _jump(self, hash: bytes, aux: Mapping[bytes, bytes | None]) -> None:
        blocks = self.client.store.blocks
        if self.client.store.state.window is not None:
            raise DevRefused(
                "this node does not keep all states, so that its head cannot be set back: start "
                "it with --pruning archive, which is the default of this chain, on a new base path"
            )
        with self._refusing:
            self.client.header_of(hash)
            travelled = self.client.store.aux_get(CLOCK_KEY)
            if travelled is not None and not blocks.is_ancestor(travelled, hash):
                # The chosen time is left with the block.
                self._sealer.follows_slots = False
                aux = {**aux, CLOCK_KEY: None}
            if blocks.open and blocks.extends_finalized(hash):
                # Nothing final is left: an ordinary reorganisation.
                self.client.set_best(hash)
                self.client.store.aux_put(aux, sync=True)
            else:
                self.client.jump(hash, aux)

    def _edit(self, edit: Edit) -> bytes:
        return self._make(BlockOrder(only=(), edit=edit)).hash

    def _make(self, order: BlockOrder) -> BlockRef:
        with self._refusing:
            return self._sealer.make(order)


def mode_name(sealing: Sealing) -> str:
    """Return a way of sealing as `--sealing` writes it."""
    match sealing:
        case Instant():
            return "instant"
        case Interval(ms):
            return f"interval:{ms}"
        case OnDemand():
            return "manual"
