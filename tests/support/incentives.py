"""Incentives on real money: facilities of each kind, three and more auditors, and patients."""

from __future__ import annotations

import random
import secrets
from functools import cache
from hashlib import sha384
from math import isqrt
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from btt_chain.crypto import rsa_pss
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination, PointVoucher, denominate
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, HEALTH, OPERATIONS, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, ensure_root, signed
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import Facility, FacilityState, Kind, Size
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import Epoch, Month, Verdict
from support.payfi import Feeds, Registrars, Time
from support.runtime import TestRuntime

DAY = 10
MONTH = 30 * DAY
"""In slots."""
CLINIC, HOSPITAL, ISSUER, PARTNER, INSURER, EDUCATOR, *AUDITORS = INSTITUTIONS = tuple(
    AccountId(bytes((n,)) * 32) for n in range(1, 14)
)
KINDS = (
    Kind.Clinic, Kind.Hospital, Kind.Issuer, Kind.Partner, Kind.Insurer, Kind.Educator,
    *[Kind.Auditor] * 7,
)  # fmt: skip
PATIENT, FRIEND = (AccountId(bytes((n,)) * 32) for n in (0x51, 0x52))
"""PATIENT owns nothing, FRIEND submits for others."""
FOUNDATION = AccountId(b"\x0f" * 32)
RICH = 500_000 * BTT
POOL = 756_000 * BTT
SUPPLY = 21_000_000 * BTT
CHINA = u16(156)
GENESIS = H256(b"\x47" * 32)
ROOT_HASH = H256(b"\x52" * 32)
POINT = BTT // 100
SHA384 = hashes.SHA384()
PSS = padding.PSS(padding.MGF1(SHA384), rsa_pss.SALT_LENGTH)


@cache
def primes() -> list[int]:
    """Return primes of 1,024 bits: known ones, so that tests repeat and need no time for them."""
    path = Path(__file__).resolve().parents[1] / "vectors" / "rsa" / "primes.txt"
    return [int(line, 16) for line in path.read_text().split()]


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """Return one of the keys that all tests share, a pair of primes.

    Key `number` is at place `number` along the pairs (0, 0), (0, 1), (1, 0), (1, 1), (0, 2), ...
    """
    shell = isqrt(number)
    place = number - shell * shell
    pair = (place, shell) if place < shell else (shell, place - shell)
    p, q, e = primes()[2 * pair[0]], primes()[2 * pair[1] + 1], rsa_pss.EXPONENT
    d = pow(e, -1, (p - 1) * (q - 1))
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, *exponents, rsa.RSAPublicNumbers(e, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def modulus(key: rsa.RSAPrivateKey) -> bytes:
    """Return the modulus of a key."""
    return key.public_key().public_numbers().n.to_bytes(256, "big")


def signed_with_fixed_salt(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    """Return a signature that depends on nothing but the key and the message."""
    digest = sha384(message).digest()
    hashed = sha384(bytes(8) + digest + digest).digest()
    seeds = (hashed + number.to_bytes(4, "big") for number in range(5))
    mask = int.from_bytes(b"".join(sha384(seed).digest() for seed in seeds)[:207], "big")
    plain = int.from_bytes(bytes(158) + b"\1" + digest, "big") ^ mask
    encoded = (plain & (1 << 1_655) - 1) << 392 | int.from_bytes(hashed + b"\xbc", "big")
    numbers = key.private_numbers()
    return pow(encoded, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def foreign_modulus(seed: int | None = None) -> bytes:
    """Return a modulus that passes the checks, and whose key is unknown: random without a seed."""
    randomness = random.Random(seed)
    while True:
        found = bytearray(randomness.randbytes(256))
        found[0] |= 0x80
        found[-1] |= 1
        try:
            rsa_pss.check_modulus(bytes(found))
        except ValueError:
            continue
        return bytes(found)


class Contributions:
    """The credentials that were counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[AccountId, u128]] = []

    def count_credential(self, who: AccountId, bound: u128) -> None:
        self.counted.append((who, bound))


class Identities(Registrars):
    """Registrars to whom all are known, but those that a test names."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: set[AccountId] = set()

    def known_good(self, who: AccountId) -> bool:
        return who not in self.unknown


class CareRuntime(TestRuntime):
    """Incentives and Facilities; a day has 10 slots."""

    clock: Time

    def build(self) -> None:
        self.time, self.people, self.feeds = self.clock, Identities(), Feeds()
        self.stakers = Contributions()
        self.balances = self.add_balances()
        self.facilities = self.add(
            61,
            Facilities(
                count_after=u64(30 * DAY),
                leave_slots=u64(28 * DAY),
                max_suspension=u64(90 * DAY),
                currency=self.balances,
                clock=self.time,
                identities=self.people,
            ),
        )
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(10), slot_ms=u64(6_000))
        self.incentives = self.add(
            62,
            Incentives(
                day_slots=u32(DAY),
                beacon_delay=u32(2),
                beacon_authors=u32(1),
                currency=self.balances,
                clock=self.time,
                registry=self.facilities,
                bonds=self.facilities.penalties,
                prices=self.feeds,
                funds=self.tokenomics,
                pools=self.tokenomics.ledger,
                genesis_supply=self.tokenomics.genesis_supply,
                operators=self.people,
                credits=self.stakers,
                system=self.system,
                params_origin=ensure_root,
            ),
        )
        self.balances.connect(self.tokenomics)

    def __init__(self) -> None:
        super().__init__(Time())
        accounts = (*INSTITUTIONS, FRIEND)
        rows = [[ss58(who), str(int(RICH))] for who in accounts]
        rest = SUPPLY - POOL - len(accounts) * RICH
        rows += [[ss58(HEALTH), str(int(POOL))], [ss58(FOUNDATION), str(int(rest))]]
        pools = (DEVELOPMENT_FUND, OPERATIONS, TREASURY, HEALTH)
        self.balances.genesis({"balances": rows, "pools": [ss58(pool) for pool in pools]})
        self.tokenomics.genesis({})
        self.tokenomics.foundation.value = FOUNDATION
        self.system.block_hash[u32(0)] = GENESIS
        for who, kind in zip(INSTITUTIONS, KINDS, strict=True):
            self.found(who, kind)
        for who in AUDITORS:
            self.incentives.enlist(signed(who), bytes(who))
        self.keys: dict[tuple[AccountId, int], list[rsa.RSAPrivateKey]] = {}
        self._next_key = 0
        self.host.events.clear()

    # ---- facilities

    def found(
        self, who: AccountId, kind: Kind, *, sensitive: bool = False, region: u16 = CHINA
    ) -> None:
        """Make an account an active small facility with its bond."""
        bond = self.facilities.bonds.value.of(kind)
        self.balances.hold(self.facilities.reason, who, bond)
        facility = Facility(
            kind, Size.Small, region, sensitive, self.people.operator_of(who), bond, u64(0),
            FacilityState.Active, H256(bytes(32)),
        )  # fmt: skip
        self.facilities.facilities[who] = facility
        self.facilities.by_operator[kind, facility.operator] = who
        if kind is Kind.Hospital:
            self.facilities.roster.add(who, bond)

    def bond(self, who: AccountId) -> int:
        """Return the bond of a facility, which is what it has on hold."""
        facility = self.facilities.get(who)
        assert facility is not None
        assert self.balances.held(self.facilities.reason, who) == facility.bond
        return int(facility.bond)

    # ---- time

    def to(self, slot: int) -> None:
        """Go to a slot since genesis; a few blocks run the hooks there."""
        self.time.slot += slot - self.time.now()
        for _ in range(4):
            self.incentives.on_initialize(0)

    def to_month(self, month: int, day: int = 0) -> None:
        """Go to a day of a month, through the beginnings of the months between."""
        while self.incentives.months.current() < month:
            self.to((self.incentives.months.current() + 1) * MONTH)
        self.to(max(self.time.now(), month * MONTH + day * DAY))

    # ---- months of facilities

    def subscribe(self, who: AccountId, size: Size = Size.Small, months: int = 1) -> None:
        self.incentives.subscribe(signed(who), size, u16(months))

    def publish(self, who: AccountId, month: int) -> None:
        """Publish four real keys."""
        keys = [rsa_key(self._next_key + place) for place in range(len(Denomination))]
        self.incentives.publish_keys(signed(who), u32(month), [modulus(key) for key in keys])
        self.keys[who, month] = keys
        self._next_key += len(keys)

    def publish_foreign(self, who: AccountId, month: int) -> None:
        """Publish four moduli without keys."""
        moduli = [foreign_modulus() for _ in Denomination]
        self.incentives.publish_keys(signed(who), u32(month), moduli)

    def join(self, who: AccountId = CLINIC, size: Size = Size.Small, *, keys: bool = True) -> int:
        """Subscribe for the next month, publish its keys, and let it begin; return it."""
        self.subscribe(who, size)
        month = self.incentives.months.current() + 1
        (self.publish if keys else self.publish_foreign)(who, month)
        self.to_month(month)
        return month

    def close(self, who: AccountId, month: int, points: int, leaves: int = 64) -> None:
        self.incentives.close_month(signed(who), u32(month), ROOT_HASH, u32(leaves), u64(points))

    def closed(self, who: AccountId = CLINIC, points: int = 500) -> int:
        """Let a facility join the next month and close it with these points; return the month."""
        month = self.join(who)
        self.to_month(month + 1)
        self.close(who, month, points)
        return month

    def selected(self, who: AccountId = CLINIC, points: int = 500) -> int:
        """Let a facility close a month, and its audit be selected; return the month."""
        month = self.closed(who, points)
        self.to_month(month + 1, day=3)
        self.to(self.time.now() + 5)
        return month

    # ---- vouchers

    def voucher(
        self,
        facility: AccountId,
        month: int,
        denomination: Denomination = Denomination.One,
        redeemer: AccountId = PATIENT,
    ) -> PointVoucher:
        """Return a voucher as a wallet holds it: signed for its redeemer."""
        blank = PointVoucher(
            facility, u32(month), denomination, redeemer,
            secrets.token_bytes(32), secrets.token_bytes(32), bytes(256),
        )  # fmt: skip
        key = self.keys[facility, month][denomination]
        return self.signed(blank, key)

    def signed(self, blank: PointVoucher, key: rsa.RSAPrivateKey) -> PointVoucher:
        """Return the voucher with a signature of a key."""
        signature = key.sign(blank.prefix + blank.message(GENESIS), PSS, SHA384)
        return PointVoucher(
            blank.facility, blank.month, blank.denomination, blank.redeemer, blank.nonce,
            blank.prefix, signature,
        )  # fmt: skip

    def vouchers(
        self, facility: AccountId, month: int, points: int, redeemer: AccountId = PATIENT
    ) -> list[PointVoucher]:
        """Return vouchers of so many points."""
        return [self.voucher(facility, month, each, redeemer) for each in denominate(points)]

    def redeem(self, *vouchers: PointVoucher) -> None:
        """Let a friend submit vouchers."""
        self.incentives.redeem(signed(FRIEND), [*vouchers])

    def points(self, who: AccountId = PATIENT) -> int:
        """Return the points of an account that count."""
        found = self.incentives.points.of(who)
        return 0 if found is None else int(found.balance)

    # ---- audits

    def report(self, who: AccountId, month: int, *verdicts: Verdict) -> list[AccountId]:
        """Let the selected auditors report in the order of their seats; return them."""
        seats = [seat.auditor for seat in self.incentives.audits.get(who, month).seats]
        for auditor, verdict in zip(seats, verdicts, strict=False):
            self.incentives.report_audit(signed(auditor), who, u32(month), verdict)
        return seats

    def settle(self, who: AccountId, month: int, caller: AccountId = FRIEND) -> None:
        self.incentives.settle_audit(signed(caller), who, u32(month))

    # ---- records

    def month(self, number: int) -> Month:
        return self.incentives.months.get(number)

    def epoch(self, who: AccountId, month: int) -> Epoch:
        return self.incentives.epochs.expect(who, month)

    def free(self, who: AccountId) -> int:
        return int(self.balances.free(who))

    def set_price(self, price: int) -> None:
        """Set the price of 1 BTT in CNY, with 18 decimals."""
        self.feeds.prices[b"BTT/CNY"] = u128(price)

    def suspend(self, who: AccountId, *, suspended: bool = True) -> None:
        self.facilities.suspend(ROOT, Id(who), suspended)


def hashed(text: str) -> H256:
    """Return a hash that stands for a text."""
    return H256(blake2_256(text.encode()))
