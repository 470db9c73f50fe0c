"""Benchmarks of Balances."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import Bench, address
from btt_chain.scale import u128
from runtime.constants import BTT


@benchmark("Balances.transfer_allow_death")
def transfer_allow_death(b: Bench) -> Case:
    """Open an account; the sender's is closed, and its dust goes to the treasury."""
    sender = b.plain(0, 2 * BTT)
    value = u128(2 * BTT - 1)
    return b.signed(
        sender, "Balances", "transfer_allow_death", dest=address(b.poor(0)), value=value
    )


@benchmark("Balances.force_transfer")
def force_transfer(b: Bench) -> Case:
    """Transfer as root, closing one account and opening another."""
    sender = b.plain(0, 2 * BTT)
    return b.root(
        "Balances", "force_transfer",
        source=address(sender), dest=address(b.poor(0)), value=u128(2 * BTT - 1),
    )  # fmt: skip


@benchmark("Balances.transfer_keep_alive")
def transfer_keep_alive(b: Bench) -> Case:
    """Open an account."""
    return b.signed(
        b.account(0), "Balances", "transfer_keep_alive", dest=address(b.poor(0)), value=BTT
    )


@benchmark("Balances.transfer_all")
def transfer_all(b: Bench) -> Case:
    """Close an account to open another."""
    return b.signed(
        b.plain(0), "Balances", "transfer_all", dest=address(b.poor(0)), keep_alive=False
    )


@benchmark("Balances.force_unreserve")
def force_unreserve(b: Bench) -> Case:
    """Unreserve an unnamed reserve."""
    who = b.account(0)
    b.runtime.balances.reservable_currency.reserve(who, 5 * BTT)
    return b.root("Balances", "force_unreserve", who=address(who), amount=2 * BTT)


@benchmark("Balances.force_set_balance")
def force_set_balance(b: Bench) -> Case:
    """Close an account; its balance goes to the treasury."""
    who = b.plain(0)
    return b.root("Balances", "force_set_balance", who=address(who), new_free=u128(0))


@benchmark("Balances.burn")
def burn(b: Bench) -> Case:
    """Destroy the whole balance of an account, and close it."""
    return b.signed(b.plain(0, 2 * BTT), "Balances", "burn", value=2 * BTT, keep_alive=False)
