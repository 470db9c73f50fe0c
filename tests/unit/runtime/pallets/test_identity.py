"""Identity: who is verified, what it costs, and that all of it comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import DecodeError, EncodeError, codec, u32, u64, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, Error, Origin, signed
from runtime.frame.traits import Reasons
from runtime.pallets.balances import errors as balances_errors
from runtime.pallets.identity import errors as identity_errors
from runtime.pallets.identity import events as identity_events
from runtime.pallets.identity.pallet import Identity
from runtime.pallets.identity.types import (
    DATA,
    MAX_REGISTRARS,
    MAX_SUBS,
    RESERVE_ID,
    Data,
    Erroneous,
    FeePaid,
    IdentityInfo,
    Judgement,
    KnownGood,
    LowQuality,
    OutOfDate,
    Reasonable,
    Unknown,
)
from support.governance import ALICE, BOB, CAROL, DAVE, EVE, PEOPLE, WEALTH, GovernanceRuntime
from support.histories import History, seeds, unreached
from support.runtime import refused

REGISTRAR, SECOND = u32(0), u32(1)
FEE = 5 * BTT
INFO = IdentityInfo(display=Data.text("Alice"), legal=Data.text("Alice Example"))
SIZE = len(codec(IdentityInfo).encode(INFO))
DEPOSIT = BTT + BTT // 100 * SIZE
SUB_DEPOSIT = 2 * BTT


class IdentityRuntime(GovernanceRuntime):
    """A runtime where CAROL and DAVE judge identities, CAROL for a fee."""

    def more(self) -> None:
        self.identity = self.add(
            20,
            Identity(
                basic_deposit=BTT,
                byte_deposit=BTT // 100,
                sub_account_deposit=SUB_DEPOSIT,
                currency=self.balances,
            ),
        )

    def open(self) -> None:
        super().open()
        self.identity.add_registrar(ROOT, Id(CAROL))
        self.identity.add_registrar(ROOT, Id(DAVE))
        self.identity.set_fee(signed(CAROL), REGISTRAR, FEE)

    def reserved(self, who: AccountId) -> int:
        return int(self.balances.reservable_currency.reserved_named(RESERVE_ID, who))

    def judge(self, who: AccountId, judgement: Judgement, by: AccountId = CAROL) -> None:
        known = self.identity.identity_of[who].info
        key = H256(blake2_256(codec(IdentityInfo).encode(known)))
        index = REGISTRAR if by == CAROL else SECOND
        self.identity.provide_judgement(signed(by), index, Id(who), judgement, key)


@pytest.fixture
def runtime() -> IdentityRuntime:
    made = IdentityRuntime()
    made.open()
    return made


def test_an_identity_costs_a_deposit_by_its_length(runtime: IdentityRuntime) -> None:
    identity = runtime.identity
    identity.set_identity(signed(ALICE), INFO)
    assert runtime.announced()[-1] == identity_events.IdentitySet(ALICE)
    assert identity.identity_of[ALICE].deposit == runtime.reserved(ALICE) == DEPOSIT
    identity.set_identity(signed(ALICE), IdentityInfo())
    assert runtime.reserved(ALICE) < DEPOSIT
    identity.clear_identity(signed(ALICE))
    assert runtime.reserved(ALICE) == 0
    assert ALICE not in identity.identity_of
    with refused(runtime, identity_errors.NotNamed):
        identity.clear_identity(signed(ALICE))


def test_the_deposit_may_be_of_locked_money(runtime: IdentityRuntime) -> None:
    runtime.balances.set_lock(b"vesting ", ALICE, WEALTH * BTT, Reasons.All)
    runtime.identity.set_identity(signed(ALICE), INFO)
    assert runtime.reserved(ALICE) == DEPOSIT


def test_a_registrar_judges_and_earns_the_fee(runtime: IdentityRuntime) -> None:
    identity = runtime.identity
    with refused(runtime, identity_errors.NoIdentity):
        identity.request_judgement(signed(ALICE), REGISTRAR, FEE)
    identity.set_identity(signed(ALICE), INFO)
    with refused(runtime, identity_errors.FeeChanged):
        identity.request_judgement(signed(ALICE), REGISTRAR, FEE - u128(1))
    with refused(runtime, identity_errors.EmptyIndex):
        identity.request_judgement(signed(ALICE), u32(7), FEE)
    identity.request_judgement(signed(ALICE), REGISTRAR, FEE)
    assert runtime.reserved(ALICE) == DEPOSIT + FEE
    with refused(runtime, identity_errors.StickyJudgement):
        identity.request_judgement(signed(ALICE), REGISTRAR, FEE)
    before = runtime.balances.free(CAROL)
    runtime.judge(ALICE, KnownGood())
    assert runtime.balances.free(CAROL) - before == FEE
    assert runtime.reserved(ALICE) == DEPOSIT
    assert runtime.announced()[-1] == identity_events.JudgementPassed(ALICE, REGISTRAR)
    with refused(runtime, identity_errors.JudgementGiven):
        identity.cancel_request(signed(ALICE), REGISTRAR)


def test_a_request_can_be_taken_back(runtime: IdentityRuntime) -> None:
    runtime.identity.set_identity(signed(ALICE), INFO)
    with refused(runtime, identity_errors.NotFound):
        runtime.identity.cancel_request(signed(ALICE), REGISTRAR)
    runtime.identity.request_judgement(signed(ALICE), REGISTRAR, FEE)
    runtime.identity.cancel_request(signed(ALICE), REGISTRAR)
    assert runtime.reserved(ALICE) == DEPOSIT
    assert runtime.identity.identity_of[ALICE].judgements == []


def test_a_fee_of_locked_money_is_not_paid_and_can_be_taken_back(runtime: IdentityRuntime) -> None:
    runtime.identity.set_identity(signed(ALICE), INFO)
    runtime.identity.request_judgement(signed(ALICE), REGISTRAR, FEE)
    runtime.balances.set_lock(b"vesting ", ALICE, WEALTH * BTT, Reasons.All)
    with refused(runtime, identity_errors.JudgementPaymentFailed):
        runtime.dispatch(
            signed(CAROL),
            runtime.call(
                "Identity",
                "provide_judgement",
                reg_index=REGISTRAR,
                target=Id(ALICE),
                judgement=KnownGood(),
                identity=H256(blake2_256(codec(IdentityInfo).encode(INFO))),
            ),
        )
    runtime.identity.cancel_request(signed(ALICE), REGISTRAR)
    assert runtime.reserved(ALICE) == DEPOSIT


@pytest.mark.parametrize(
    ("judgements", "verified"),
    [
        ([], False),
        ([Unknown()], False),
        ([Reasonable()], True),
        ([KnownGood()], True),
        ([OutOfDate()], False),
        ([LowQuality()], False),
        ([Erroneous()], False),
        ([KnownGood(), Unknown()], True),
        ([KnownGood(), OutOfDate()], True),
        ([KnownGood(), LowQuality()], False),
        ([Erroneous(), KnownGood()], False),
    ],
)
def test_an_account_is_verified_with_a_good_judgement_and_no_bad_one(
    runtime: IdentityRuntime, judgements: list[Judgement], verified: bool
) -> None:
    runtime.identity.set_identity(signed(ALICE), INFO)
    for part in (BOB, EVE):
        runtime.identity.add_sub(signed(ALICE), Id(part), Data.text("server"))
    runtime.identity.agree_sub(signed(BOB), Id(ALICE))
    for judgement, registrar in zip(judgements, (CAROL, DAVE), strict=False):
        runtime.judge(ALICE, judgement, registrar)
    assert runtime.identity.verified(ALICE) is verified
    assert runtime.identity.verified(BOB) is verified
    assert not runtime.identity.verified(EVE), "who has not agreed shares nothing"
    assert runtime.identity.operator_of(EVE) == EVE
    assert runtime.identity.operator_of(BOB) == (ALICE if verified else BOB)
    assert runtime.identity.operator_of(ALICE) == ALICE


def test_who_says_something_else_is_verified_no_more_but_bad_judgements_stay(
    runtime: IdentityRuntime,
) -> None:
    runtime.identity.set_identity(signed(ALICE), INFO)
    runtime.judge(ALICE, KnownGood(), CAROL)
    runtime.judge(ALICE, Erroneous(), DAVE)
    runtime.identity.set_identity(signed(ALICE), IdentityInfo(display=Data.text("Bank")))
    assert runtime.identity.identity_of[ALICE].judgements == [(SECOND, Erroneous())]
    with refused(runtime, identity_errors.StickyJudgement):
        runtime.identity.request_judgement(signed(ALICE), SECOND, FEE)


def test_a_judgement_is_of_the_identity_that_was_looked_at(runtime: IdentityRuntime) -> None:
    provide = runtime.identity.provide_judgement
    old = H256(blake2_256(codec(IdentityInfo).encode(INFO)))
    with refused(runtime, identity_errors.InvalidTarget):
        provide(signed(CAROL), REGISTRAR, Id(ALICE), KnownGood(), old)
    runtime.identity.set_identity(signed(ALICE), IdentityInfo(display=Data.text("Mallory")))
    with refused(runtime, identity_errors.JudgementForDifferentIdentity):
        provide(signed(CAROL), REGISTRAR, Id(ALICE), KnownGood(), old)
    with refused(runtime, identity_errors.InvalidIndex):
        provide(signed(BOB), REGISTRAR, Id(ALICE), KnownGood(), old)
    with refused(runtime, identity_errors.InvalidIndex):
        provide(signed(CAROL), u32(9), Id(ALICE), KnownGood(), old)
    with refused(runtime, identity_errors.InvalidJudgement):
        provide(signed(CAROL), REGISTRAR, Id(ALICE), FeePaid(FEE), old)


def test_registrars_keep_their_own_entry(runtime: IdentityRuntime) -> None:
    identity = runtime.identity
    with refused(runtime, BadOrigin):
        identity.add_registrar(signed(ALICE), Id(ALICE))
    with refused(runtime, identity_errors.InvalidIndex):
        identity.set_fee(signed(DAVE), REGISTRAR, FEE)
    identity.set_fields(signed(CAROL), REGISTRAR, u64(3))
    identity.set_account_id(signed(CAROL), REGISTRAR, Id(EVE))
    known = identity.registrars.registrars.value[0]
    assert known is not None
    assert (known.account, known.fee, known.fields) == (EVE, FEE, 3)
    with refused(runtime, identity_errors.InvalidIndex):
        identity.set_fee(signed(CAROL), REGISTRAR, FEE)
    for _ in range(MAX_REGISTRARS - 2):
        identity.add_registrar(ROOT, Id(BOB))
    with refused(runtime, identity_errors.TooManyRegistrars):
        identity.add_registrar(ROOT, Id(BOB))


def test_parts_of_an_account_come_go_and_leave(runtime: IdentityRuntime) -> None:
    identity = runtime.identity
    with refused(runtime, identity_errors.NoIdentity):
        identity.add_sub(signed(ALICE), Id(BOB), Data.text("b"))
    identity.set_identity(signed(ALICE), INFO)
    identity.set_identity(signed(EVE), INFO)
    identity.add_sub(signed(ALICE), Id(BOB), Data.text("b"))
    assert identity.subs.parent_of(BOB) == ALICE
    assert identity.subs.super_of[BOB] == (ALICE, Data.text("b"))
    assert runtime.reserved(ALICE) == DEPOSIT + SUB_DEPOSIT
    for claimant in (ALICE, EVE):
        with refused(runtime, identity_errors.AlreadyClaimed):
            identity.add_sub(signed(claimant), Id(BOB), Data.text("b"))
    identity.rename_sub(signed(ALICE), Id(BOB), Data.text("c"))
    assert identity.subs.super_of[BOB] == (ALICE, Data.text("c"))
    for change in (identity.remove_sub, lambda o, s: identity.rename_sub(o, s, Data())):
        with refused(runtime, identity_errors.NotOwned):
            change(signed(EVE), Id(BOB))
        with refused(runtime, identity_errors.NoIdentity):
            change(signed(CAROL), Id(BOB))
    identity.remove_sub(signed(ALICE), Id(BOB))
    assert identity.subs.parent_of(BOB) is None
    for part in (BOB, DAVE):
        identity.add_sub(signed(ALICE), Id(part), Data.text("b"))
    identity.remove_sub(signed(ALICE), Id(DAVE))
    assert runtime.reserved(ALICE) == DEPOSIT + SUB_DEPOSIT
    identity.quit_sub(signed(BOB))
    assert runtime.announced()[-1] == identity_events.SubIdentityRevoked(BOB, ALICE, SUB_DEPOSIT)
    with refused(runtime, identity_errors.NotSub):
        identity.quit_sub(signed(BOB))
    assert runtime.reserved(ALICE) == DEPOSIT
    assert ALICE not in identity.subs.subs_of


def test_a_sub_account_has_to_agree(runtime: IdentityRuntime) -> None:
    """Or one judged account could bar all others from looking at its work, and cap them as one."""
    identity = runtime.identity
    with refused(runtime, identity_errors.NotSub):
        identity.agree_sub(signed(BOB), Id(ALICE))
    identity.set_identity(signed(ALICE), INFO)
    runtime.judge(ALICE, KnownGood())
    identity.set_subs(signed(ALICE), [(who, Data()) for who in (BOB, DAVE, EVE)])
    assert [identity.operator_of(who) for who in (BOB, DAVE, EVE)] == [BOB, DAVE, EVE]
    with refused(runtime, identity_errors.NotSub):
        identity.agree_sub(signed(BOB), Id(CAROL))
    identity.agree_sub(signed(BOB), Id(ALICE))
    assert runtime.announced()[-1] == identity_events.SubIdentityAgreed(BOB, ALICE)
    assert identity.operator_of(BOB) == ALICE


@pytest.mark.parametrize("way", ["quit", "remove", "others", "clear", "kill"])
def test_who_agreed_once_has_not_agreed_for_ever(runtime: IdentityRuntime, way: str) -> None:
    identity, alice = runtime.identity, signed(ALICE)
    identity.set_identity(alice, INFO)
    identity.add_sub(alice, Id(BOB), Data())
    identity.agree_sub(signed(BOB), Id(ALICE))
    identity.set_subs(alice, [(EVE, Data()), (BOB, Data.text("renamed"))])
    assert BOB in identity.subs.agreed
    match way:
        case "quit":
            identity.quit_sub(signed(BOB))
        case "remove":
            identity.remove_sub(alice, Id(BOB))
        case "others":
            identity.set_subs(alice, [(EVE, Data())])
        case "clear":
            identity.clear_identity(alice)
        case _:
            identity.kill_identity(ROOT, Id(ALICE))
    assert BOB not in identity.subs.agreed
    identity.set_identity(alice, INFO)
    runtime.judge(ALICE, KnownGood())
    identity.add_sub(alice, Id(BOB), Data())
    assert not identity.verified(BOB)


def test_all_parts_can_be_named_at_once(runtime: IdentityRuntime) -> None:
    identity = runtime.identity
    many = [AccountId(n.to_bytes(32, "big")) for n in range(1, MAX_SUBS + 2)]
    rows = [(who, Data.text(str(place))) for place, who in enumerate(many)]
    with refused(runtime, identity_errors.NotFound):
        identity.set_subs(signed(ALICE), rows[:2])
    identity.set_identity(signed(ALICE), INFO)
    with refused(runtime, identity_errors.TooManySubAccounts):
        identity.set_subs(signed(ALICE), rows)
    with refused(runtime, identity_errors.AlreadyClaimed):
        identity.set_subs(signed(ALICE), [rows[0], rows[0]])
    identity.set_subs(signed(ALICE), rows[:MAX_SUBS])
    assert runtime.reserved(ALICE) == DEPOSIT + SUB_DEPOSIT * MAX_SUBS
    with refused(runtime, identity_errors.TooManySubAccounts):
        identity.add_sub(signed(ALICE), Id(BOB), Data())
    identity.set_identity(signed(EVE), INFO)
    with refused(runtime, identity_errors.AlreadyClaimed):
        identity.set_subs(signed(EVE), rows[:1])
    identity.set_subs(signed(ALICE), rows[:1])
    assert identity.subs.parent_of(many[1]) is None
    identity.set_subs(signed(ALICE), [])
    assert runtime.reserved(ALICE) == DEPOSIT
    less, more = (
        runtime.info(runtime.call("Identity", "set_subs", subs=rows[:count])) for count in (1, 99)
    )
    assert more.weight > less.weight


def test_a_false_identity_is_removed_and_its_deposits_are_lost(runtime: IdentityRuntime) -> None:
    identity = runtime.identity
    identity.set_identity(signed(ALICE), INFO)
    identity.add_sub(signed(ALICE), Id(BOB), Data())
    identity.request_judgement(signed(ALICE), REGISTRAR, FEE)
    with refused(runtime, BadOrigin):
        identity.kill_identity(signed(BOB), Id(ALICE))
    before = runtime.balances.free(TREASURY)
    identity.kill_identity(ROOT, Id(ALICE))
    lost = DEPOSIT + SUB_DEPOSIT + FEE
    assert runtime.balances.free(TREASURY) - before == lost
    assert runtime.announced()[-1] == identity_events.IdentityKilled(ALICE, lost)
    assert identity.subs.parent_of(BOB) is None
    with refused(runtime, identity_errors.NotNamed):
        identity.kill_identity(ROOT, Id(ALICE))


def test_an_account_that_cannot_pay_the_deposit_is_refused(runtime: IdentityRuntime) -> None:
    with refused(runtime, balances_errors.InsufficientBalance):
        runtime.identity.set_identity(signed(AccountId(b"\x77" * 32)), INFO)


@given(st.binary(max_size=32), st.sampled_from([None, "Sha256", "BlakeTwo256", "ShaThree256"]))
def test_data_comes_back_as_it_was_written(raw: bytes, hashed: str | None) -> None:
    value = Data(raw.ljust(32, b"\0") if hashed else raw, hashed)
    assert DATA.decode_all(DATA.encode(value)) == value


def test_data_is_written_as_wallets_read_it() -> None:
    assert DATA.encode(Data()) == b"\0"
    assert DATA.encode(Data(b"ab")) == b"\3ab"
    assert DATA.encode(Data(bytes(32))) == bytes((33, *bytes(32)))
    assert DATA.encode(Data(bytes(32), "Keccak256")) == bytes((36, *bytes(32)))
    assert DATA.decode_all(b"\1") == Data(b"") != Data()
    for wrong in (b"", b"\3a", bytes((38, *bytes(32))), b"\x22"):
        with pytest.raises(DecodeError):
            DATA.decode_all(wrong)
    for too_much in (Data(bytes(33)), Data(b"short", "Sha256")):
        with pytest.raises(EncodeError):
            DATA.encode(too_much)


Arguments = dict[str, object]


class Names(History):
    """Five people who name themselves and their parts; Carol and Dave judge them."""

    refusals = (Error,)

    def __init__(self) -> None:
        self.runtime = IdentityRuntime()
        super().__init__(self.runtime)
        self.runtime.open()
        self.identity = self.runtime.identity
        self.issuance = self.runtime.balances.total_issuance.value

    def step(self) -> None:
        who, other = self.one_of(PEOPLE), self.one_of(PEOPLE)
        named = [one for one, _ in self.identity.identity_of.items()]
        if named and not self.one_in(4):
            other = self.one_of(named)
        parts = [(part, main) for part, (main, _) in self.identity.subs.super_of.items()]
        origin, text = signed(who), Data(bytes((65,)) * self.rng.randrange(20))
        info = IdentityInfo(display=text)
        known = self.identity.identity_of.get(other)
        key = H256(blake2_256(codec(IdentityInfo).encode(known.info if known else info)))
        judgements: tuple[Judgement, ...] = (KnownGood(), KnownGood(), Erroneous(), Unknown())
        part, main = self.one_of(parts) if parts else (who, other)
        index = self.one_of((REGISTRAR, REGISTRAR, SECOND))
        judge = signed(CAROL if index == REGISTRAR else DAVE)
        verdict: Arguments = {
            "reg_index": index, "target": Id(other), "judgement": self.one_of(judgements),
            "identity": key,
        }  # fmt: skip
        subs = [(one, text) for one in PEOPLE[: self.rng.randrange(4)]]
        steps: list[tuple[int, Origin, str, Arguments]] = [
            (3, origin, "set_identity", {"info": info}),
            (1, signed(other), "clear_identity", {}),
            (1, ROOT, "kill_identity", {"target": Id(other)}),
            (3, signed(other), "request_judgement", {"reg_index": index, "max_fee": FEE}),
            (1, signed(other), "cancel_request", {"reg_index": index}),
            (3, judge, "provide_judgement", verdict),
            (3, signed(other), "add_sub", {"sub": Id(who), "data": text}),
            (1, signed(main), "remove_sub", {"sub": Id(part)}),
            (1, signed(main), "rename_sub", {"sub": Id(part), "data": text}),
            (2, signed(part), "agree_sub", {"main": Id(main)}),
            (1, signed(part), "quit_sub", {}),
            (1, signed(other), "set_subs", {"subs": subs}),
            (1, judge, "set_fee", {"index": index, "fee": FEE}),
            (1, judge, "set_fields", {"index": index, "fields": u64(0)}),
            (1, judge, "set_account_id", {"index": index, "new": Id(judge.signed())}),
        ]
        ((_, by, name, args),) = self.rng.choices(steps, [likely for likely, *_ in steps])
        call = self.runtime.call("Identity", name, **args)
        self.attempt(self.runtime.dispatch, by, call, name=f"Identity.{name}")

    def check(self) -> None:
        for person in PEOPLE:
            entry = self.identity.identity_of.get(person)
            deposit, subs = self.identity.subs.subs_of[person]
            fees = [j.fee for _, j in entry.judgements if isinstance(j, FeePaid)] if entry else []
            own = int(entry.deposit) if entry else 0
            assert self.runtime.reserved(person) == own + int(deposit) + sum(map(int, fees))
            assert deposit == SUB_DEPOSIT * len(subs)
            assert all(self.identity.subs.parent_of(sub) == person for sub in subs)
        parts = sum(len(subs) for _, (_, subs) in self.identity.subs.subs_of.items())
        assert parts == len(list(self.identity.subs.super_of.items()))
        assert all(
            part in self.identity.subs.super_of for part, _ in self.identity.subs.agreed.items()
        )
        assert self.runtime.balances.total_issuance.value == self.issuance


@given(seeds(20, 50))
def test_what_is_reserved_is_what_the_pallet_knows(steps: list[int]) -> None:
    Names().run(steps)


def test_random_people_reach_all_calls_and_events() -> None:
    # Root adds registrars before.
    assert unreached(Names, Identity, runs=4, steps=150) == {"Identity.add_registrar"}
