"""A registry of facilities on real money and real identities; CAROL is the registrar."""

from __future__ import annotations

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u16, u32, u64
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import Facility, Kind, Size
from runtime.pallets.identity.pallet import Identity
from runtime.pallets.identity.types import Data, IdentityInfo, Judgement, KnownGood
from runtime.pallets.origins import Decision, ensure_decided
from support.governance import CAROL, PEOPLE, GovernanceRuntime, address

CHINA = u16(156)
META, OTHER_META = H256(b"\x11" * 32), H256(b"\x12" * 32)
DAY = 10
AGE, LEAVE, SUSPENSION = 30 * DAY, 28 * DAY, 90 * DAY
"""In slots: until a hospital counts, until a bond is released, until a suspended one may leave."""
REGISTRAR = u32(0)
RICH = 100_000
"""Balance of each account at genesis, in BTT."""
MORE = tuple(AccountId(bytes((n,)) * 32) for n in range(0x20, 0x40))
"""Accounts besides PEOPLE."""


class FacilityRuntime(GovernanceRuntime):
    """Balances, Identity and Facilities; a day has 10 slots."""

    def more(self) -> None:
        self.identity = self.add(
            20,
            Identity(
                basic_deposit=BTT,
                byte_deposit=BTT // 100,
                sub_account_deposit=BTT,
                currency=self.balances,
            ),
        )
        self.facilities = self.add(
            61,
            Facilities(
                count_after=u64(AGE),
                leave_slots=u64(LEAVE),
                max_suspension=u64(SUSPENSION),
                currency=self.balances,
                clock=self.clock,
                identities=self.identity,
                technical=ensure_decided(Decision.Technical),
                suspending=ensure_decided(Decision.Technical, Decision.Emergency),
                params_origin=ensure_decided(Decision.Params),
            ),
        )

    def open(self) -> None:
        """Give each account its balance; CAROL is the registrar."""
        rows = [[address(who), str(RICH * BTT)] for who in (*PEOPLE, *MORE)]
        self.balances.genesis({"balances": rows})
        self.identity.add_registrar(ROOT, Id(CAROL))
        self.host.events.clear()

    def judge(self, who: AccountId, judgement: Judgement) -> None:
        """Judge the identity of an account, which it sets now if it has none."""
        if who not in self.identity.identity_of:
            info = IdentityInfo(display=Data.text(who.hex()[:8]))
            self.identity.set_identity(signed(who), info)
        known = self.identity.identity_of[who].info
        key = H256(blake2_256(codec(IdentityInfo).encode(known)))
        self.identity.provide_judgement(signed(CAROL), REGISTRAR, Id(who), judgement, key)

    def name_sub(self, main: AccountId, sub: AccountId) -> None:
        """Make `sub` a sub-account of `main` that agreed to it."""
        self.identity.add_sub(signed(main), Id(sub), Data.text("part"))
        self.identity.agree_sub(signed(sub), Id(main))

    def apply(self, who: AccountId, kind: Kind = Kind.Hospital) -> None:
        """Apply as a medium facility in China, with a judged identity."""
        if not self.identity.known_good(who):
            self.judge(who, KnownGood())
        self.facilities.apply(signed(who), kind, Size.Medium, CHINA, False, META)

    def confirm(self, who: AccountId, kind: Kind = Kind.Hospital) -> None:
        """Apply, and be confirmed."""
        self.apply(who, kind)
        self.facilities.confirm(ROOT, Id(who))

    def get(self, who: AccountId) -> Facility:
        """Return a facility that exists."""
        found = self.facilities.get(who)
        assert found is not None
        return found

    def held(self, who: AccountId) -> int:
        """Return the amount on hold as bonds, in planck."""
        return int(self.balances.held(self.facilities.reason, who))

    def blocks(self, slots: int) -> None:
        """Let so many slots go by, with a block in each of the last few."""
        self.clock.slot += max(0, slots - 8)
        for _ in range(min(slots, 8)):
            self.tick()
