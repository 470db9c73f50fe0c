"""A facility's folder: keys by month, activities with their evidence, claims and their signatures.

| state of a claim | event | next |
|---|---|---|
| open | a wallet's request for no more than its points | bound to this request, and signed |
| bound | the same request again, also after a crash | the same signatures |
| bound | another request | refused |

What is signed is durable before a signature leaves. Activities of a month end when it is closed.

An activity that is confirmed again, with the same patient, rule, day and evidence, is the same one:
it gives the same claim. So a claim that a crash kept from being written is written by the same
command, or by `claims_of`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NamedTuple, Self

from btt_chain.care import activities, blind
from btt_chain.care.auditing import Disclosure, disclose
from btt_chain.care.blind import PrivateKey, PublicKey
from btt_chain.care.errors import Damaged, Refusal
from btt_chain.care.evidence import (
    NO_MEMBER,
    Bytes32,
    Leaf,
    MonthEvidence,
    Statement,
    Subtotal,
    is_by_device,
    tag_of,
)
from btt_chain.care.members import Members
from btt_chain.care.messages import CODE_LENGTH, Answer, Claim, Request
from btt_chain.care.vault import Vault
from btt_chain.crypto.rsa_pss import MODULUS_LENGTH, check_modulus
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination
from btt_chain.scale import Fixed, codec, u16, u32, u64

FILE: Final = "facility.sqlite"
FACTOR_LENGTH: Final = MODULUS_LENGTH // 2
MAX_PATIENT: Final = 200
"""Maximum characters of a patient's name or number."""

Factor = Annotated[bytes, Fixed(FACTOR_LENGTH)]


@dataclass(slots=True)
class MonthRecord:
    """The secrets of a month."""

    month: u32
    factors: list[tuple[Factor, Factor]]
    """The primes of the keys, by denomination."""
    tree_salt: Bytes32
    month_key: Bytes32
    closed: bool = False


@dataclass(slots=True)
class ActivityRecord:
    """An activity; the leaf's content with what stays at the facility."""

    patient: str
    leaf: Leaf
    statement: bytes
    kind: str
    code: Bytes32
    """The code of its claim."""


@dataclass(slots=True)
class ClaimRecord:
    """A claim, and its request once it is bound to one."""

    month: u32
    points: u32
    request: bytes
    """SHA-256 hash of the request; empty while the claim is open."""
    signed: list[Annotated[bytes, Fixed(MODULUS_LENGTH)]]


@dataclass(slots=True)
class DeviceRecord:
    """A registered device."""

    key: Bytes32
    counter: u64
    """The last counter that it signed; 0 for none."""


MONTH: Final = codec(MonthRecord)
ACTIVITY: Final = codec(ActivityRecord)
CLAIM: Final = codec(ClaimRecord)
DEVICE: Final = codec(DeviceRecord)


class Activity(NamedTuple):
    """An activity to be confirmed."""

    patient: str
    rule_id: int
    day: int
    statement: Statement
    member: bytes = NO_MEMBER
    """The facility behind an issuer that confirmed it."""


class Closing(NamedTuple):
    """The arguments of `close_month`."""

    root: H256
    leaves: int
    points: int


class FacilityFolder:
    """The folder of one facility on one chain; made by `open`."""

    def __init__(self, vault: Vault, genesis: bytes, facility: bytes) -> None:
        self._vault = vault
        self._genesis = genesis
        self._facility = facility
        self._tag_key = vault.derived(b"tags")
        self.members: Final = Members(vault)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, secret: bytes, genesis: bytes, facility: bytes) -> Iterator[Self]:
        """Open or create a folder. Raises CareError for a wrong secret or another owner."""
        owner = b"facility" + genesis + facility
        with Vault.open(folder / FILE, secret, owner) as vault:
            yield cls(vault, genesis, facility)

    # ---- keys

    def make_keys(self, month: int) -> list[bytes]:
        """Return the moduli of a month, made now unless they exist."""
        if (found := self._month(month)) is None:
            keys = [_new_key() for _ in Denomination]
            factors = [
                (each.p.to_bytes(FACTOR_LENGTH, "big"), each.q.to_bytes(FACTOR_LENGTH, "big"))
                for each in keys
            ]
            found = MonthRecord(
                u32(month), factors, secrets.token_bytes(32), secrets.token_bytes(32)
            )
            with self._vault.transaction():
                # Another process may have been quicker: the first keys stay.
                found = self._month(month) or found
                self._vault.put("month", _number(month), MONTH.encode(found), month=month)
        return [_key(each).public.n.to_bytes(MODULUS_LENGTH, "big") for each in found.factors]

    # ---- devices

    def register_device(self, key: bytes) -> None:
        """Register a device by its ed25519 key. Refusal for no key."""
        if len(key) != 32:
            raise Refusal("the key of a device has 32 bytes")
        with self._vault.transaction():
            if self._vault.get("device", key) is None:
                self._vault.put("device", key, DEVICE.encode(DeviceRecord(key, u64(0))))

    # ---- activities

    def confirm(
        self,
        activity: Activity,
        rule: ActivityRule,
        url: str = "",
        *,
        right: int | None = None,
    ) -> Claim:
        """Record a confirmed activity and return the claim to its points.

        `right` is the facility's right of the month on the chain: one point more, and the month
        cannot be closed. An activity that is recorded already gives its claim again.

        Raises Refusal if the rule gives no points for it now: caps, cooldown, kind of evidence, a
        device that is not registered, a counter that was used; or if the right is used up.
        """
        patient = activity.patient.strip()
        if not 0 < len(patient) <= MAX_PATIENT:
            raise Refusal(f"a patient's name or number has 1 to {MAX_PATIENT} characters")
        month = activities.month_of(activity.day)
        statement = _encoded(activity.statement)
        if _names(statement.decode(), patient):
            raise Refusal("the evidence names the patient: auditors must not read it")
        points = activities.points_of(rule, activity.statement.kind, activity.statement.quality_ppm)
        code = secrets.token_bytes(CODE_LENGTH)
        with self._vault.transaction():
            self._expect_open(month)
            earlier = self._earlier(patient, activity.rule_id)
            known = _same(earlier, activity, statement)
            if known is not None:
                return self._claim_of(known, url)
            if activity.member != NO_MEMBER:
                self.members.expect(activity.member, month)
            activities.check(rule, activity.day, [int(each.leaf.day) for each in earlier])
            self._use_device(activity.statement)
            if right is not None and (left := right - self.points(month)) < points:
                raise Refusal(
                    f"the activity gives {points} points, and {left} of month {month} are left"
                )
            leaf = Leaf(
                salt=secrets.token_bytes(32),
                rule=u16(activity.rule_id),
                tag=tag_of(self._tag_key, patient, month),
                evidence=hashlib.sha256(statement).digest(),
                points=u32(points),
                day=u16(activity.day),
                member=activity.member,
            )
            record = ActivityRecord(patient, leaf, statement, activity.statement.kind, code)
            self._vault.put(
                "activity", code, ACTIVITY.encode(record),
                month=month, group=_group(patient, activity.rule_id),
            )  # fmt: skip
            kept = ClaimRecord(u32(month), u32(points), b"", [])
            self._vault.put("claim", code, CLAIM.encode(kept), month=month)
        return self._claim_of(record, url)

    def is_recorded(self, activity: Activity) -> bool:
        """Return True if an activity is recorded: `confirm` then returns its claim again."""
        patient = activity.patient.strip()
        earlier = self._earlier(patient, activity.rule_id)
        return _same(earlier, activity, _encoded(activity.statement)) is not None

    def claims_of(self, patient: str, month: int, url: str = "") -> list[Claim]:
        """Return the claims of a patient in a month that were not collected."""
        return [
            self._claim_of(each, url)
            for each in self.activities(month)
            if each.patient == patient.strip() and not self._request_of(each.code)
        ]

    def sign(self, request: Request) -> Answer:
        """Sign the blinded messages of a request. Raises Refusal.

        The same request gets the same answer however often it comes.
        """
        digest = hashlib.sha256(request.encode().encode()).digest()
        with self._vault.transaction():
            claim = self._bind(request, digest)
        if not claim.signed:
            # Outside of a transaction: it takes milliseconds a voucher.
            claim.signed = self._signatures(request, int(claim.month))
            with self._vault.transaction():
                self._put_claim(request.code, claim)
        return Answer(claim.signed)

    # ---- the end of a month

    def points(self, month: int) -> int:
        """Return the points of a month's activities."""
        return sum(int(each.leaf.points) for each in self.activities(month))

    def close(self, month: int) -> Closing:
        """End a month's activities and return what is to be sent to the chain; repeatable."""
        with self._vault.transaction():
            found = self._month(month)
            if found is None:
                raise Refusal(f"the folder has no keys of month {month}")
            found.closed = True
            self._vault.put("month", _number(month), MONTH.encode(found), month=month)
        return self.closing(month)

    def closing(self, month: int) -> Closing:
        """Return the result of `close`, and change nothing."""
        evidence = self.evidence(month)
        return Closing(evidence.commitment, len(evidence.tree), evidence.points)

    def subtotals(self, month: int) -> list[Subtotal]:
        """Return the points of each facility behind an issuer in a month; empty for others."""
        sums = dict.fromkeys(self.members.of(month), 0)
        for each in self.activities(month):
            if each.leaf.member in sums:
                sums[each.leaf.member] += int(each.leaf.points)
        return [Subtotal(account, u64(points)) for account, points in sums.items()]

    def evidence(self, month: int) -> MonthEvidence:
        """Return the tree and table of a month. Refusal if the month has no keys."""
        found = self._month(month)
        if found is None:
            raise Refusal(f"the folder has no keys of month {month}")
        leaves = [each.leaf for each in self.activities(month)]
        members = self.members.of(month)
        return MonthEvidence(leaves, found.tree_salt, found.month_key, members)

    def activities(self, month: int) -> Sequence[ActivityRecord]:
        """Return the activities of a month."""
        return [ACTIVITY.decode_all(each) for each in self._vault.of_month("activity", month)]

    # ---- audits

    def disclosure(self, month: int, seed: bytes) -> Disclosure:
        """Return the disclosure that an audit's seed demands. Refusal without the month's keys."""
        statements = {each.leaf.hash: each.statement for each in self.activities(month)}
        return disclose(self.evidence(month), statements, seed)

    def keep_opening(self, month: int, auditor: bytes, sealed: bytes) -> None:
        """Store the disclosure sealed to an auditor, for the endpoint."""
        with self._vault.transaction():
            self._vault.put("opening", _number(month) + auditor, sealed, month=month)

    def opening(self, month: int, auditor: bytes) -> bytes | None:
        """Return the disclosure sealed to an auditor; None if there is none."""
        return self._vault.get("opening", _number(month) + auditor)

    # ---- internals

    def _earlier(self, patient: str, rule_id: int) -> list[ActivityRecord]:
        raws = self._vault.of_group("activity", _group(patient, rule_id))
        return [ACTIVITY.decode_all(raw) for raw in raws]

    def _claim_of(self, record: ActivityRecord, url: str) -> Claim:
        month, points = activities.month_of(int(record.leaf.day)), int(record.leaf.points)
        return Claim(self._genesis, self._facility, month, points, record.code, url)

    def _request_of(self, code: bytes) -> bytes:
        """Return the hash of the request that collected a claim; empty if it is open."""
        raw = self._vault.get("claim", code)
        return b"" if raw is None else CLAIM.decode_all(raw).request

    def _bind(self, request: Request, digest: bytes) -> ClaimRecord:
        """Return the claim of a request, bound to it from now on. Raises Refusal."""
        raw = self._vault.get("claim", request.code)
        if raw is None:
            raise Refusal("the facility issued no such claim")
        claim = CLAIM.decode_all(raw)
        if claim.request and claim.request != digest:
            raise Refusal("the points of this claim were collected by another request")
        if request.points > claim.points:
            raise Refusal(
                f"the claim is for {claim.points} points, the request for {request.points}"
            )
        keys = self._public(int(claim.month))
        for each in request.wanted:
            if int.from_bytes(each.blinded, "big") >= keys[each.denomination].n:
                raise Refusal("a blinded message is not below the modulus of its key")
        claim.request = digest
        self._put_claim(request.code, claim)
        return claim

    def _put_claim(self, code: bytes, claim: ClaimRecord) -> None:
        self._vault.put("claim", code, CLAIM.encode(claim), month=int(claim.month))

    def _keys(self, month: int) -> list[PrivateKey]:
        found = self._month(month)
        if found is None:
            raise Refusal(f"the facility has no keys of month {month}: `btt-chain facility keys`")
        return [_key(each) for each in found.factors]

    def _public(self, month: int) -> list[PublicKey]:
        return [key.public for key in self._keys(month)]

    def _signatures(self, request: Request, month: int) -> list[bytes]:
        keys = self._keys(month)
        return [blind.blind_sign(keys[each.denomination], each.blinded) for each in request.wanted]

    def _month(self, month: int) -> MonthRecord | None:
        raw = self._vault.get("month", _number(month))
        return None if raw is None else MONTH.decode_all(raw)

    def _expect_open(self, month: int) -> None:
        found = self._month(month)
        if found is None:
            raise Refusal(f"the facility has no keys of month {month}: `btt-chain facility keys`")
        if found.closed:
            raise Refusal(f"month {month} is closed: its points are fixed")

    def _use_device(self, statement: Statement) -> None:
        """Check the device's signature and its counter, which only grows."""
        if statement.kind != "device":
            return
        proof = statement.device
        if proof is None or not is_by_device(statement):
            raise Refusal("the evidence is not signed by its device")
        raw = self._vault.get("device", proof.key)
        if raw is None:
            raise Refusal("the device is not registered here")
        device = DEVICE.decode_all(raw)
        if proof.counter <= device.counter:
            raise Refusal(f"counter {proof.counter} of the device was used before")
        device.counter = u64(proof.counter)
        self._vault.put("device", proof.key, DEVICE.encode(device))


def _encoded(statement: Statement) -> bytes:
    """Return the bytes of a statement. Refusal if an auditor could not read them."""
    try:
        raw = statement.encode()
        Statement.decode(raw)
    except (ValueError, RecursionError):
        raise Refusal("the evidence has a number or a letter that JSON does not have") from None
    except Damaged as error:
        raise Refusal(f"auditors could not read the evidence: {error}") from None
    return raw


def _group(patient: str, rule_id: int) -> bytes:
    """Return the group of a patient's activities by a rule."""
    return patient.encode() + b"\0" + rule_id.to_bytes(2, "little")


def _same(
    earlier: Sequence[ActivityRecord], activity: Activity, statement: bytes
) -> ActivityRecord | None:
    """Return the record of this day and evidence; None if there is none."""
    fits = (
        each for each in earlier if each.leaf.day == activity.day and each.statement == statement
    )
    return next(fits, None)


def _names(text: str, patient: str) -> bool:
    """Return True if a text has the patient's name or number as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(patient)}(?!\w)", text, re.IGNORECASE) is not None


def _new_key() -> PrivateKey:
    """Return a key that the chain accepts."""
    while True:
        key = PrivateKey.generate()
        try:
            check_modulus(key.public.n.to_bytes(MODULUS_LENGTH, "big"))
        except ValueError:
            continue
        return key


def _key(factors: tuple[bytes, bytes]) -> PrivateKey:
    p, q = (int.from_bytes(each, "big") for each in factors)
    return PrivateKey.of_factors(p, q)


def _number(month: int) -> bytes:
    return month.to_bytes(4, "little")
