"""Whitelist: calls that somebody with judgement vouched for, and that may therefore go faster.

The technical track vouches for the hash of a call; then a referendum of the track for whitelisted
calls, whose periods are shorter than root's, may make exactly this call as root, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import Err, Ok, Result, TypeName, path, u32, u64
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
    WireError,
    call,
)
from runtime.frame.weight import Pays
from runtime.pallets.preimage import Lookup, Preimage, decoded
from runtime.pallets.utility import carrying_weight
from runtime.weights import whitelist as weights


@path("frame_support::dispatch::PostDispatchInfo")
@dataclass(slots=True)
class PostDispatchInfo:
    """What a call says after it ran."""

    actual_weight: Annotated[Weight | None, TypeName("Option<Weight>")]
    pays_fee: Annotated[Pays, TypeName("Pays")]


@path("sp_runtime::DispatchErrorWithPostInfo", params={"Info": PostDispatchInfo})
@dataclass(slots=True)
class DispatchErrorWithPostInfo:
    """Why a call failed, and what it says after it ran."""

    post_info: Annotated[PostDispatchInfo, TypeName("Info")]
    error: Annotated[WireError, TypeName("DispatchError")]


CallHash = Annotated[H256, TypeName("T::Hash")]


def by_hash(
    _: object, call_hash: H256, call_encoded_len: u32, call_weight_witness: Weight
) -> DispatchInfo:
    """Weigh a call that is elsewhere by what the caller says of it."""
    del call_hash
    own = weights.dispatch_whitelisted_call(int(call_encoded_len))
    return DispatchInfo(own + int(call_weight_witness.ref_time), DispatchClass.Normal)


def with_call(pallet: Whitelist, inner: Call) -> DispatchInfo:
    """Weigh a call that is here."""
    info = pallet.host.dispatcher.info(inner)
    own = own_weight(inner)
    return DispatchInfo(own + info.weight, info.dispatch_class)


def own_weight(inner: Call) -> int:
    """Return what bringing a call costs beside its own weight, in picoseconds."""
    return weights.dispatch_whitelisted_call_with_preimage(len(inner.raw)) + carrying_weight(inner)


class Whitelist(Pallet):
    """Calls that somebody with judgement vouched for, and that may therefore go faster."""

    preimages: Preimage
    whitelist_origin: OriginCheck
    """Who vouches for calls."""
    dispatch_whitelisted_origin: OriginCheck
    """Who may have them made as root."""

    whitelisted_call = Map(H256, tuple[()], hasher=Hasher.Twox64Concat)
    """The hashes of calls that may be made."""

    class CallWhitelisted(Event, index=0):
        """A call may be made."""

        call_hash: CallHash

    class WhitelistedCallRemoved(Event, index=1):
        """A call may not be made any more."""

        call_hash: CallHash

    class WhitelistedCallDispatched(Event, index=2):
        """A call was made as root; this came of it."""

        call_hash: CallHash
        result: Annotated[
            Result[PostDispatchInfo, DispatchErrorWithPostInfo],
            TypeName("DispatchResultWithPostInfo"),
        ]

    class UnavailablePreImage(Error, index=0):
        """The bytes of the call are not here, or not so many. Note the preimage first."""

    class UndecodableCall(Error, index=1):
        """The bytes are no call of this chain. Remove the hash, and encode the call anew."""

    class InvalidCallWeightWitness(Error, index=2):
        """The call is heavier than was said. Say at least its weight, as `query_info` tells it."""

    class CallIsNotWhitelisted(Error, index=3):
        """Nobody vouched for this call. Have its hash whitelisted first."""

    class CallAlreadyWhitelisted(Error, index=4):
        """The call is whitelisted already. There is nothing left to do."""

    # ---- calls

    @call(0, weight=weights.WHITELIST_CALL)
    def whitelist_call(self, origin: Origin, call_hash: CallHash) -> None:
        """Vouch for a call; its preimage stays while you do."""
        self.whitelist_origin(origin)
        if call_hash in self.whitelisted_call:
            raise self.CallAlreadyWhitelisted
        self.whitelisted_call[call_hash] = ()
        self.preimages.request(whole(call_hash))
        self.deposit(self.CallWhitelisted(call_hash))

    @call(1, weight=weights.REMOVE_WHITELISTED_CALL)
    def remove_whitelisted_call(self, origin: Origin, call_hash: CallHash) -> None:
        """Vouch for a call no more."""
        self.whitelist_origin(origin)
        self._remove(call_hash)
        self.deposit(self.WhitelistedCallRemoved(call_hash))

    @call(2, weight=by_hash)
    def dispatch_whitelisted_call(
        self,
        origin: Origin,
        call_hash: CallHash,
        call_encoded_len: Annotated[u32, TypeName("u32")],
        call_weight_witness: Annotated[Weight, TypeName("Weight")],
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
        """Make a whitelisted call as root; here it is."""
        self.dispatch_whitelisted_origin(origin)
        call_hash = H256(blake2_256(call.raw))
        self._ensure_whitelisted(call_hash)
        return PostInfo(weight=own_weight(call) + self._make(call_hash, call))

    # ---- private steps

    def _ensure_whitelisted(self, call_hash: H256) -> None:
        if call_hash not in self.whitelisted_call:
            raise self.CallIsNotWhitelisted

    def _remove(self, call_hash: H256) -> None:
        self._ensure_whitelisted(call_hash)
        del self.whitelisted_call[call_hash]
        self.preimages.drop(whole(call_hash))

    def _make(self, call_hash: H256, inner: Call) -> int:
        """Make the call, which is whitelisted no more; return the picoseconds it used."""
        self._remove(call_hash)
        dispatcher = self.host.dispatcher
        declared = dispatcher.info(inner).weight
        failure: DispatchError | None = None
        try:
            post: PostInfo | None = dispatcher.dispatch(ROOT, inner)
        except DispatchError as error:
            post, failure = error.post, error
        used = declared if post is None or post.weight is None else min(post.weight, declared)
        told = PostDispatchInfo(Weight(u64(used)), Pays.Yes)
        self.deposit(
            self.WhitelistedCallDispatched(
                call_hash,
                Ok(told)
                if failure is None
                else Err(DispatchErrorWithPostInfo(told, dispatcher.wire_error(failure))),
            )
        )
        return used


def whole(call_hash: H256) -> Lookup:
    """Return the call of this hash, whatever its length."""
    return Lookup(call_hash, u32(0))
