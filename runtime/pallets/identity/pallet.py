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

from typing import Annotated, Protocol

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Compact, MaxLen, TypeName, codec, u32, u64, u128
from runtime.frame import (
    Const,
    Constant,
    DispatchError,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, CompactBalanceOf
from runtime.frame.deposits import change_deposit
from runtime.frame.traits import Mutate, SlashNamed
from runtime.pallets.balances.types import lookup
from runtime.pallets.identity import errors, events, weights
from runtime.pallets.identity.events import Registrar
from runtime.pallets.identity.registrars import Registrars
from runtime.pallets.identity.subs import SubAccounts
from runtime.pallets.identity.types import (
    MAX_REGISTRARS,
    MAX_SUBS,
    RESERVE_ID,
    Datum,
    Erroneous,
    FeePaid,
    IdentityInfo,
    Judgement,
    KnownGood,
    LowQuality,
    Reasonable,
    Registration,
)

CompactRegistrar = Annotated[Compact[u32], TypeName("RegistrarIndex")]


class Money(SlashNamed, Mutate, Protocol):
    """Reserves and transfers, for deposits and fees."""


def set_subs_info(_: object, subs: list[object]) -> DispatchInfo:
    """Weigh the new sub-accounts, and the maximum number of old ones."""
    return DispatchInfo(weights.set_subs(MAX_SUBS, len(subs)))


class Identity(Pallet, events=events, errors=errors):
    """Accounts' statements about themselves, and registrars' judgements of them."""

    # ---- constants

    basic_deposit: Const[u128]
    """Deposit for an identity, in planck."""
    byte_deposit: Const[u128]
    """Additional deposit for each byte of it, in planck."""
    sub_account_deposit: Const[u128]
    """Deposit for each sub-account, in planck."""
    max_sub_accounts = Constant(u32(MAX_SUBS))
    """Maximum number of sub-accounts of one account."""
    max_registrars = Constant(u32(MAX_REGISTRARS))
    """Maximum number of registrars."""

    # ---- dependencies

    currency: Money
    force_origin: OriginCheck = ensure_root
    """Origin that removes identities."""
    registrar_origin: OriginCheck = ensure_root
    """Origin that appoints registrars."""

    # ---- storage

    identity_of = Map(AccountId, Registration, hasher=Hasher.Twox64Concat)
    """The identities of accounts, with judgements and deposits."""

    # ---- components

    subs = Part(SubAccounts)
    registrars = Part(Registrars)

    # ---- hooks

    # ---- calls

    @call(0, weight=weights.ADD_REGISTRAR)
    def add_registrar(self, origin: Origin, account: AccountIdLookupOf) -> None:
        """Appoint a registrar."""
        self.registrar_origin(origin)
        self.registrars.add(lookup(account))

    @call(1, weight=weights.SET_IDENTITY)
    def set_identity(
        self, origin: Origin, info: Annotated[IdentityInfo, TypeName("Box<T::IdentityInformation>")]
    ) -> None:
        """Set the caller's identity. Judgements are removed, except `FeePaid` and `Erroneous`."""
        who = origin.signed()
        known = self.identity_of.get(who) or Registration([], u128(0), info)
        size = len(codec(IdentityInfo).encode(info))
        deposit = self.basic_deposit + self.byte_deposit * size
        change_deposit(self.currency, RESERVE_ID, who, known.deposit, deposit)
        kept = [entry for entry in known.judgements if is_sticky(entry[1])]
        self.identity_of[who] = Registration(kept, deposit, info)
        self.deposit(events.IdentitySet(who))

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
            raise errors.NotFound
        if len(subs) > self.max_sub_accounts:
            raise errors.TooManySubAccounts
        old = self.subs.replace(who, subs)
        return PostInfo(weight=weights.set_subs(old, len(subs)))

    @call(3, weight=weights.clear_identity(MAX_SUBS))
    def clear_identity(self, origin: Origin) -> PostInfo:
        """Clear the caller's identity and sub-accounts; all deposits are returned."""
        who = origin.signed()
        deposit, subs = self._remove(who)
        self.currency.unreserve_named(RESERVE_ID, who, deposit)
        self.deposit(events.IdentityCleared(who, deposit))
        return PostInfo(weight=weights.clear_identity(subs))

    @call(10, weight=weights.kill_identity(MAX_SUBS))
    def kill_identity(self, origin: Origin, target: AccountIdLookupOf) -> PostInfo:
        """Remove an identity; all its deposits go to the treasury."""
        self.force_origin(origin)
        who = lookup(target)
        deposit, subs = self._remove(who)
        self.currency.slash_reserved_named(RESERVE_ID, who, deposit)
        self.deposit(events.IdentityKilled(who, deposit))
        return PostInfo(weight=weights.kill_identity(subs))

    @call(4, weight=weights.REQUEST_JUDGEMENT)
    def request_judgement(
        self, origin: Origin, reg_index: CompactRegistrar, max_fee: CompactBalanceOf
    ) -> None:
        """Request a judgement from a registrar; its fee, at most `max_fee`, is reserved."""
        who = origin.signed()
        fee = self.registrars.get(reg_index).fee
        if fee > max_fee:
            raise errors.FeeChanged
        identity = self._identity(who)
        if is_sticky(dict(identity.judgements).get(reg_index)):
            raise errors.StickyJudgement
        self.currency.reserve_named(RESERVE_ID, who, fee)
        self._judge(who, identity, reg_index, FeePaid(fee))
        self.deposit(events.JudgementRequested(who, reg_index))

    @call(5, weight=weights.CANCEL_REQUEST)
    def cancel_request(self, origin: Origin, reg_index: Registrar) -> None:
        """Cancel a request to a registrar; the fee is returned."""
        who = origin.signed()
        identity = self._identity(who)
        judgements = dict(identity.judgements)
        judgement = judgements.pop(reg_index, None)
        if judgement is None:
            raise errors.NotFound
        if not isinstance(judgement, FeePaid):
            raise errors.JudgementGiven
        self.currency.unreserve_named(RESERVE_ID, who, judgement.fee)
        identity.judgements = list(judgements.items())
        self.identity_of[who] = identity
        self.deposit(events.JudgementUnrequested(who, reg_index))

    @call(6, weight=weights.SET_FEE)
    def set_fee(self, origin: Origin, index: CompactRegistrar, fee: CompactBalanceOf) -> None:
        """Set the fee of a registrar, in planck. For the registrar."""
        registrar = self.registrars.own(index, origin.signed())
        registrar.fee = fee
        self.registrars.store(index, registrar)

    @call(7, weight=weights.SET_ACCOUNT_ID)
    def set_account_id(
        self, origin: Origin, index: CompactRegistrar, new: AccountIdLookupOf
    ) -> None:
        """Change the account of a registrar. For the registrar."""
        registrar = self.registrars.own(index, origin.signed())
        registrar.account = lookup(new)
        self.registrars.store(index, registrar)

    @call(8, weight=weights.SET_FIELDS)
    def set_fields(
        self,
        origin: Origin,
        index: CompactRegistrar,
        fields: Annotated[u64, TypeName("IdentityFields")],
    ) -> None:
        """Set the fields that a registrar checks: one bit each, in order. For the registrar."""
        registrar = self.registrars.own(index, origin.signed())
        registrar.fields = fields
        self.registrars.store(index, registrar)

    @call(9, weight=weights.PROVIDE_JUDGEMENT)
    def provide_judgement(
        self,
        origin: Origin,
        reg_index: CompactRegistrar,
        target: AccountIdLookupOf,
        judgement: Annotated[Judgement, TypeName("Judgement<BalanceOf<T>>")],
        identity: Annotated[H256, TypeName("T::Hash")],
    ) -> None:
        """Judge the identity of this hash; a fee reserved for it is paid out. For the registrar."""
        registrar = self.registrars.own(reg_index, origin.signed())
        who = lookup(target)
        if isinstance(judgement, FeePaid):
            raise errors.InvalidJudgement
        known = self.identity_of.get(who)
        if known is None:
            raise errors.InvalidTarget
        if blake2_256(codec(IdentityInfo).encode(known.info)) != identity:
            raise errors.JudgementForDifferentIdentity
        before = dict(known.judgements).get(reg_index)
        if isinstance(before, FeePaid):
            self._pay(who, registrar.account, before.fee)
        self._judge(who, known, reg_index, judgement)
        self.deposit(events.JudgementPassed(who, reg_index))

    @call(11, weight=weights.ADD_SUB)
    def add_sub(
        self, origin: Origin, sub: AccountIdLookupOf, data: Annotated[Datum, TypeName("Data")]
    ) -> None:
        """Name an account as a sub-account of the caller."""
        who, part = origin.signed(), lookup(sub)
        if who not in self.identity_of:
            raise errors.NoIdentity
        self.subs.add(part, who, data)

    @call(12, weight=weights.RENAME_SUB)
    def rename_sub(
        self, origin: Origin, sub: AccountIdLookupOf, data: Annotated[Datum, TypeName("Data")]
    ) -> None:
        """Rename a sub-account of the caller."""
        who, part = origin.signed(), lookup(sub)
        if who not in self.identity_of:
            raise errors.NoIdentity
        self.subs.rename(part, who, data)

    @call(13, weight=weights.REMOVE_SUB)
    def remove_sub(self, origin: Origin, sub: AccountIdLookupOf) -> None:
        """Remove a sub-account of the caller."""
        who, part = origin.signed(), lookup(sub)
        if who not in self.identity_of:
            raise errors.NoIdentity
        self.subs.remove(part, who)

    @call(14, weight=weights.QUIT_SUB)
    def quit_sub(self, origin: Origin) -> None:
        """Leave the caller's parent account."""
        self.subs.quit(origin.signed())

    @call(100, weight=weights.AGREE_SUB)
    def agree_sub(self, origin: Origin, main: AccountIdLookupOf) -> None:
        """Agree to be a sub-account of `main`, which named the caller.

        The caller shares its judgement, and `main` is its operator if verified; `quit_sub` ends it.
        """
        self.subs.agree(origin.signed(), lookup(main))

    # ---- public interface

    def verified(self, who: AccountId) -> bool:
        """Return True if a registrar approved this account, or the parent it agreed to.

        That is a judgement `Reasonable` or `KnownGood`, and none `LowQuality` or `Erroneous`.
        """
        return self._judged_good(who) or self.operator_of(who) != who

    def known_good(self, who: AccountId) -> bool:
        """Return True if a registrar judged this account, or its operator, `KnownGood`.

        None may have judged the same identity `LowQuality` or `Erroneous`.
        """
        return self._judged_good(who, KnownGood) or (
            (operator := self.operator_of(who)) != who and self._judged_good(operator, KnownGood)
        )

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator of an account: the verified parent it agreed to, or itself."""
        if account not in self.subs.agreed:
            return account
        parent = self.subs.parent_of(account)
        return parent if parent is not None and self._judged_good(parent) else account

    # ---- internals

    def _judged_good(self, who: AccountId, *good_ones: type[Reasonable | KnownGood]) -> bool:
        """Return True if a judgement is one of `good_ones`, by default of both, and none is bad."""
        known = self.identity_of.peek(who)
        if known is None:
            return False
        judgements = [judgement for _, judgement in known.judgements]
        good = any(isinstance(one, good_ones or (Reasonable, KnownGood)) for one in judgements)
        bad = any(isinstance(judgement, LowQuality | Erroneous) for judgement in judgements)
        return good and not bad

    def _identity(self, who: AccountId) -> Registration:
        known = self.identity_of.get(who)
        if known is None:
            raise errors.NoIdentity
        return known

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
            raise errors.JudgementPaymentFailed from error

    def _remove(self, who: AccountId) -> tuple[u128, int]:
        """Remove an identity; return all that is reserved for it and its number of sub-accounts."""
        known = self.identity_of.take(who)
        if known is None:
            raise errors.NotNamed
        deposit, subs = self.subs.remove_all(who)
        fees = [
            judgement.fee for _, judgement in known.judgements if isinstance(judgement, FeePaid)
        ]
        return u128(int(known.deposit) + int(deposit) + sum(map(int, fees))), subs


def is_sticky(judgement: object) -> bool:
    """Return True if a judgement survives a new identity: an open request, or `Erroneous`."""
    return isinstance(judgement, FeePaid | Erroneous)
