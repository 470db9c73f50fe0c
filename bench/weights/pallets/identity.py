"""Benchmarks of Identity: all fields and registrars, sub-accounts by the component."""

from __future__ import annotations

from collections.abc import Sequence

from bench.weights.declare import Case, benchmark
from bench.weights.state import Bench, address
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.identity.types import (
    MAX_REGISTRARS,
    MAX_SUBS,
    Data,
    FeePaid,
    IdentityInfo,
    Judgement,
    KnownGood,
    Reasonable,
    RegistrarInfo,
    Registration,
)

LONG = Data(b"x" * 32)
INFO = IdentityInfo(LONG, LONG, LONG, LONG, LONG, bytes(20), LONG, LONG, LONG, LONG)
LAST = MAX_REGISTRARS - 1
FEE = u128(BTT)
NAME = b"btt/iden"


def part(number: int) -> AccountId:
    """Return a sub-account."""
    return AccountId(blake2_256(b"part %d" % number))


def registrars(b: Bench, count: int = MAX_REGISTRARS) -> AccountId:
    """Appoint that many registrars; return the account of all of them."""
    who = b.account(5)
    b.runtime.identity.registrars.registrars.value = [RegistrarInfo(who, FEE, u64(0))] * count
    return who


def named(b: Bench, parts: int, *, paid: bool = True) -> AccountId:
    """Give an account a full identity with all judgements, and that many agreed sub-accounts."""
    judgement: Judgement = FeePaid(FEE) if paid else Reasonable()
    return parent(b, b.account(0), [part(number) for number in range(parts)], judgement)


def parent(b: Bench, who: AccountId, subs: Sequence[AccountId], judgement: Judgement) -> AccountId:
    """Give `who` a full identity with this judgement of all registrars, and agreed sub-accounts."""
    registrars(b)
    identity, parts = b.runtime.identity, len(subs)
    judgements = [(u32(index), judgement) for index in range(MAX_REGISTRARS)]
    deposit = u128(10 * BTT)
    pledged = u128(identity.sub_account_deposit * parts)
    identity.currency.reserve_named(NAME, who, deposit + pledged + FEE * MAX_REGISTRARS)
    identity.identity_of[who] = Registration(judgements, deposit, INFO)
    identity.subs.subs_of[who] = (pledged, list(subs))
    for sub in subs:
        identity.subs.super_of[sub] = (who, LONG)
        identity.subs.agreed[sub] = ()
    return who


@benchmark("Identity.add_registrar")
def add_registrar(b: Bench) -> Case:
    """Appoint the last registrar that fits."""
    registrars(b, LAST)
    return b.root("Identity", "add_registrar", account=address(b.account(1)))


@benchmark("Identity.set_identity")
def set_identity(b: Bench) -> Case:
    """Replace a full identity by another."""
    who = named(b, 0)
    return b.signed(who, "Identity", "set_identity", info=INFO)


@benchmark("Identity.set_subs", old=(0, MAX_SUBS), subs=(0, MAX_SUBS))
def set_subs(b: Bench, old: int, subs: int) -> Case:
    """Replace sub-accounts by others."""
    who = named(b, old)
    new = [(part(MAX_SUBS + number), LONG) for number in range(subs)]
    return b.signed(who, "Identity", "set_subs", subs=new)


@benchmark("Identity.clear_identity", subs=(0, MAX_SUBS))
def clear_identity(b: Bench, subs: int) -> Case:
    """Clear the caller's identity with its sub-accounts."""
    return b.signed(named(b, subs), "Identity", "clear_identity")


@benchmark("Identity.kill_identity", subs=(0, MAX_SUBS))
def kill_identity(b: Bench, subs: int) -> Case:
    """Remove an account's identity with its sub-accounts."""
    return b.root("Identity", "kill_identity", target=address(named(b, subs)))


@benchmark("Identity.request_judgement")
def request_judgement(b: Bench) -> Case:
    """Request a judgement of the last registrar again."""
    who = named(b, MAX_SUBS, paid=False)
    return b.signed(who, "Identity", "request_judgement", reg_index=u32(LAST), max_fee=FEE)


@benchmark("Identity.cancel_request")
def cancel_request(b: Bench) -> Case:
    """Cancel the request to the last registrar."""
    return b.signed(named(b, MAX_SUBS), "Identity", "cancel_request", reg_index=u32(LAST))


@benchmark("Identity.set_fee")
def set_fee(b: Bench) -> Case:
    """Change one of all registrars."""
    return b.signed(registrars(b), "Identity", "set_fee", index=u32(LAST), fee=FEE)


@benchmark("Identity.set_account_id")
def set_account_id(b: Bench) -> Case:
    """Change one of all registrars."""
    return b.signed(
        registrars(b), "Identity", "set_account_id", index=u32(LAST), new=address(b.account(1))
    )


@benchmark("Identity.set_fields")
def set_fields(b: Bench) -> Case:
    """Change one of all registrars."""
    return b.signed(registrars(b), "Identity", "set_fields", index=u32(LAST), fields=u64(7))


@benchmark("Identity.provide_judgement")
def provide_judgement(b: Bench) -> Case:
    """Judge a full identity, and receive the fee."""
    registrar, who = registrars(b), named(b, MAX_SUBS)
    return b.signed(
        registrar, "Identity", "provide_judgement", reg_index=u32(LAST), target=address(who),
        judgement=KnownGood(), identity=H256(blake2_256(codec(IdentityInfo).encode(INFO))),
    )  # fmt: skip


@benchmark("Identity.add_sub")
def add_sub(b: Bench) -> Case:
    """Add the last sub-account that fits."""
    who = named(b, MAX_SUBS - 1)
    return b.signed(who, "Identity", "add_sub", sub=address(part(MAX_SUBS)), data=LONG)


@benchmark("Identity.rename_sub")
def rename_sub(b: Bench) -> Case:
    """Rename one of all sub-accounts."""
    who = named(b, MAX_SUBS)
    return b.signed(who, "Identity", "rename_sub", sub=address(part(0)), data=LONG)


@benchmark("Identity.remove_sub")
def remove_sub(b: Bench) -> Case:
    """Remove the last of all sub-accounts."""
    who = named(b, MAX_SUBS)
    return b.signed(who, "Identity", "remove_sub", sub=address(part(MAX_SUBS - 1)))


@benchmark("Identity.quit_sub")
def quit_sub(b: Bench) -> Case:
    """Leave as the last of all sub-accounts."""
    named(b, MAX_SUBS)
    return b.signed(b.endow(part(MAX_SUBS - 1)), "Identity", "quit_sub")


@benchmark("Identity.agree_sub")
def agree_sub(b: Bench) -> Case:
    """Agree to be a sub-account."""
    who = named(b, MAX_SUBS)
    del b.runtime.identity.subs.agreed[part(0)]
    return b.signed(b.endow(part(0)), "Identity", "agree_sub", main=address(who))
