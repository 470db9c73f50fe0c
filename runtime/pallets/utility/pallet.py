"""Utility: batches of calls, and calls for other accounts.

The weight of a batch is that of its calls and a small overhead. That of calls which are not made is
refunded, except for decoding them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final

from btt_chain.primitives.limits import MAX_CALLS
from btt_chain.primitives.multi_account import derivative_account_id
from btt_chain.scale import Err, MaxLen, Ok, Result, TypeName, u16, u32
from runtime.frame import (
    ROOT,
    Call,
    Const,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Origin,
    Pallet,
    PostInfo,
    RuntimeCall,
    Weight,
    WireError,
    call,
)
from runtime.frame.host import Dispatcher
from runtime.frame.origin import OriginKind, ensure_not_none
from runtime.pallets.origins import OriginCaller, caller
from runtime.pallets.utility import weights

BATCH_ALL: Final = 2

Calls = Annotated[list[RuntimeCall], MaxLen(MAX_CALLS), TypeName("Vec<<T as Config>::RuntimeCall>")]
BoxedCall = Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")]
BoxedOrigin = Annotated[OriginCaller, TypeName("Box<T::PalletsOrigin>")]
Failure = Annotated[WireError, TypeName("DispatchError")]


def combined(own: Callable[[int], int]) -> Callable[[Utility, Sequence[Call]], DispatchInfo]:
    """Return a function that weighs a batch, whose own weight depends on its number of calls."""
    return lambda utility, calls: together(utility, calls, own(len(calls)))


def together(utility: Utility, calls: Sequence[Call], own: int) -> DispatchInfo:
    """Weigh several calls and `own`; Operational only if there is a call and all calls are.

    An empty batch is Normal, so that it has no priority.
    """
    infos = [inner.info or utility.host.dispatcher.info(inner) for inner in calls]
    urgent = bool(infos) and all(info.dispatch_class is DispatchClass.Operational for info in infos)
    return DispatchInfo(
        own + sum(info.weight for info in infos),
        DispatchClass.Operational if urgent else DispatchClass.Normal,
    )


def wrapped(own: int) -> Callable[[Utility, object, Call], DispatchInfo]:
    """Return a function that weighs a call for another account: its own weight and `own`."""

    def weigh(utility: Utility, _: object, inner: Call) -> DispatchInfo:
        info = utility.host.dispatcher.info(inner)
        return DispatchInfo(own + info.weight, info.dispatch_class)

    return weigh


def with_declared(utility: Utility, inner: Call, weight: Weight) -> DispatchInfo:
    """Return the weight declared by root, plus the cost of carrying the call."""
    dispatcher = utility.host.dispatcher
    declared = weights.WITH_WEIGHT + carrying_weight(dispatcher, inner) + int(weight.ref_time)
    return DispatchInfo(declared, dispatcher.info(inner).dispatch_class)


def carrying_weight(dispatcher: Dispatcher, *calls: Call) -> int:
    """Return the weight of calls that do not run, with all their inner calls, in picoseconds.

    Every caller that takes a declared weight, instead of the calls' own, must add this: the
    declared weight may be too small, and decoding precedes any check of the sender. It is never
    more than what the calls declare, which includes decoding them.
    """
    if not calls:
        return 0
    size, length = sum(inner.size for inner in calls), sum(len(inner.raw) for inner in calls)
    declared = sum(dispatcher.info(inner).weight for inner in calls)
    return min(weights.carrying(size, length), declared)


def either(utility: Utility, main: Call, fallback: Call) -> DispatchInfo:
    """Weigh a call together with its replacement."""
    return together(utility, (main, fallback), weights.IF_ELSE)


class Utility(Pallet):
    """Batches of calls, and calls for other accounts."""

    batched_calls_limit: Annotated[Const[u32], "batched_calls_limit"] = u32(1_000)
    """Maximum number of calls of a batch."""

    class BatchInterrupted(Event, index=0):
        """A batch was interrupted by a failed call; the effects of earlier calls remain."""

        index: u32
        error: Failure

    class BatchCompleted(Event, index=1):
        """All calls of a batch succeeded."""

    class BatchCompletedWithErrors(Event, index=2):
        """All calls of a batch were made; some failed."""

    class ItemCompleted(Event, index=3):
        """A call of a batch succeeded."""

    class ItemFailed(Event, index=4):
        """A call of a batch failed."""

        error: Failure

    class DispatchedAs(Event, index=5):
        """A call was made for another account, with this result."""

        result: Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]

    class IfElseMainSuccess(Event, index=6):
        """The main call succeeded; the fallback was not made."""

    class IfElseFallbackCalled(Event, index=7):
        """The main call failed; the fallback succeeded."""

        main_error: Failure

    class TooManyCalls(Error, index=0):
        """The batch has too many calls; the maximum is `batched_calls_limit`."""

    # ---- calls

    @call(0, weight=combined(weights.batch))
    def batch(self, origin: Origin, calls: Calls) -> PostInfo:
        """Make several calls in order, until the first failure. Origin: any but none."""
        self._ensure_may_batch(origin, calls)
        used, completed = 0, self.ItemCompleted()
        for place, inner in enumerate(calls):
            error, weight = self._attempt(origin, inner)
            used += weight
            if error is not None:
                reason = self.host.dispatcher.wire_error(error)
                self.deposit(self.BatchInterrupted(u32(place), reason))
                used += weights.batch(place + 1) + self._carrying(calls[place + 1 :])
                return PostInfo(weight=used)
            self.deposit(completed)
        self.deposit(self.BatchCompleted())
        return PostInfo(weight=used + weights.batch(len(calls)))

    @call(1, weight=wrapped(weights.AS_DERIVATIVE))
    def as_derivative(self, origin: Origin, index: u16, call: BoxedCall) -> PostInfo:
        """Make a call as one of your own sub-accounts."""
        pseudonym = derivative_account_id(origin.signed(), index)
        error, weight = self._attempt(Origin(OriginKind.SIGNED, pseudonym, origin.filters), call)
        if error is not None:
            error.post = PostInfo(weight=weights.AS_DERIVATIVE + weight)
            raise error
        return PostInfo(weight=weights.AS_DERIVATIVE + weight)

    @call(2, weight=combined(weights.batch_all))
    def batch_all(self, origin: Origin, calls: Calls) -> PostInfo:
        """Make several calls, all or none. Cannot be nested in itself."""
        self._ensure_may_batch(origin, calls)
        narrowed = origin.filtered(self._is_not_batch_all)
        used, completed = 0, self.ItemCompleted()
        for place, inner in enumerate(calls):
            error, weight = self._attempt(narrowed, inner)
            used += weight
            if error is not None:
                used += weights.batch_all(place + 1) + self._carrying(calls[place + 1 :])
                error.post = PostInfo(weight=used)
                raise error
            self.deposit(completed)
        self.deposit(self.BatchCompleted())
        return PostInfo(weight=used + weights.batch_all(len(calls)))

    @call(3, weight=wrapped(weights.DISPATCH_AS))
    def dispatch_as(self, origin: Origin, as_origin: BoxedOrigin, call: BoxedCall) -> None:
        """Make a call as another origin, but not as none or a pool account. Origin: root."""
        origin.root()
        error, _ = self._attempt(caller(as_origin), call, bypass_filter=True)
        result = Ok(()) if error is None else Err(self.host.dispatcher.wire_error(error))
        self.deposit(self.DispatchedAs(result))

    @call(4, weight=combined(weights.force_batch))
    def force_batch(self, origin: Origin, calls: Calls) -> PostInfo:
        """Make several calls in order, including those after a failure."""
        self._ensure_may_batch(origin, calls)
        used, failed, completed = 0, False, self.ItemCompleted()
        for inner in calls:
            error, weight = self._attempt(origin, inner)
            used += weight
            if error is None:
                self.deposit(completed)
            else:
                failed = True
                self.deposit(self.ItemFailed(self.host.dispatcher.wire_error(error)))
        self.deposit(self.BatchCompletedWithErrors() if failed else self.BatchCompleted())
        return PostInfo(weight=used + weights.force_batch(len(calls)))

    @call(5, weight=with_declared)
    def with_weight(self, origin: Origin, call: BoxedCall, weight: Weight) -> None:
        """Make a call as root, with a declared weight. Origin: root."""
        origin.root()
        self.host.dispatcher.dispatch(ROOT, call, bypass_filter=True)

    @call(6, weight=either)
    def if_else(self, origin: Origin, main: BoxedCall, fallback: BoxedCall) -> PostInfo:
        """Make a call, and if it fails, the fallback. Fails if both fail."""
        ensure_not_none(origin)
        first_error, used = self._attempt(origin, main)
        if first_error is None:
            self.deposit(self.IfElseMainSuccess())
            return PostInfo(weight=used + weights.IF_ELSE + self._carrying([fallback]))
        error, weight = self._attempt(origin, fallback)
        used += weight + weights.IF_ELSE
        if error is not None:
            error.post = PostInfo(weight=used)
            raise error
        self.deposit(self.IfElseFallbackCalled(self.host.dispatcher.wire_error(first_error)))
        return PostInfo(weight=used)

    @call(7, weight=wrapped(weights.DISPATCH_AS_FALLIBLE))
    def dispatch_as_fallible(self, origin: Origin, as_origin: BoxedOrigin, call: BoxedCall) -> None:
        """Make a call like `dispatch_as`, and fail if it fails. Origin: root."""
        origin.root()
        self.host.dispatcher.dispatch(caller(as_origin), call, bypass_filter=True)
        self.deposit(self.DispatchedAs(Ok(())))

    # ---- internals

    def _ensure_may_batch(self, origin: Origin, calls: Sequence[Call]) -> None:
        ensure_not_none(origin)
        if len(calls) > self.batched_calls_limit:
            raise self.TooManyCalls

    def _carrying(self, unmade: Sequence[Call]) -> int:
        """Return the weight of calls that were decoded and weighed, but not made."""
        return carrying_weight(self.host.dispatcher, *unmade)

    def _is_not_batch_all(self, inner: Call) -> bool:
        return (inner.pallet, inner.index) != (self.index, BATCH_ALL)

    def _attempt(
        self, origin: Origin, inner: Call, *, bypass_filter: bool = False
    ) -> tuple[DispatchError | None, int]:
        """Make a call; return its error, if any, and the picoseconds used."""
        dispatcher = self.host.dispatcher
        declared = (inner.info or dispatcher.info(inner)).weight
        try:
            post: PostInfo | None = dispatcher.dispatch(origin, inner, bypass_filter=bypass_filter)
            failure = None
        except DispatchError as error:
            post, failure = error.post, error
        if post is None or post.weight is None:
            return failure, declared
        return failure, min(post.weight, declared)
