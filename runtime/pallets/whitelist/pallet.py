"""Whitelist: approved calls that a faster track may make as root.

The technical track approves the hash of a call; then a referendum of the track for whitelisted
calls, whose periods are shorter than root's, may make exactly this call as root, once.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import Err, Ok, Result, TypeName, u32, u64
from runtime.frame import (
    ROOT,
    Call,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    RuntimeCall,
    Weight,
    call,
)
from runtime.frame.aliases import HashOf
from runtime.frame.error import DispatchErrorWithPostInfo, PostDispatchInfo
from runtime.frame.weight import Pays
from runtime.pallets.preimage.pallet import Lookup, Preimage, decoded
from runtime.pallets.utility.pallet import carrying_weight
from runtime.pallets.whitelist import weights


def by_hash(
    _: object, call_hash: H256, call_encoded_len: u32, call_weight_witness: Weight
) -> DispatchInfo:
    """Weigh a call in a preimage by the caller's declaration."""
    del call_hash
    own = weights.dispatch_whitelisted_call(int(call_encoded_len))
    return DispatchInfo(own + int(call_weight_witness.ref_time), DispatchClass.Normal)


def with_call(pallet: Whitelist, inner: Call) -> DispatchInfo:
    """Weigh a call given in full."""
    info = pallet.host.dispatcher.info(inner)
    own = own_weight(pallet, inner)
    return DispatchInfo(own + info.weight, info.dispatch_class)


def own_weight(pallet: Whitelist, inner: Call) -> int:
    """Return the weight of carrying a call besides its own weight, in picoseconds."""
    own = weights.dispatch_whitelisted_call_with_preimage(len(inner.raw))
    return own + carrying_weight(pallet.host.dispatcher, inner)


class Whitelist(Pallet):
    """Approved calls that a faster track may make as root."""

    preimages: Preimage
    whitelist_origin: OriginCheck
    """Origin that may approve calls."""
    dispatch_whitelisted_origin: OriginCheck
    """Origin that may dispatch approved calls as root."""

    whitelisted_call = Map(H256, tuple[()], hasher=Hasher.Twox64Concat)
    """Hashes of approved calls."""

    class CallWhitelisted(Event, index=0):
        """A call was approved."""

        call_hash: HashOf

    class WhitelistedCallRemoved(Event, index=1):
        """The approval of a call was removed."""

        call_hash: HashOf

    class WhitelistedCallDispatched(Event, index=2):
        """A call was made as root, with this result."""

        call_hash: HashOf
        result: Annotated[
            Result[PostDispatchInfo, DispatchErrorWithPostInfo],
            TypeName("DispatchResultWithPostInfo"),
        ]

    class UnavailablePreImage(Error, index=0):
        """The preimage of the call is missing or has another length. Note the preimage first."""

    class UndecodableCall(Error, index=1):
        """The bytes are not a call of this chain. Remove the hash, and encode the call again."""

    class InvalidCallWeightWitness(Error, index=2):
        """The declared weight is too small. Give at least the weight from `query_info`."""

    class CallIsNotWhitelisted(Error, index=3):
        """The call is not whitelisted. Have its hash whitelisted first."""

    class CallAlreadyWhitelisted(Error, index=4):
        """The call is whitelisted already. No further step is needed."""

    # ---- calls

    @call(0, weight=weights.WHITELIST_CALL)
    def whitelist_call(self, origin: Origin, call_hash: HashOf) -> None:
        """Approve a call by its hash; its preimage is kept as long as the approval."""
        self.whitelist_origin(origin)
        if call_hash in self.whitelisted_call:
            raise self.CallAlreadyWhitelisted
        self.whitelisted_call[call_hash] = ()
        self.preimages.request(whole(call_hash))
        self.deposit(self.CallWhitelisted(call_hash))

    @call(1, weight=weights.REMOVE_WHITELISTED_CALL)
    def remove_whitelisted_call(self, origin: Origin, call_hash: HashOf) -> None:
        """Remove the approval of a call."""
        self.whitelist_origin(origin)
        self._remove(call_hash)
        self.deposit(self.WhitelistedCallRemoved(call_hash))

    @call(2, weight=by_hash)
    def dispatch_whitelisted_call(
        self, origin: Origin, call_hash: HashOf, call_encoded_len: u32, call_weight_witness: Weight
    ) -> PostInfo:
        """Make a whitelisted call as root; its bytes are in a preimage."""
        self.dispatch_whitelisted_origin(origin)
        self._ensure_whitelisted(call_hash)
        data = self.preimages.fetch(call_hash, call_encoded_len)
        if data is None:
            raise self.UnavailablePreImage
        inner = decoded(data)
        if inner is None:
            raise self.UndecodableCall
        if self.host.dispatcher.info(inner).weight > call_weight_witness.ref_time:
            raise self.InvalidCallWeightWitness
        own = weights.dispatch_whitelisted_call(int(call_encoded_len))
        return PostInfo(weight=own + self._make(call_hash, inner))

    @call(3, weight=with_call)
    def dispatch_whitelisted_call_with_preimage(
        self,
        origin: Origin,
        call: Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")],
    ) -> PostInfo:
        """Make a whitelisted call as root, given in full."""
        self.dispatch_whitelisted_origin(origin)
        call_hash = H256(blake2_256(call.raw))
        self._ensure_whitelisted(call_hash)
        return PostInfo(weight=own_weight(self, call) + self._make(call_hash, call))

    # ---- internals

    def _ensure_whitelisted(self, call_hash: H256) -> None:
        if call_hash not in self.whitelisted_call:
            raise self.CallIsNotWhitelisted

    def _remove(self, call_hash: H256) -> None:
        self._ensure_whitelisted(call_hash)
        del self.whitelisted_call[call_hash]
        self.preimages.drop(whole(call_hash))

    def _make(self, call_hash: H256, inner: Call) -> int:
        """Make the call and remove its approval; return the picoseconds used."""
        self._remove(call_hash)
        dispatcher = self.host.dispatcher
        declared = dispatcher.info(inner).weight
        failure: DispatchError | None = None
        try:
            post: PostInfo | None = dispatcher.dispatch(ROOT, inner)
        except DispatchError as error:
            post, failure = error.post, error
        used = declared if post is None or post.weight is None else min(post.weight, declared)
        info = PostDispatchInfo(Weight(u64(used)), Pays.Yes)
        self.deposit(
            self.WhitelistedCallDispatched(
                call_hash,
                Ok(info)
                if failure is None
                else Err(DispatchErrorWithPostInfo(info, dispatcher.wire_error(failure))),
            )
        )
        return used


def whole(call_hash: H256) -> Lookup:
    """Return the call of this hash, with any length."""
    return Lookup(call_hash, u32(0))
