"""System: accounts, the current block, and its events.

Every other pallet depends on this one. An account exists while it has a provider (`providers`) and
cannot be removed while it has references (`consumers`).

A new account begins with the nonce `FirstNonce`, which is at least that of every removed account.
So transactions that an account sent before its removal cannot be replayed when it exists again:
their nonces are below its own. docs/decisions/0022-nonces-of-new-accounts.md explains why the nonce
does not begin with zero, or with the block number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.primitives.digest import H256, Digest, DigestItem, RuntimeEnvironmentUpdated
from btt_chain.primitives.limits import MAX_LOGS, RESERVED_LOGS
from btt_chain.scale import TypeName, codec, u16, u32, u64
from runtime.frame import (
    BlockLength,
    BlockWeights,
    Const,
    ConsumerRemaining,
    DbWeight,
    DispatchEventInfo,
    DispatchInfo,
    Error,
    Event,
    EventRecord,
    Hasher,
    Map,
    NoProviders,
    Origin,
    Pallet,
    PerClassWeight,
    PostInfo,
    RuntimeVersion,
    TooManyConsumers,
    Value,
    Weight,
    WireError,
    call,
)
from runtime.frame.host import ApplyExtrinsic, Finalization, Initialization
from runtime.frame.version import CODE_KEY, LastRuntimeUpgradeInfo
from runtime.frame.weight import Pays
from runtime.pallets.system import weights

NO_PROVIDER: Final = bytes(4)
MAX_CONSUMERS: Final = 16


def by_length(_: object, remark: bytes) -> DispatchInfo:
    """Weigh a hashed remark by its length."""
    return DispatchInfo(weights.remark_with_event(len(remark)))


class System(Pallet, crate="frame_system"):
    """Accounts, the current block, and its events."""

    # ---- constants

    block_weights: Const[BlockWeights]
    """Maximum weight of a block."""
    block_length: Const[BlockLength]
    """Maximum size of a block's extrinsics, in bytes."""
    block_hash_count: Const[u32]
    """Number of stored block hashes: the longest life of a mortal transaction."""
    db_weight: Const[DbWeight]
    """The weight of one read and one write of the database."""
    version: Const[RuntimeVersion]
    """The version of this runtime."""
    ss58_prefix: Annotated[Const[u16], "SS58Prefix"]
    """The prefix of this chain's addresses."""

    # ---- storage

    account = Map(AccountId, AccountInfo, default=AccountInfo())
    block_weight = Value(PerClassWeight, default=PerClassWeight(Weight(), Weight(), Weight()))
    block_hash = Map(u32, H256, default=H256(bytes(32)), hasher=Hasher.Twox64Concat)
    number = Value(u32, default=u32(0))
    parent_hash = Value(H256, default=H256(bytes(32)))
    digest = Value(Digest, default=Digest([]))
    events = Value(list[EventRecord], default=[])
    event_count = Value(u32, default=u32(0))
    last_runtime_upgrade = Value(LastRuntimeUpgradeInfo)
    first_nonce = Value(u32, default=u32(0))
    """Nonce of new accounts: the highest of all removed accounts."""

    # ---- events

    class ExtrinsicSuccess(Event, index=0):
        """An extrinsic completed successfully."""

        dispatch_info: DispatchEventInfo

    class ExtrinsicFailed(Event, index=1):
        """An extrinsic failed; its fee is kept."""

        dispatch_error: Annotated[WireError, TypeName("DispatchError")]
        dispatch_info: DispatchEventInfo

    class CodeUpdated(Event, index=2):
        """The runtime version was changed."""

    class NewAccount(Event, index=3):
        """An account was created."""

        account: Annotated[AccountId, TypeName("T::AccountId")]

    class KilledAccount(Event, index=4):
        """An account was removed."""

        account: Annotated[AccountId, TypeName("T::AccountId")]

    class Remarked(Event, index=5):
        """A remark was made on chain."""

        sender: Annotated[AccountId, TypeName("T::AccountId")]
        hash: Annotated[H256, TypeName("T::Hash")]

    # ---- errors

    class CallFiltered(Error, index=5):
        """The origin is not allowed to make this call."""

    # ---- hooks

    def setup(self) -> None:
        """Start without a last event."""
        self._last_success: tuple[DispatchInfo, PostInfo, Event] | None = None

    # ---- calls

    @call(0, weight=weights.REMARK)
    def remark(self, origin: Origin, remark: bytes) -> None:
        """Store some bytes in the block, without other effects. Origin: any."""

    @call(7, weight=by_length)
    def remark_with_event(self, origin: Origin, remark: bytes) -> None:
        """Store some bytes in the block, and emit their hash. Origin: signed."""
        sender = origin.signed()
        self.deposit(self.Remarked(sender, H256(blake2_256(remark))))

    # ---- public interface

    def has_provider(self, who: AccountId) -> bool:
        """Return True if the account has a provider; the rest of its record is not decoded."""
        raw = self.account.raw(who)
        return raw is not None and raw[8:12] != NO_PROVIDER

    def add_provider(self, who: AccountId, info: AccountInfo) -> None:
        """Add a provider in `info`; emit an event for a new account."""
        if not (info.providers or info.sufficients):
            info.nonce = max(info.nonce, self.first_nonce.value)
            self.deposit(self.NewAccount(who))
        info.providers += 1

    def remove_provider(self, info: AccountInfo) -> bool:
        """Remove a provider in `info`; return True if the account has died.

        Raises ConsumerRemaining if it is the last provider and the account has consumers.
        """
        if not info.providers:
            raise NoProviders
        if info.providers == 1 and not info.sufficients:
            if info.consumers:
                raise ConsumerRemaining
            return True
        info.providers -= 1
        return False

    def add_consumer(self, info: AccountInfo) -> None:
        """Add a consumer in `info`. Raises NoProviders, TooManyConsumers."""
        if not info.providers:
            raise NoProviders
        if info.consumers >= MAX_CONSUMERS:
            raise TooManyConsumers
        info.consumers += 1

    def kill(self, who: AccountId) -> None:
        """Remove the account and emit an event; new accounts begin with at least its nonce."""
        used, first = self.account[who].nonce, self.first_nonce.value
        if used > first:  # rarely: saves a write
            self.first_nonce.value = used
        del self.account[who]
        self.deposit(self.KilledAccount(who))

    def genesis(self, config: Mapping[str, object]) -> None:
        """Store the version, and the hash of block zero's parent."""
        del config
        self.host.state.put(CODE_KEY, self.version.encoded())
        self.host.state.put(self.last_runtime_upgrade.prefix, self._running)
        self.block_hash[u32(0)] = H256(b"E" * 32)

    def begin_block(self, number: u32, parent_hash: H256, digest: Digest) -> None:
        """Open block `number`: remove data of the last block, set that of the new header."""
        self.host.phase = Initialization()
        self.block_weight.kill()
        self.events.kill()
        self.event_count.kill()
        self.number.value = number
        self.parent_hash.value = parent_hash
        self.digest.keep(digest)
        self.block_hash[u32(number - 1)] = parent_hash
        if self.last_runtime_upgrade.raw() != self._running:
            self.host.state.put(self.last_runtime_upgrade.prefix, self._running)

    @cached_property
    def _running(self) -> bytes:
        """The encoded version of this runtime, as in `last_runtime_upgrade`."""
        info = LastRuntimeUpgradeInfo(self.version.spec_version, self.version.spec_name)
        return codec(LastRuntimeUpgradeInfo).encode(info)

    def deposit_log(self, item: DigestItem) -> None:
        """Append `item` to the digest of the current block."""
        digest = self.digest.value
        digest.logs.append(item)
        self.digest.value = digest

    def deposit_note(self, item: DigestItem) -> None:
        """Append the informational `item` unless it is present, or there is no room."""
        logs = self.digest.value.logs
        if len(logs) < MAX_LOGS - RESERVED_LOGS and item not in logs:
            self.deposit_log(item)

    def set_code(self, code: bytes) -> None:
        """Set the version in `code` for the next block, and emit an event."""
        self.host.state.put(CODE_KEY, code)
        if RuntimeEnvironmentUpdated() not in self.digest.value.logs:
            self.deposit_log(RuntimeEnvironmentUpdated())
        self.deposit(self.CodeUpdated())

    def begin_extrinsic(self) -> None:
        """Set the phase to the application of the next extrinsic."""
        self.host.phase = ApplyExtrinsic(u32(self.host.extrinsic_index))

    def end_extrinsic(self) -> None:
        """Count the applied extrinsic."""
        self.host.extrinsic_index += 1

    def announce_outcome(self, error: WireError | None, info: DispatchInfo, post: PostInfo) -> None:
        """Emit the result of an extrinsic; always its last event."""
        if error is not None:
            self.deposit(self.ExtrinsicFailed(error, self._event_info(info, post)))
            return
        self.deposit(self.success(info, post))

    def success(self, info: DispatchInfo, post: PostInfo) -> Event:
        """Return the event of an extrinsic that succeeded."""
        # Calls of one kind that correct nothing share both objects, and so their event.
        last = self._last_success
        if last is None or last[0] is not info or last[1] is not post:
            event = self.ExtrinsicSuccess(self._event_info(info, post))
            last = self._last_success = info, post, event
        return last[2]

    def end_extrinsics(self) -> None:
        """Set the phase to finalization."""
        self.host.phase = Finalization()

    def end_block(self) -> Digest:
        """Close the block: store its results, remove temporary data; return its digest."""
        normal, operational, mandatory = self.host.weights
        self.block_weight.value = PerClassWeight(
            Weight(u64(normal)), Weight(u64(operational)), Weight(u64(mandatory))
        )
        self.host.state.put(self.events.prefix, self.host.encoded_events())
        self.event_count.value = u32(len(self.host.events))
        number = int(self.number.value)
        oldest = number - int(self.block_hash_count) - 1
        if oldest > 0:  # block zero's hash stays: every transaction signs it
            del self.block_hash[u32(oldest)]
        return Digest([*self.digest.peek().logs])

    # ---- public interface: hashes

    def genesis_hash(self) -> bytes:
        """Return the hash of block zero."""
        return bytes(self.block_hash[u32(0)])

    # ---- internals

    def _event_info(self, info: DispatchInfo, post: PostInfo) -> DispatchEventInfo:
        limits = getattr(self.block_weights.per_class, info.dispatch_class.name.lower())
        return event_info(info, post, int(limits.base_extrinsic.ref_time))


def event_info(info: DispatchInfo, post: PostInfo, base: int) -> DispatchEventInfo:
    """Return the weight really used and whether a fee was due, for the event of the outcome.

    `base` is the weight of any extrinsic of the class, in picoseconds; it is included.
    """
    weight = base + (info.weight if post.weight is None else min(post.weight, info.weight))
    pays = info.pays if post.pays is None else post.pays and info.pays
    return DispatchEventInfo(
        Weight(u64(min(weight, u64.MAX))), info.dispatch_class, Pays.Yes if pays else Pays.No
    )
