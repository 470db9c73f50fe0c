"""Identity: accounts' statements about themselves, and registrars' judgements of them.

An account that sets an identity leaves a deposit; registrars, appointed by governance, judge for a
fee. An account may name others as its sub-accounts: those that agree share its identity, and it
is their operator. An account is verified if it has, itself or through the parent it agreed to, a
judgement `Reasonable` or `KnownGood`, and neither `LowQuality` nor `Erroneous`: operators,
verified requesters, hospitals and the allow-list of the exchange rely on it.

The agreement is ours, not Substrate's, where sub-accounts are only shown to people. Here much
depends on an account's operator: without agreement, an account could name foreign accounts and so
exclude them from checking its own work.

Invariant: the amount reserved under this pallet's name is the account's deposit, the deposit for
its sub-accounts, and the fees of the judgements it waits for. Usernames are not stored here.
"""

from __future__ import annotations

from typing import Annotated, Final, Protocol

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Compact, MaxLen, TypeName, codec, u32, u64, u128
from runtime.frame import (
    Const,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Value,
    call,
    ensure_root,
)
from runtime.pallets.balances import lookup
from runtime.pallets.identity.types import (
    MAX_REGISTRARS,
    MAX_SUBS,
    Datum,
    Erroneous,
    FeePaid,
    IdentityInfo,
    Judgement,
    KnownGood,
    LowQuality,
    Reasonable,
    RegistrarInfo,
    Registration,
)
from runtime.weights import identity as weights

RESERVE_ID: Final = b"btt/iden"
"""Name that deposits and fees are reserved under."""


Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Registrar = Annotated[u32, TypeName("RegistrarIndex")]
CompactRegistrar = Annotated[Compact[u32], TypeName("RegistrarIndex")]
Subs = tuple[u128, Bounded[list[AccountId], MAX_SUBS]]


class Money(Protocol):
    """The money of deposits and fees; Balances satisfies it. Amounts in planck."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve free balance of `who`; raise DispatchError if there is not enough."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Unreserve `amount`; return the part of it that was not reserved."""

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move reserved money to the treasury; return the amount that was not reserved."""

    def transfer(self, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Transfer free balance; raise TokenError if that is impossible."""


def set_subs_info(_: object, subs: list[object]) -> DispatchInfo:
    """Weigh the new sub-accounts, and the maximum number of old ones."""
    return DispatchInfo(weights.set_subs(MAX_SUBS, len(subs)))


class Identity(Pallet):
    """Accounts' statements about themselves, and registrars' judgements of them."""

    basic_deposit: Const[u128]
    """Deposit for an identity, in planck."""
    byte_deposit: Const[u128]
    """Additional deposit for each byte of it, in planck."""
    sub_account_deposit: Const[u128]
    """Deposit for each sub-account, in planck."""
    max_sub_accounts: Const[u32] = u32(MAX_SUBS)
    """Maximum number of sub-accounts of one account."""
    max_registrars: Const[u32] = u32(MAX_REGISTRARS)
    """Maximum number of registrars."""
    currency: Money
    force_origin: OriginCheck = ensure_root
    """Origin that removes identities."""
    registrar_origin: OriginCheck = ensure_root
    """Origin that appoints registrars."""

    identity_of = Map(AccountId, Registration, hasher=Hasher.Twox64Concat)
    """The identities of accounts, with judgements and deposits."""
    super_of = Map(AccountId, tuple[AccountId, Datum])
    """The parent of a sub-account, and the sub-account's name there."""
    agreed = Map(AccountId, tuple[()])
    """The sub-accounts that agreed to their parent."""
    subs_of = Map(AccountId, Subs, default=(u128(0), []), hasher=Hasher.Twox64Concat)
    """The sub-accounts of an account, and the deposit for them."""
    registrars = Value(Bounded[list[RegistrarInfo | None], MAX_REGISTRARS], default=[])
    """The registrars, by index."""

    class IdentitySet(Event, index=0):
        """An account set its identity."""

        who: Who

    class IdentityCleared(Event, index=1):
        """An account cleared its identity, and its deposit was returned."""

        who: Who
        deposit: Amount

    class IdentityKilled(Event, index=2):
        """An identity was removed, and the deposit went to the treasury."""

        who: Who
        deposit: Amount

    class JudgementRequested(Event, index=3):
        """An account requested a judgement from a registrar."""

        who: Who
        registrar_index: Registrar

    class JudgementUnrequested(Event, index=4):
        """An account cancelled its request to a registrar."""

        who: Who
        registrar_index: Registrar

    class JudgementPassed(Event, index=5, name="JudgementGiven"):
        """A registrar gave a judgement."""

        target: Who
        registrar_index: Registrar

    class RegistrarAdded(Event, index=6):
        """A registrar was added."""

        registrar_index: Registrar

    class SubIdentityAdded(Event, index=7):
        """A sub-account was added to an account."""

        sub: Who
        main: Who
        deposit: Amount

    class SubIdentitiesSet(Event, index=8):
        """An account replaced the list of its sub-accounts."""

        main: Who
        number_of_subs: Annotated[u32, TypeName("u32")]
        new_deposit: Amount

    class SubIdentityRenamed(Event, index=9):
        """A sub-account was renamed."""

        sub: Who
        main: Who

    class SubIdentityRemoved(Event, index=10):
        """A sub-account was removed from an account."""

        sub: Who
        main: Who
        deposit: Amount

    class SubIdentityRevoked(Event, index=11):
        """A sub-account left its parent; the deposit went back to the parent."""

        sub: Who
        main: Who
        deposit: Amount

    class SubIdentityAgreed(Event, index=100):
        """An account agreed to be a sub-account of another, which is its operator if verified."""

        sub: Who
        main: Who

    class TooManySubAccounts(Error, index=0):
        """The account has the maximum number of sub-accounts. Remove one first."""

    class NotFound(Error, index=1):
        """There is no such identity or request. Set the identity, or ask the registrar, first."""

    class NotNamed(Error, index=2):
        """The account has no identity. There is nothing to remove."""

    class EmptyIndex(Error, index=3):
        """There is no such registrar. Look up the list of registrars."""

    class FeeChanged(Error, index=4):
        """The registrar's fee is above the given maximum. Look up the fee, and raise the limit."""

    class NoIdentity(Error, index=5):
        """The account has no identity. Set it first."""

    class StickyJudgement(Error, index=6):
        """The registrar is asked already, or judged `Erroneous`. Wait, or ask it to judge anew."""

    class JudgementGiven(Error, index=7):
        """The registrar has judged already. There is no request to cancel."""

    class InvalidJudgement(Error, index=8):
        """`FeePaid` is not a judgement that a registrar can give. Give an opinion."""

    class InvalidIndex(Error, index=9):
        """The caller is not this registrar. Use the index of its appointment."""

    class InvalidTarget(Error, index=10):
        """The account has no identity to judge. It has to set one first."""

    class TooManyRegistrars(Error, index=11):
        """The maximum number of registrars is reached."""

    class AlreadyClaimed(Error, index=12):
        """The account has a parent already, or is named twice. It has to leave the parent first."""

    class NotSub(Error, index=13):
        """The account has no parent, or another one than given. It has to be named first."""

    class NotOwned(Error, index=14):
        """The account is not a sub-account of the caller. Add it first."""

    class JudgementForDifferentIdentity(Error, index=15):
        """The identity has changed meanwhile. Read it again, and send its new hash."""

    class JudgementPaymentFailed(Error, index=16):
        """The fee cannot be paid: the money is locked. Request again with unlocked money."""

    # ---- calls: identities

    @call(0, weight=weights.ADD_REGISTRAR)
    def add_registrar(self, origin: Origin, account: Address) -> None:
        """Appoint a registrar."""
        self.registrar_origin(origin)
        registrars = self.registrars.value
        if len(registrars) >= self.max_registrars:
            raise self.TooManyRegistrars
        registrars.append(RegistrarInfo(lookup(account), u128(0), u64(0)))
        self.registrars.value = registrars
        self.deposit(self.RegistrarAdded(u32(len(registrars) - 1)))

    @call(1, weight=weights.SET_IDENTITY)
    def set_identity(
        self,
        origin: Origin,
        info: Annotated[IdentityInfo, TypeName("Box<T::IdentityInformation>")],
    ) -> None:
        """Set the caller's identity. Judgements are removed, except `FeePaid` and `Erroneous`."""
        who = origin.signed()
        known = self.identity_of.get(who) or Registration([], u128(0), info)
        size = len(codec(IdentityInfo).encode(info))
        deposit = self.basic_deposit + self.byte_deposit * size
        self._redeposit(who, known.deposit, deposit)
        kept = [entry for entry in known.judgements if is_sticky(entry[1])]
        self.identity_of[who] = Registration(kept, deposit, info)
        self.deposit(self.IdentitySet(who))

    @call(2, weight=set_subs_info)
    def set_subs(
        self,
        origin: Origin,
        subs: Annotated[
            list[tuple[AccountId, Datum]],
            MaxLen(2 * MAX_SUBS),
            TypeName("Vec<(T::AccountId, Data)>"),
        ],
    ) -> PostInfo:
        """Replace the list of the caller's sub-accounts."""
        who = origin.signed()
        if who not in self.identity_of:
            raise self.NotFound
        if len(subs) > self.max_sub_accounts:
            raise self.TooManySubAccounts
        named = dict(subs)
        if len(named) < len(subs) or any(self._claimed(sub, who) for sub in named):
            raise self.AlreadyClaimed
        old_deposit, old = self.subs_of[who]
        deposit = self.sub_account_deposit * len(subs)
        self._redeposit(who, old_deposit, deposit)
        for sub in old:
            if sub not in named:
                self._unname(sub)
        for sub, name in subs:
            self.super_of[sub] = (who, name)
        self._keep_subs(who, deposit, list(named))
        self.deposit(self.SubIdentitiesSet(who, u32(len(subs)), deposit))
        return PostInfo(weight=weights.set_subs(len(old), len(subs)))

    @call(3, weight=weights.clear_identity(MAX_SUBS))
    def clear_identity(self, origin: Origin) -> PostInfo:
        """Clear the caller's identity and sub-accounts; all deposits are returned."""
        who = origin.signed()
        deposit, subs = self._remove(who)
        self.currency.unreserve_named(RESERVE_ID, who, deposit)
        self.deposit(self.IdentityCleared(who, deposit))
        return PostInfo(weight=weights.clear_identity(subs))

    @call(10, weight=weights.kill_identity(MAX_SUBS))
    def kill_identity(self, origin: Origin, target: Address) -> PostInfo:
        """Remove an identity; all its deposits go to the treasury."""
        self.force_origin(origin)
        who = lookup(target)
        deposit, subs = self._remove(who)
        self.currency.slash_reserved_named(RESERVE_ID, who, deposit)
        self.deposit(self.IdentityKilled(who, deposit))
        return PostInfo(weight=weights.kill_identity(subs))

    # ---- calls: judgements

    @call(4, weight=weights.REQUEST_JUDGEMENT)
    def request_judgement(
        self, origin: Origin, reg_index: CompactRegistrar, max_fee: CompactAmount
    ) -> None:
        """Request a judgement from a registrar; its fee, at most `max_fee`, is reserved."""
        who = origin.signed()
        fee = self._registrar(reg_index).fee
        if fee > max_fee:
            raise self.FeeChanged
        identity = self._identity(who)
        if is_sticky(dict(identity.judgements).get(reg_index)):
            raise self.StickyJudgement
        self.currency.reserve_named(RESERVE_ID, who, fee)
        self._judge(who, identity, reg_index, FeePaid(fee))
        self.deposit(self.JudgementRequested(who, reg_index))

    @call(5, weight=weights.CANCEL_REQUEST)
    def cancel_request(self, origin: Origin, reg_index: Registrar) -> None:
        """Cancel a request to a registrar; the fee is returned."""
        who = origin.signed()
        identity = self._identity(who)
        judgements = dict(identity.judgements)
        judgement = judgements.pop(reg_index, None)
        if judgement is None:
            raise self.NotFound
        if not isinstance(judgement, FeePaid):
            raise self.JudgementGiven
        self.currency.unreserve_named(RESERVE_ID, who, judgement.fee)
        identity.judgements = list(judgements.items())
        self.identity_of[who] = identity
        self.deposit(self.JudgementUnrequested(who, reg_index))

    @call(6, weight=weights.SET_FEE)
    def set_fee(self, origin: Origin, index: CompactRegistrar, fee: CompactAmount) -> None:
        """Set the fee of a registrar, in planck. For the registrar."""
        registrar = self._own(origin, index)
        registrar.fee = fee
        self._keep_registrar(index, registrar)

    @call(7, weight=weights.SET_ACCOUNT_ID)
    def set_account_id(self, origin: Origin, index: CompactRegistrar, new: Address) -> None:
        """Change the account of a registrar. For the registrar."""
        registrar = self._own(origin, index)
        registrar.account = lookup(new)
        self._keep_registrar(index, registrar)

    @call(8, weight=weights.SET_FIELDS)
    def set_fields(
        self,
        origin: Origin,
        index: CompactRegistrar,
        fields: Annotated[u64, TypeName("IdentityFields")],
    ) -> None:
        """Set the fields that a registrar checks: one bit each, in order. For the registrar."""
        registrar = self._own(origin, index)
        registrar.fields = fields
        self._keep_registrar(index, registrar)

    @call(9, weight=weights.PROVIDE_JUDGEMENT)
    def provide_judgement(
        self,
        origin: Origin,
        reg_index: CompactRegistrar,
        target: Address,
        judgement: Annotated[Judgement, TypeName("Judgement<BalanceOf<T>>")],
        identity: Annotated[H256, TypeName("T::Hash")],
    ) -> None:
        """Judge the identity of this hash; a fee reserved for it is paid out. For the registrar."""
        registrar, who = self._own(origin, reg_index), lookup(target)
        if isinstance(judgement, FeePaid):
            raise self.InvalidJudgement
        known = self.identity_of.get(who)
        if known is None:
            raise self.InvalidTarget
        if blake2_256(codec(IdentityInfo).encode(known.info)) != identity:
            raise self.JudgementForDifferentIdentity
        before = dict(known.judgements).get(reg_index)
        if isinstance(before, FeePaid):
            self._pay(who, registrar.account, before.fee)
        self._judge(who, known, reg_index, judgement)
        self.deposit(self.JudgementPassed(who, reg_index))

    # ---- calls: sub-accounts

    @call(11, weight=weights.ADD_SUB)
    def add_sub(
        self, origin: Origin, sub: Address, data: Annotated[Datum, TypeName("Data")]
    ) -> None:
        """Name an account as a sub-account of the caller."""
        who, part = origin.signed(), lookup(sub)
        if who not in self.identity_of:
            raise self.NoIdentity
        if part in self.super_of:
            raise self.AlreadyClaimed
        deposit, subs = self.subs_of[who]
        if len(subs) >= self.max_sub_accounts:
            raise self.TooManySubAccounts
        self.currency.reserve_named(RESERVE_ID, who, self.sub_account_deposit)
        self.super_of[part] = (who, data)
        self._keep_subs(who, deposit + self.sub_account_deposit, [*subs, part])
        self.deposit(self.SubIdentityAdded(part, who, self.sub_account_deposit))

    @call(12, weight=weights.RENAME_SUB)
    def rename_sub(
        self, origin: Origin, sub: Address, data: Annotated[Datum, TypeName("Data")]
    ) -> None:
        """Rename a sub-account of the caller."""
        who, part = origin.signed(), lookup(sub)
        self._ensure_part(part, who)
        self.super_of[part] = (who, data)
        self.deposit(self.SubIdentityRenamed(part, who))

    @call(13, weight=weights.REMOVE_SUB)
    def remove_sub(self, origin: Origin, sub: Address) -> None:
        """Remove a sub-account of the caller."""
        who, part = origin.signed(), lookup(sub)
        self._ensure_part(part, who)
        self.deposit(self.SubIdentityRemoved(part, who, self._part(part, who)))

    @call(14, weight=weights.QUIT_SUB)
    def quit_sub(self, origin: Origin) -> None:
        """Leave the caller's parent account."""
        who = origin.signed()
        main = self.parent_of(who)
        if main is None:
            raise self.NotSub
        self.deposit(self.SubIdentityRevoked(who, main, self._part(who, main)))

    @call(100, weight=weights.AGREE_SUB)
    def agree_sub(self, origin: Origin, main: Address) -> None:
        """Agree to be a sub-account of `main`, which named the caller.

        The caller shares its judgement, and `main` is its operator if verified; `quit_sub` ends it.
        """
        who, parent = origin.signed(), lookup(main)
        if self.parent_of(who) != parent:
            raise self.NotSub
        self.agreed[who] = ()
        self.deposit(self.SubIdentityAgreed(who, parent))

    # ---- public interface

    def parent_of(self, who: AccountId) -> AccountId | None:
        """Return the account that names `who` a sub-account, agreed or not, if any does."""
        found = self.super_of.get(who)
        return None if found is None else found[0]

    def verified(self, who: AccountId) -> bool:
        """Return True if a registrar approved this account, or the parent it agreed to.

        That is a judgement `Reasonable` or `KnownGood`, and none `LowQuality` or `Erroneous`.
        """
        return self._judged_good(who) or self.operator_of(who) != who

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator of an account: the verified parent it agreed to, or itself."""
        if account not in self.agreed:
            return account
        parent = self.parent_of(account)
        return parent if parent is not None and self._judged_good(parent) else account

    # ---- internals

    def _judged_good(self, who: AccountId) -> bool:
        known = self.identity_of.get(who)
        judgements = [judgement for _, judgement in known.judgements] if known else []
        good = any(isinstance(judgement, Reasonable | KnownGood) for judgement in judgements)
        bad = any(isinstance(judgement, LowQuality | Erroneous) for judgement in judgements)
        return good and not bad

    def _identity(self, who: AccountId) -> Registration:
        known = self.identity_of.get(who)
        if known is None:
            raise self.NoIdentity
        return known

    def _registrar(self, index: u32) -> RegistrarInfo:
        registrars = self.registrars.value
        found = registrars[index] if index < len(registrars) else None
        if found is None:
            raise self.EmptyIndex
        return found

    def _own(self, origin: Origin, index: u32) -> RegistrarInfo:
        """Return the registrar. Raises InvalidIndex if the caller is another account."""
        who, registrars = origin.signed(), self.registrars.value
        found = registrars[index] if index < len(registrars) else None
        if found is None or found.account != who:
            raise self.InvalidIndex
        return found

    def _keep_registrar(self, index: u32, registrar: RegistrarInfo) -> None:
        registrars = self.registrars.value
        registrars[index] = registrar
        self.registrars.value = registrars

    def _judge(
        self, who: AccountId, identity: Registration, index: u32, judgement: Judgement
    ) -> None:
        judgements = dict(identity.judgements)
        judgements[index] = judgement
        identity.judgements = sorted(judgements.items(), key=lambda entry: entry[0])
        self.identity_of[who] = identity

    def _pay(self, who: AccountId, registrar: AccountId, fee: u128) -> None:
        self.currency.unreserve_named(RESERVE_ID, who, fee)
        try:
            self.currency.transfer(who, registrar, fee)
        except DispatchError as error:
            raise self.JudgementPaymentFailed from error

    def _redeposit(self, who: AccountId, old: u128, new: u128) -> None:
        if new > old:
            self.currency.reserve_named(RESERVE_ID, who, new - old)
        else:
            self.currency.unreserve_named(RESERVE_ID, who, old - new)

    def _claimed(self, sub: AccountId, by: AccountId) -> bool:
        parent = self.parent_of(sub)
        return parent is not None and parent != by

    def _ensure_part(self, sub: AccountId, main: AccountId) -> None:
        if main not in self.identity_of:
            raise self.NoIdentity
        if self.parent_of(sub) != main:
            raise self.NotOwned

    def _keep_subs(self, who: AccountId, deposit: u128, subs: list[AccountId]) -> None:
        if subs:
            self.subs_of[who] = (deposit, subs)
        else:
            del self.subs_of[who]

    def _unname(self, sub: AccountId) -> None:
        del self.super_of[sub]
        del self.agreed[sub]

    def _part(self, sub: AccountId, main: AccountId) -> u128:
        """Remove a sub-account; return the deposit, which goes back to `main`."""
        deposit, subs = self.subs_of[main]
        # The deposit may be at an earlier price: removing the last sub-account returns it all.
        freed = deposit if len(subs) == 1 else min(self.sub_account_deposit, deposit)
        subs.remove(sub)
        self.currency.unreserve_named(RESERVE_ID, main, freed)
        self._unname(sub)
        self._keep_subs(main, deposit - freed, subs)
        return freed

    def _remove(self, who: AccountId) -> tuple[u128, int]:
        """Remove an identity; return all that is reserved for it and its number of sub-accounts."""
        known = self.identity_of.take(who)
        if known is None:
            raise self.NotNamed
        deposit, subs = self.subs_of[who]
        del self.subs_of[who]
        for sub in subs:
            self._unname(sub)
        fees = [
            judgement.fee for _, judgement in known.judgements if isinstance(judgement, FeePaid)
        ]
        return u128(int(known.deposit) + int(deposit) + sum(map(int, fees))), len(subs)


def is_sticky(judgement: object) -> bool:
    """Return True if a judgement survives a new identity: an open request, or `Erroneous`."""
    return isinstance(judgement, FeePaid | Erroneous)
