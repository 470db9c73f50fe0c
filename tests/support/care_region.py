"""A region of facilities, patients and auditors: real programs on a real runtime.

Facilities confirm appointments and sign blindly, wallets redeem by their rule through one relay,
auditors
check what is opened to them. Only the network between them is missing.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from btt_chain.care import auditing
from btt_chain.care.auditing import Committed, Finding, Place, Result, Terms
from btt_chain.care.evidence import Statement
from btt_chain.care.facility import Activity, FacilityFolder
from btt_chain.care.schedule import Calendar, calls
from btt_chain.care.wallet import Kept, State, Wallet
from btt_chain.compute.blobs import sealing
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.facilities.types import Kind, Size
from runtime.pallets.incentives.types import Fail, NotOpened, Pass, Verdict
from support.care_programs import rule
from support.incentives import (
    AUDITORS,
    DAY,
    FOUNDATION,
    FRIEND,
    GENESIS,
    INSURER,
    CareRuntime,
    hashed,
)

RULE = 3
MONEY = u128(60_000 * BTT)


SAMPLE = 500
"""Maximum number of accounts that the attacker starts from."""


class Seen(NamedTuple):
    """A redemption as it is public on the chain."""

    facility: bytes
    month: int
    account: bytes
    slot: int
    points: int


class Patient(NamedTuple):
    """A patient with a wallet, and the facilities that it appointments."""

    number: int
    wallet: Wallet
    facilities: list[AccountId]


class Region:
    """Facilities with their folders, auditors, insurers and patients; made by `open`."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.runtime = CareRuntime()
        self.calendar = Calendar(DAY)
        self.folders: dict[AccountId, FacilityFolder] = {}
        self.patients: list[Patient] = []
        self.insurers = [INSURER, AccountId(b"\x7f" * 32)]
        self.audit_keys = {who: sealing.new_secret() for who in AUDITORS[:3]}
        self.seen: list[Seen] = []
        self.owners: dict[bytes, int] = {}
        """The truth, which is nowhere as a whole: the patient of each account."""
        for who in AUDITORS[3:]:
            self.runtime.incentives.retire(signed(who))
        for who, key in self.audit_keys.items():
            self.runtime.incentives.enlist(signed(who), sealing.public_of(key))
        self.rule = rule(base=60, cooldown=1)
        self.runtime.incentives.set_rule(ROOT, u16(RULE), self.rule)
        self.fund(self.insurers[1])
        self.runtime.found(self.insurers[1], Kind.Insurer)
        for insurer in self.insurers:
            amount = u128(100 * BTT)
            self.runtime.incentives.contribute_savings(signed(insurer), amount, hashed("savings"))

    @classmethod
    @contextmanager
    def open(cls, base: Path, facilities: int, patients: int, seed: int = 1) -> Iterator[Region]:
        """Make a region, with its folders below `base`."""
        region = cls(random.Random(seed))
        with ExitStack() as stack:
            for number in range(facilities):
                who = AccountId(bytes((0x80 + number,)) * 32)
                region.fund(who)
                region.runtime.found(who, Kind.Clinic)
                folder = FacilityFolder.open(base / f"f{number}", b"secret", GENESIS, who)
                region.folders[who] = stack.enter_context(folder)
            names = list(region.folders)
            for number in range(patients):
                pair = KeyPair.from_uri(f"//patient{number}")
                place = base / f"p{number}"
                wallet = Wallet.open(place, pair, GENESIS, region.rng.randrange)
                attended = region.rng.sample(names, min(2, len(names)))
                region.patients.append(Patient(number, stack.enter_context(wallet), attended))
            yield region

    def fund(self, who: AccountId) -> None:
        """Give an account money."""
        self.runtime.balances.transfer_keep_alive(signed(FOUNDATION), Id(who), MONEY)

    # ---- a month

    def open_month(self, month: int) -> None:
        """Let all facilities subscribe and publish their keys, and the month begin."""
        incentives = self.runtime.incentives
        for who, folder in self.folders.items():
            incentives.subscribe(signed(who), Size.Small, u16(1))
            incentives.publish_keys(signed(who), u32(month), folder.make_keys(month))
        self.runtime.to_month(month)

    def treat_all(self, month: int) -> None:
        """Let each patient appointment its facilities, and collect its vouchers."""
        for patient in self.patients:
            for facility in patient.facilities:
                day = month * 30 + self.rng.randrange(30)
                self.appointment(patient, facility, day, self.rng.randrange(500_000, 1_000_001))

    def appointment(self, patient: Patient, facility: AccountId, day: int, quality: int) -> None:
        """Confirm an activity, and sign its vouchers blindly."""
        folder = self.folders[facility]
        statement = Statement("provider", quality, {"code": "73761001"})
        found = Activity(f"Patient No. {patient.number}", RULE, day, statement)
        claim = folder.confirm(found, self.rule)
        keys = self.runtime.incentives.epochs.keys[facility, u32(claim.month)]
        request = patient.wallet.request(claim, keys, self.calendar, day * DAY)
        assert patient.wallet.accept(claim, folder.sign(request), keys) == claim.points

    def close_month(self, month: int) -> None:
        """Let all facilities close a month in the first days of the next one."""
        self.runtime.to_month(month + 1)
        for who, folder in self.folders.items():
            root, leaves, points = folder.close(month)
            self.runtime.incentives.close_month(
                signed(who), u32(month), root, u32(leaves), u64(points)
            )

    def audit_month(self, month: int) -> list[Finding]:
        """Open the selected evidence to the auditors, and let them report; return the findings."""
        self.runtime.to_month(month + 1, day=3)
        self.runtime.to(self.runtime.time.now() + 3)
        return [
            self.audit(who, month, auditor)
            for who in self.folders
            for auditor in self.seats(who, month)
        ]

    def seats(self, facility: AccountId, month: int) -> list[AccountId]:
        """Return the auditors of a facility's month."""
        audit = self.runtime.incentives.audits.get(facility, month)
        return [seat.auditor for seat in audit.seats]

    def audit(self, facility: AccountId, month: int, auditor: AccountId) -> Finding:
        """Seal, open, examine and report."""
        incentives = self.runtime.incentives
        audit = incentives.audits.get(facility, month)
        epoch = incentives.epochs.expect(facility, month)
        place = Place(GENESIS, facility, month, audit.seed)
        keys = {seat.auditor: seat.key for seat in audit.seats}
        opened = self.folders[facility].disclosure(month, place.seed)
        sealed = auditing.seal(opened, keys[auditor], place)
        found = auditing.examine(
            auditing.open_sealed(sealed, self.audit_keys[auditor], place),
            Committed(epoch.root, int(epoch.leaves), int(epoch.points)),
            place,
            Terms({RULE: [self.rule]}),
        )
        incentives.report_audit(signed(auditor), facility, u32(month), verdict_of(found))
        return found

    # ---- redeeming

    def redeem_month(self, month: int) -> None:
        """Redeem what wallets have of a month, each voucher in its hour, through one relay."""
        due: dict[int, list[tuple[Patient, Kept]]] = defaultdict(list)
        for patient in self.patients:
            for kept in patient.wallet.vouchers():
                if kept.state is State.Held and kept.voucher.month == month:
                    due[int(kept.due)].append((patient, kept))
        for slot in sorted(due):
            self.runtime.to(max(slot, self.runtime.time.now()))
            found = due[slot]
            self.rng.shuffle(found)
            for patient, kept in found:
                for call in calls([kept], self.rng.shuffle):
                    self._redeem(patient, call)

    def _redeem(self, patient: Patient, call: Sequence[Kept]) -> None:
        vouchers = [kept.voucher for kept in call]
        self.runtime.incentives.redeem(signed(FRIEND), vouchers)
        patient.wallet.mark(call, State.Redeemed)
        first = vouchers[0]
        self.owners[first.redeemer] = patient.number
        points = sum(kept.points for kept in call)
        now = self.runtime.time.now()
        self.seen.append(Seen(first.facility, int(first.month), first.redeemer, now, points))

    def cash_out(self, patient: Patient) -> int:
        """Exchange all points of a patient's accounts; return the planck that they have then."""
        total = 0
        for kept in patient.wallet.vouchers():
            who = AccountId(patient.wallet.pair(kept.account).account_id)
            if points := self.runtime.points(who):
                self.runtime.incentives.redeem_for_btt(signed(who), u64(points))
            total += self.runtime.free(who)
        return total


def verdict_of(found: Finding) -> Verdict:
    """Return a finding in the form of the chain."""
    if found.result is Result.PASS:
        return Pass()
    return Fail(u32(found.index)) if found.result is Result.FAIL else NotOpened()


# ---- the attack on public data


def lifts(seen: Sequence[Seen], owners: dict[bytes, int]) -> dict[str, float]:
    """Return how much better than chance an attacker finds another account of the same patient.

    The attacker has what the chain shows. For each account it picks another one out of a set of
    candidates: by nearness in time, by the same amount, by both. Chance picks any candidate of the
    set: those of the same facility and month, or those of other facilities.
    """
    found: dict[str, float] = {}
    near, far = 0.0, 0.0
    hits: dict[str, float] = defaultdict(float)
    rng = random.Random(1)
    for one in rng.sample(list(seen), min(SAMPLE, len(seen))):
        others = [other for other in seen if other.account != one.account]
        inside = [o for o in others if (o.facility, o.month) == (one.facility, one.month)]
        outside = [o for o in others if o.facility != one.facility]
        near += share(one, inside, owners)
        far += share(one, outside, owners)
        for name, candidates in (("inside", inside), ("outside", outside)):
            alike = [o for o in candidates if o.points == one.points] or candidates
            hits[f"{name} amount"] += share(one, alike, owners)
            hits[f"{name} time"] += share(one, nearest(one, candidates), owners)
            hits[f"{name} both"] += share(one, nearest(one, alike), owners)
    for name, value in hits.items():
        found[name] = value / (near if name.startswith("inside") else far)
    return found


def share(one: Seen, candidates: Sequence[Seen], owners: dict[bytes, int]) -> float:
    """Return the share of candidates that are of the same patient."""
    if not candidates:
        return 0.0
    mine = owners[one.account]
    return sum(owners[other.account] == mine for other in candidates) / len(candidates)


def nearest(one: Seen, candidates: Sequence[Seen]) -> Sequence[Seen]:
    """Return the tenth of the candidates that is nearest in time."""
    in_order = sorted(candidates, key=lambda other: abs(other.slot - one.slot))
    return in_order[: max(1, len(in_order) // 10)]
