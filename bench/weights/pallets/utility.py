"""Benchmarks of Utility: the cost of nesting calls, without the calls' own weight."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.models import MAX_TABLES, register
from bench.weights.state import Bench
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import derivative_account_id
from btt_chain.scale import u16
from btt_chain.work.graph import MAX_NODES
from runtime.frame import ROOT, Call, Origin, signed
from runtime.pallets.identity.types import IdentityInfo
from runtime.pallets.origins import RawSigned, SystemOrigin
from runtime.pallets.proxy.pallet import Within
from runtime.pallets.proxy.types import ProxyType

MANY = 100
"""Calls that are measured together, so that preparing the first one counts little."""
LONG = 1 << 20


def limited(b: Bench) -> Origin:
    """Return an origin that acts through a limited proxy, so that each inner call is checked."""
    return signed(b.account(0)).filtered(Within(b.runtime.proxy, ProxyType.NonTransfer))


def many(b: Bench, name: str, calls: int) -> Case:
    """Return a batch of the smallest calls."""
    origin = limited(b)
    return Case(
        b.call("Utility", name, calls=[b.remark()] * calls),
        origin,
        without=((origin, b.remark(), calls),),
    )


def one(b: Bench, origin: Origin, name: str, caller: AccountId, **args: object) -> Case:
    """Return a call around the smallest call, which is made in the name of `caller`."""
    return Case(
        b.call("Utility", name, call=b.remark(), **args),
        origin,
        without=((signed(b.account(0)), b.remark(), 1),),
        callers=(caller,),
    )


@benchmark("Utility.batch", calls=(0, 1_000))
def batch(b: Bench, calls: int) -> Case:
    """Make the calls one after the other."""
    return many(b, "batch", calls)


@benchmark("Utility.batch_all", calls=(0, 1_000))
def batch_all(b: Bench, calls: int) -> Case:
    """Make all calls or none."""
    return many(b, "batch_all", calls)


def failing(b: Bench) -> Call:
    """Return the smallest call that fails for an account."""
    return b.call("Utility", "with_weight", call=b.remark(), weight=b.weight(0))


@benchmark("Utility.force_batch", calls=(0, 1_000))
def force_batch(b: Bench, calls: int) -> Case:
    """Make all calls, whether they fail or not; they fail, and the events say why."""
    origin = limited(b)
    return Case(
        b.call("Utility", "force_batch", calls=[failing(b)] * calls),
        origin,
        without=((origin, failing(b), calls),),
    )


@benchmark("Utility.as_derivative")
def as_derivative(b: Bench) -> Case:
    """Make a call as a derivative account."""
    caller = derivative_account_id(b.account(0), u16(7))
    return one(b, limited(b), "as_derivative", caller, index=u16(7))


@benchmark("Utility.dispatch_as")
def dispatch_as(b: Bench) -> Case:
    """Make a call as any account."""
    caller = b.account(0)
    return one(b, ROOT, "dispatch_as", caller, as_origin=SystemOrigin(RawSigned(caller)))


@benchmark("Utility.dispatch_as_fallible")
def dispatch_as_fallible(b: Bench) -> Case:
    """As `dispatch_as`."""
    caller = b.account(0)
    return one(b, ROOT, "dispatch_as_fallible", caller, as_origin=SystemOrigin(RawSigned(caller)))


@benchmark("Utility.with_weight")
def with_weight(b: Bench) -> Case:
    """Make a call as root; batches take any caller."""
    empty = b.call("Utility", "batch", calls=[])
    call = b.call("Utility", "with_weight", call=empty, weight=b.weight(0))
    return Case(call, ROOT, without=((ROOT, empty, 1),))


@benchmark("Utility.if_else")
def if_else(b: Bench) -> Case:
    """Make a call that fails, and then another."""
    origin, main, fallback = limited(b), failing(b), b.remark()
    call = b.call("Utility", "if_else", main=main, fallback=fallback)
    return Case(
        b.call("Utility", "force_batch", calls=[call] * MANY),
        origin,
        without=((origin, main, MANY), (origin, fallback, MANY)),
        times=MANY,
    )


def carried(b: Bench, calls: int, length: int) -> Call:
    """Return a call with that many nested calls and bytes, slow to decode for its size."""
    inner = [b.call("Identity", "set_identity", info=IdentityInfo())] * calls
    model = register(b, MAX_NODES, MAX_TABLES).call
    assert model is not None
    inner += [model] * (length // len(model.raw))
    return b.call("Utility", "batch", calls=inner)


@benchmark("Utility.carrying", calls=(1, 1_000), length=(0, LONG))
def carrying(b: Bench, calls: int, length: int) -> Case:
    """Decode and weigh calls that are never executed."""
    raw = carried(b, calls, length).raw

    def run() -> None:
        b.runtime.info(b.runtime.call_codec.decode_all(raw))

    return Case(run=run)
