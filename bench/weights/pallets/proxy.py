"""Benchmarks of Proxy: lists of proxies and announcements are full."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, Bench, address
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from runtime.frame import Call, signed
from runtime.pallets.proxy.types import (
    MAX_PENDING,
    MAX_PROXIES,
    Announcement,
    ProxyDefinition,
    ProxyType,
    pure_account,
)

REAL, DELEGATE = 0, 1


def appoint(b: Bench, proxies: int, *, delay: int = 0) -> tuple[AccountId, AccountId]:
    """Return an account with that many proxies, and the last one of them in the list."""
    real, delegate = b.account(REAL), b.account(DELEGATE)
    pallet = b.runtime.proxy
    others = [
        ProxyDefinition(AccountId(blake2_256(b"proxy %d" % place)), ProxyType.Any, u32(0))
        for place in range(proxies - 1)
    ]
    own = [ProxyDefinition(delegate, ProxyType.NonTransfer, u32(delay))] if proxies else []
    deposit = pallet.deposit_for(proxies)
    if deposit:
        pallet.currency.reserve_named(b"py/proxy", real, deposit)
    # Not in order: the searched entry is at the end.
    pallet.proxies[real] = ([*others, *own], deposit)
    return real, delegate


def announce(b: Bench, real: AccountId, delegate: AccountId, pending: int, last: H256) -> None:
    """Let a delegate have announced that many calls, the last of them `last`."""
    pallet = b.runtime.proxy
    announced = [
        Announcement(real, H256(blake2_256(b"call %d" % place)), u32(1))
        for place in range(pending - 1)
    ]
    announced.append(Announcement(real, last, u32(1)))
    deposit = pallet.announced.deposit_for(pending)
    pallet.currency.reserve_named(b"py/proxy", delegate, deposit)
    pallet.announced.announcements[delegate] = (announced, deposit)


def hash_of(call: Call) -> H256:
    """Return a call's hash."""
    return H256(blake2_256(call.raw))


@benchmark("Proxy.proxy", proxies=(1, MAX_PROXIES))
def proxy(b: Bench, proxies: int) -> Case:
    """Make the smallest call; the proxy is last in the list."""
    real, delegate = appoint(b, proxies)
    call = b.call("Proxy", "proxy", real=address(real), force_proxy_type=None, call=b.remark())
    without = ((signed(real), b.remark(), 1),)
    return Case(call, signed(delegate), without=without, callers=(real,))


@benchmark("Proxy.add_proxy")
def add_proxy(b: Bench) -> Case:
    """Add the last proxy that fits."""
    real, _ = appoint(b, MAX_PROXIES - 1)
    return b.signed(
        real, "Proxy", "add_proxy",
        delegate=address(b.poor(1)), proxy_type=ProxyType.Any, delay=u32(0),
    )  # fmt: skip


@benchmark("Proxy.remove_proxy")
def remove_proxy(b: Bench) -> Case:
    """Remove the last of a full list."""
    real, delegate = appoint(b, MAX_PROXIES)
    return b.signed(
        real, "Proxy", "remove_proxy",
        delegate=address(delegate), proxy_type=ProxyType.NonTransfer, delay=u32(0),
    )  # fmt: skip


@benchmark("Proxy.remove_proxies")
def remove_proxies(b: Bench) -> Case:
    """Remove a full list, each with an event."""
    real, _ = appoint(b, MAX_PROXIES)
    return b.signed(real, "Proxy", "remove_proxies")


@benchmark("Proxy.create_pure")
def create_pure(b: Bench) -> Case:
    """Create an account."""
    return b.signed(
        b.account(REAL), "Proxy", "create_pure",
        proxy_type=ProxyType.Any, delay=u32(0), index=u16(0),
    )  # fmt: skip


@benchmark("Proxy.kill_pure")
def kill_pure(b: Bench) -> Case:
    """Remove an account without a key that has the maximum number of proxies."""
    maker = b.account(REAL)
    b.does(maker, "Proxy", "create_pure", proxy_type=ProxyType.Any, delay=u32(0), index=u16(0))
    pure = b.endow(pure_account(maker, ProxyType.Any, 0, BLOCK, 0))
    pallet = b.runtime.proxy
    for place in range(MAX_PROXIES - 1):
        b.does(
            pure, "Proxy", "add_proxy",
            delegate=address(b.poor(place)), proxy_type=ProxyType.Any, delay=u32(0),
        )  # fmt: skip
    assert len(pallet.proxies[pure][0]) == MAX_PROXIES
    return b.signed(
        pure, "Proxy", "kill_pure", spawner=address(maker), proxy_type=ProxyType.Any,
        index=u16(0), height=u32(BLOCK), ext_index=u32(0),
    )  # fmt: skip


@benchmark("Proxy.announce")
def announce_call(b: Bench) -> Case:
    """Announce the last call that fits."""
    real, delegate = appoint(b, MAX_PROXIES)
    announce(b, real, delegate, MAX_PENDING - 1, H256(bytes(32)))
    return b.signed(delegate, "Proxy", "announce", real=address(real), call_hash=H256(b"x" * 32))


@benchmark("Proxy.remove_announcement")
def remove_announcement(b: Bench) -> Case:
    """Remove the last announcement of a full list."""
    real, delegate = appoint(b, MAX_PROXIES)
    announce(b, real, delegate, MAX_PENDING, H256(bytes(32)))
    return b.signed(
        delegate, "Proxy", "remove_announcement", real=address(real), call_hash=H256(bytes(32))
    )


@benchmark("Proxy.reject_announcement")
def reject_announcement(b: Bench) -> Case:
    """Reject the last announcement of a full list."""
    real, delegate = appoint(b, MAX_PROXIES)
    announce(b, real, delegate, MAX_PENDING, H256(bytes(32)))
    return b.signed(
        real, "Proxy", "reject_announcement",
        delegate=address(delegate), call_hash=H256(bytes(32)),
    )  # fmt: skip


@benchmark("Proxy.proxy_announced", proxies=(1, MAX_PROXIES), pending=(1, MAX_PENDING))
def proxy_announced(b: Bench, proxies: int, pending: int) -> Case:
    """Make the call that was announced last, as another account."""
    real, delegate = appoint(b, proxies)
    inner = b.remark()
    announce(b, real, delegate, pending, hash_of(inner))
    call = b.call(
        "Proxy", "proxy_announced", delegate=address(delegate), real=address(real),
        force_proxy_type=None, call=inner,
    )  # fmt: skip
    without = ((signed(real), inner, 1),)
    return Case(call, signed(b.account(2)), without=without, callers=(real,))


@benchmark("Proxy.poke_deposit")
def poke_deposit(b: Bench) -> Case:
    """Adjust both deposits of two full lists to the present rate."""
    real, delegate = appoint(b, MAX_PROXIES)
    announce(b, real, delegate, MAX_PENDING, H256(bytes(32)))
    pallet = b.runtime.proxy
    definitions, _ = pallet.proxies[real]
    pallet.currency.reserve_named(b"py/proxy", delegate, u128(1))
    pallet.proxies[delegate] = (definitions, u128(1))
    announced, deposit = pallet.announced.announcements[delegate]
    pallet.announced.announcements[delegate] = (announced, deposit - u128(1))
    return b.signed(delegate, "Proxy", "poke_deposit")
