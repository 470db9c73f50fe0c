"""Benchmarks of System, Timestamp, TransactionPayment, Sudo and Upgrade."""

from __future__ import annotations

from dataclasses import replace

from bench.weights.declare import Case, benchmark
from bench.weights.state import Bench, address
from btt_chain.scale import u8, u32, u64
from runtime.frame import NONE, ROOT, RuntimeVersion
from runtime.frame.version import CowText

KIB_64 = 1 << 16
LONG = 1 << 20


@benchmark("System.remark")
def remark(b: Bench) -> Case:
    """Do nothing; bytes count with the length of the extrinsic."""
    return b.signed(b.account(0), "System", "remark", remark=b"")


@benchmark("System.remark_with_event", length=(0, LONG))
def remark_with_event(b: Bench, length: int) -> Case:
    """Hash the bytes."""
    return b.signed(b.account(0), "System", "remark_with_event", remark=bytes(length))


@benchmark("Timestamp.set")
def set_time(b: Bench) -> Case:
    """Set the time of the next slot."""
    slot = int(b.runtime.babe.current_slot.value)
    b.runtime.timestamp.did_update.kill()
    return Case(b.call("Timestamp", "set", now=u64(slot * int(b.params.slot_ms))), NONE)


@benchmark("TransactionPayment.set_byte_price")
def set_byte_price(b: Bench) -> Case:
    """Set the present price."""
    return b.root("TransactionPayment", "set_byte_price", price=b.runtime.fees.byte_price.value)


def _holder(b: Bench) -> None:
    b.runtime.sudo.key.value = b.account(0)


@benchmark("Sudo.sudo")
def sudo(b: Bench) -> Case:
    """Make the smallest call as root; the call fails, which costs no less."""
    _holder(b)
    return b.signed(b.account(0), "Sudo", "sudo", call=b.remark())


@benchmark("Sudo.sudo_unchecked_weight")
def sudo_unchecked_weight(b: Bench) -> Case:
    """As `sudo`."""
    _holder(b)
    return b.signed(
        b.account(0), "Sudo", "sudo_unchecked_weight", call=b.remark(), weight=b.weight(0)
    )


@benchmark("Sudo.set_key")
def set_key(b: Bench) -> Case:
    """Transfer the key."""
    _holder(b)
    return b.signed(b.account(0), "Sudo", "set_key", new=address(b.account(1)))


@benchmark("Sudo.sudo_as")
def sudo_as(b: Bench) -> Case:
    """Make the smallest call as another account."""
    _holder(b)
    case = b.signed(b.account(0), "Sudo", "sudo_as", who=address(b.account(1)), call=b.remark())
    return replace(case, callers=(b.account(1),))


@benchmark("Sudo.remove_key")
def remove_key(b: Bench) -> Case:
    """Remove the key."""
    _holder(b)
    return b.signed(b.account(0), "Sudo", "remove_key")


def _next_version(b: Bench, length: int) -> bytes:
    """Return the code of a later version of about that length."""
    now = b.runtime.version
    later = RuntimeVersion(
        spec_name=now.spec_name,
        impl_name=CowText("x" * length),
        authoring_version=now.authoring_version,
        spec_version=u32(int(now.spec_version) + 1),
        impl_version=now.impl_version,
        apis=now.apis,
        transaction_version=now.transaction_version,
        system_version=u8(int(now.system_version)),
    )
    return later.encoded()


@benchmark("Upgrade.schedule", length=(0, KIB_64))
def schedule(b: Bench, length: int) -> Case:
    """Schedule a version whose code has that length."""
    slot = u64(b.runtime.babe.now() + int(b.runtime.upgrade.least_notice))
    call = b.call("Upgrade", "schedule", code=_next_version(b, length), slot=slot)
    return Case(call, ROOT)


@benchmark("Upgrade.cancel")
def cancel(b: Bench) -> Case:
    """Cancel a scheduled version."""
    slot = u64(b.runtime.babe.now() + int(b.runtime.upgrade.least_notice))
    b.decides("Upgrade", "schedule", code=_next_version(b, KIB_64), slot=slot)
    return b.root("Upgrade", "cancel")
