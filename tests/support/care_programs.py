"""Facilities, wallets and rules for the tests of care."""

from __future__ import annotations

from functools import cache

from btt_chain.care.blind import PrivateKey
from btt_chain.care.evidence import DeviceProof, Statement, device_message
from btt_chain.care.facility import Activity
from btt_chain.care.schedule import Calendar
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.activity_rule import ActivityRule, Evidence
from btt_chain.scale import u8, u16, u32

GENESIS = bytes(range(32))
CLINIC = b"\x0c" * 32
SECRET = b"a secret of the clinic"
CALENDAR = Calendar(day_slots=240)
NEW_KEY = PrivateKey.generate
ALL_KINDS = int(Evidence.ORACLE | Evidence.PROVIDER | Evidence.DEVICE)


def rule(
    base: int = 40, *, per_month: int = 4, cooldown: int = 2, evidence: int = ALL_KINDS
) -> ActivityRule:
    """A rule that gives between a half and all of its points, by quality."""
    return ActivityRule(
        u32(base), u32(1_000_000), u32(1_000_000), u32(500_000), u32(1_000_000),
        u8(per_month), u16(cooldown), u8(evidence),
    )  # fmt: skip


def activity(patient: str = "Li Wei", day: int = 65, quality: int = 1_000_000) -> Activity:
    """A check that the facility itself confirms."""
    return Activity(patient, 3, day, Statement("provider", quality, {"code": "73761001"}))


def device(seed: int = 1) -> KeyPair:
    """A device with an ed25519 key."""
    return KeyPair.from_seed(bytes([seed]) * 32, Scheme.ED25519)


def measured(by: KeyPair, counter: int, value: int = 8_000) -> Statement:
    """A statement with an observation that a device signed."""
    document = {"steps": value}
    signature = by.sign(device_message(counter, document))
    return Statement("device", 1_000_000, document, DeviceProof(by.public, counter, signature))


@cache
def some_key(number: int) -> PrivateKey:
    """A key that is made once for all tests."""
    return NEW_KEY()
