"""Runtime API of dry runs: the effects of a call or a transaction on a state that is discarded.

A client may ask for any caller: no signature is needed, and nothing is kept. A node bounds the
time of each request, and the weight of a call is bounded as in a block.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.validity import Invalid, TransactionValidityError, Unknown, as_error
from btt_chain.scale import Err, Ok, Result, TypeName, path, u32, u64
from runtime.apis.execution import ExecutiveApi
from runtime.frame import DispatchError, PostInfo, RuntimeCall, RuntimeEvent, Weight, WireError
from runtime.frame.api import MAX_TRANSACTION
from runtime.frame.error import DispatchErrorWithPostInfo, PostDispatchInfo, WireExhausted
from runtime.frame.weight import Pays
from runtime.pallets.origins import OriginCaller, caller


@path("xcm_runtime_apis::dry_run::Error")
class DryRunError(IntEnum):
    """Reason why a call was not tried."""

    Unimplemented = 0
    VersionedConversionFailed = 1


@path("xcm_runtime_apis::dry_run::CallDryRunEffects", params={"Event": RuntimeEvent})
@dataclass(slots=True)
class CallDryRunEffects:
    """The effects of a call. This chain sends no XCM messages: the last two fields are empty."""

    execution_result: Annotated[
        Result[PostDispatchInfo, DispatchErrorWithPostInfo], TypeName("DispatchResultWithPostInfo")
    ]
    emitted_events: Annotated[list[RuntimeEvent], TypeName("Vec<Event>")]
    local_xcm: bytes | None
    forwarded_xcms: list[bytes]


@path("btt_runtime::dry_run::TransactionEffects", params={"Event": RuntimeEvent})
@dataclass(slots=True)
class TransactionEffects:
    """The effects of a transaction, its fee included: `TransactionFeePaid` is one of the events."""

    execution_result: Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]
    emitted_events: Annotated[list[RuntimeEvent], TypeName("Vec<Event>")]


class DryRunApi(ExecutiveApi, version=2, max_arguments=MAX_TRANSACTION):
    """Effects of calls and transactions that are not sent."""

    def dry_run_call(
        self, origin: OriginCaller, call: RuntimeCall, result_xcms_version: u32
    ) -> Result[CallDryRunEffects, DryRunError]:
        """Return the effects of a call by a caller in the block after this one, without a fee.

        `result_xcms_version` has no effect: this chain has no XCM.
        """
        del result_xcms_version
        executive = self._executive
        runtime, host = executive.runtime, executive.runtime.host
        executive.open_pool_view(self._context.state, self._context.at)
        executive.system.begin_extrinsic()
        info = runtime.info(call)
        post = PostInfo()
        error: WireError | None = None
        try:
            executive.check_room(info, len(call.raw))
            post = runtime.dispatch(caller(origin), call)
        except Invalid:
            error = WireExhausted()
        except DispatchError as failure:
            post, error = failure.post or post, runtime.wire_error(failure)
        used = info.weight if post.weight is None else min(post.weight, info.weight)
        pays = info.pays if post.pays is None else post.pays
        spent = PostDispatchInfo(Weight(u64(min(used, u64.MAX))), Pays.Yes if pays else Pays.No)
        result: Ok[PostDispatchInfo] | Err[DispatchErrorWithPostInfo] = Ok(spent)
        if error is not None:
            result = Err(DispatchErrorWithPostInfo(spent, error))
        events = host.happened()
        return Ok(CallDryRunEffects(result, events, None, []))

    def dry_run_transaction(
        self, extrinsic: bytes
    ) -> Result[TransactionEffects, TransactionValidityError]:
        """Return the effects of a transaction as the next one of its sender.

        Its signature is not checked, and a nonce above the sender's is taken as the next one. The
        error says why no block could contain it.
        """
        executive = self._executive
        runtime, host = executive.runtime, executive.runtime.host
        executive.open_pool_view(self._context.state, self._context.at)
        try:
            failure = executive.simulate(extrinsic)
        except (Invalid, Unknown) as refusal:
            return Err(as_error(refusal))
        result: Ok[tuple[()]] | Err[WireError] = Ok(())
        if failure is not None:
            result = Err(runtime.wire_error(failure))
        events = host.happened()
        return Ok(TransactionEffects(result, events))
