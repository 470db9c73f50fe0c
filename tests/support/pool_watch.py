"""A check of the pools after every block: each planck that left one must be explained."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from runtime.accounts import DEVELOPMENT_FUND, EXCHANGE, GRANTS, PAYFI, TREASURY, pool_account
from runtime.pallets.balances import events as balances_events
from runtime.pallets.balances.types import is_pool, sub_account
from runtime.pallets.bounties import events as bounties_events
from runtime.pallets.bounties.types import Bounty
from runtime.pallets.exchange import events as exchange_events
from runtime.pallets.payfi import events as payfi_events
from runtime.pallets.tokenomics import events as tokenomics_events
from runtime.pallets.tokenomics.ledger import ALL_POOLS
from runtime.pallets.treasury.pallet import Treasury
from runtime.pallets.vaults.pallet import Vaults
from support.chain import DevChain

Leg = tuple[AccountId, AccountId | None, int]
"""From which pool, to whom (None: burned, or not yet known), how much."""


class PoolWatch:
    """Follows one chain, block by block."""

    def __init__(self, chain: DevChain) -> None:
        self._chain = chain
        balances = chain.at().balances
        self._money = {pool: int(balances.total(pool)) for pool in ALL_POOLS}
        """Balance that each pool must have; a sub-account starts without."""
        self._bounties: dict[int, Bounty] = {}
        self._promised: dict[int, Leg] = {}
        """Payments that the treasury approved, by number."""
        self._legs: list[Leg] = []
        """Payments out of pools in this block that no event explains yet."""
        self._payment_fees = 0
        """Fees of the payments that this block settled; several are taken together."""

    def look(self, hash: bytes) -> None:
        """Check the block that follows the one looked at last."""
        events = [record.event.event for record in self._chain.events(hash)]
        for event in events:
            for who, amount in moved(event):
                if is_pool(who):
                    self._money[who] = self._money.get(who, 0) + amount
            self._note(event)
            self._explain(event)
        self._take_payment_fees()
        assert not self._legs, f"money left a pool, and no pallet reports why: {self._legs}"
        runtime = self._chain.at(hash)
        for pool, money in self._money.items():
            assert runtime.balances.total(pool) == money, pool.hex()
        self._bounties = dict(runtime.bounties.bounties.items())

    def _note(self, event: object) -> None:
        """Note what leaves a pool."""
        match event:
            case balances_events.Transfer(from_=pool, to=to, amount=amount) if is_pool(pool):
                self._legs.append((pool, to, int(amount)))
            case (
                balances_events.Withdraw(who=pool, amount=amount)
                | balances_events.Burned(who=pool, amount=amount)
                | balances_events.DustLost(account=pool, amount=amount)
            ) if is_pool(pool):
                self._legs.append((pool, None, int(amount)))

    def _explain(self, event: object) -> None:
        """Remove the legs that an event explains: they must be there, to the planck."""
        match event:
            case tokenomics_events.PoolReleased(pool=name, amount=amount, to=to):
                self._strike((pool_account(name), to, int(amount)))
            case tokenomics_events.TokensBurned(who=who, amount=amount):
                self._burn(who, int(amount))
            case Treasury.Awarded(award=award, account=to):
                self._strike((TREASURY, to, int(award)))
            case Treasury.AssetSpendApproved(index=index, amount=amount, beneficiary=to):
                self._promised[int(index)] = (TREASURY, to, int(amount))
            case Treasury.Paid(index=index):
                self._strike(self._promised.pop(int(index)))
            case Treasury.AssetSpendVoided(index=index):
                del self._promised[int(index)]
            case balances_events.BalanceSet(free=free):
                # The treasury gives what an account has more than before.
                given = [leg for leg in self._legs if leg[:2] == (TREASURY, None)]
                assert len(given) <= 1
                assert sum(amount for _, _, amount in given) <= free
                self._legs = [leg for leg in self._legs if leg not in given]
            case payfi_events.Settled(merchant=to, net=net, fee=fee):
                self._strike_payment(to, int(net))
                self._payment_fees += int(fee)
            case payfi_events.Refunded(payer=to, amount=amount, settled=False):
                self._strike_payment(to, int(amount))
            case payfi_events.Resolved(payer=to, to_payer=amount, late=False) if amount:
                self._strike_payment(to, int(amount))
            case exchange_events.AuctionHeld(fees=fees) if fees:
                self._strike((EXCHANGE, None, int(fees)))
            case Vaults.Withdrawn(id=id, who=who, money=money):
                self._strike((sub_account(EXCHANGE, int(id)), who, int(money)))
            case bounties_events.BountyClaimed(index=index, payout=payout, beneficiary=to):
                known, account = self._bounties[int(index)], account_of(index)
                curator = known.status.curator  # type: ignore[union-attr]
                self._strike((account, curator, int(known.fee)))
                self._strike((account, to, int(payout)))
            case bounties_events.BountyCanceled(index=index):
                # All of it goes back; one that had no money yet gives nothing back.
                account = account_of(index)
                back = [leg for leg in self._legs if leg[:2] == (account, GRANTS)]
                assert len(back) <= 1
                self._legs = [leg for leg in self._legs if leg not in back]

    def _strike_payment(self, to: AccountId, amount: int) -> None:
        """Strike out what the pool of payments paid; the treasury has what creates no account."""
        legs = [(PAYFI, to, amount), (PAYFI, TREASURY, amount)]
        self._strike(next((leg for leg in legs if leg in self._legs), legs[0]))

    def _take_payment_fees(self) -> None:
        """Strike out the fees of settled payments, whose sum must be that of the events."""
        fees = [leg for leg in self._legs if leg[:2] == (PAYFI, None)]
        assert sum(amount for _, _, amount in fees) == self._payment_fees
        self._legs = [leg for leg in self._legs if leg not in fees]
        self._payment_fees = 0

    def _burn(self, who: AccountId, amount: int) -> None:
        """Strike out what was burned: of a pool, or by way of the development fund of a fee."""
        legs = [(one, None, amount) for one in (who, DEVELOPMENT_FUND)]
        found = [leg for leg in legs if leg in self._legs]
        assert found or not is_pool(who), f"reported, but not burned: {amount} of {who.hex()}"
        if found:
            self._strike(found[0])

    def _strike(self, leg: Leg) -> None:
        pool, to, _ = leg
        if pool != to:  # a pool that pays itself moves nothing
            assert leg in self._legs, f"reported, but not moved: {leg}"
            self._legs.remove(leg)


def account_of(index: int) -> AccountId:
    """Return the account of a bounty's money."""
    marked = GRANTS[:12] + b"\x08bt" + int(index).to_bytes(4, "little")
    return AccountId(marked.ljust(32, b"\0"))


def moved(event: object) -> list[tuple[AccountId, int]]:
    """Return the account whose balance an event changed, and by how much."""
    match event:
        case balances_events.Transfer(from_=source, to=dest, amount=amount):
            return [(source, -int(amount)), (dest, int(amount))]
        case balances_events.Deposit(who=who, amount=amount):
            return [(who, int(amount))]
        case (
            balances_events.Withdraw(who=who, amount=amount)
            | balances_events.Burned(who=who, amount=amount)
            | balances_events.BurnedHeld(who=who, amount=amount)
            | balances_events.Slashed(who=who, amount=amount)
            | balances_events.DustLost(account=who, amount=amount)
        ):
            return [(who, -int(amount))]
        case balances_events.TransferOnHold(source=source, dest=dest, amount=amount):
            return [(source, -int(amount)), (dest, int(amount))]
        case balances_events.ReserveRepatriated(from_=source, to=dest, amount=amount):
            return [(source, -int(amount)), (dest, int(amount))]
    return []
