"""Proxy: an account lets others act for it, within limits.

A proxy has a type, which limits the calls it may make, and a delay, during which an announced
call can still be rejected by the account it is made for. A call by proxy can do no more than the
proxy's type allows: the limits travel with the call into every call inside of it, and a proxy can
neither appoint nor remove one that may do more than itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Protocol

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import Compact, Err, Ok, TypeName, u16, u32, u128
from runtime.frame import (
    Call,
    Component,
    Const,
    DispatchError,
    DispatchInfo,
    Hasher,
    Map,
    Origin,
    Pallet,
    Part,
    PostInfo,
    RuntimeCall,
    WireError,
    call,
)
from runtime.frame.aliases import AccountIdLookupOf, BlockNumberFor
from runtime.frame.call import Dispatchable
from runtime.frame.deposits import change_deposit
from runtime.frame.origin import OriginKind
from runtime.frame.traits import NamedReservable
from runtime.pallets.balances.types import lookup
from runtime.pallets.proxy import errors, events, weights
from runtime.pallets.proxy.types import (
    MAX_PENDING,
    MAX_PROXIES,
    RESERVE_ID,
    Announcement,
    CallHash,
    Definitions,
    DepositKind,
    Kind,
    MaybeKind,
    Pending,
    ProxyDefinition,
    ProxyType,
    Scopes,
    covers,
    pure_account,
    stepped,
)
from runtime.pallets.system.pallet import System

InnerCall = Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")]


class Table(Protocol):
    """The runtime's table, which resolves a call's name; Runtime implements it."""

    @property
    def pallets(self) -> Mapping[int, Pallet]:
        """The pallets by index."""

    def dispatchable(self, call: Call) -> Dispatchable:
        """Return the declaration that `call` leads to."""


def proxy_info(
    pallet: Proxy, real: MultiAddress, force_proxy_type: ProxyType | None, inner: Call
) -> DispatchInfo:
    """Weigh `proxy`: itself, the maximum number of proxies of an account, and the call."""
    del real, force_proxy_type
    info = pallet.host.dispatcher.info(inner)
    return DispatchInfo(weights.proxy(int(pallet.max_proxies)) + info.weight, info.dispatch_class)


def announced_info(
    pallet: Proxy,
    delegate: MultiAddress,
    real: MultiAddress,
    force_proxy_type: ProxyType | None,
    inner: Call,
) -> DispatchInfo:
    """Weigh `proxy_announced`: itself, both lists at their longest, and the call."""
    del delegate, real, force_proxy_type
    info = pallet.host.dispatcher.info(inner)
    own = weights.proxy_announced(int(pallet.max_proxies), int(pallet.max_pending))
    return DispatchInfo(own + info.weight, info.dispatch_class)


@dataclass(frozen=True, slots=True)
class Within:
    """The call filter of a proxy type. Equal for equal types, so that it is applied only once."""

    pallet: Proxy
    kind: ProxyType

    def __call__(self, inner: Call) -> bool:
        """Return True if the proxy may make the call."""
        return self.pallet.may_call(self.kind, inner)


class Announcements(Component):
    """The announced calls of proxies, and the deposits for them."""

    currency: NamedReservable
    announcement_deposit_base: u128
    announcement_deposit_factor: u128

    announcements = Map(AccountId, Pending, default=([], u128(0)), hasher=Hasher.Twox64Concat)

    def deposit_for(self, pending: int) -> u128:
        """Return the deposit for `pending` announced calls, in planck."""
        return stepped(self.announcement_deposit_base, self.announcement_deposit_factor, pending)

    def remove(self, who: AccountId, chosen: Callable[[Announcement], bool]) -> int:
        """Remove the chosen announcements of `who`, if any; return the number before removal.

        Zero if none was chosen.
        """
        pending, deposit = self.announcements[who]
        kept = [announcement for announcement in pending if not chosen(announcement)]
        if len(kept) == len(pending):
            return 0
        self.store(who, kept, deposit)
        return len(pending)

    def store(self, who: AccountId, pending: list[Announcement], deposit: u128) -> None:
        """Store the announcements of `who`, and adjust the deposit to their number."""
        due = self.deposit_for(len(pending))
        change_deposit(self.currency, RESERVE_ID, who, deposit, due)
        if pending:
            self.announcements[who] = (pending, due)
        else:
            del self.announcements[who]

    def poke(self, who: AccountId) -> tuple[u128, u128]:
        """Change the deposit to its current price; return the old and the new one."""
        pending, old = self.announcements[who]
        new = self.deposit_for(len(pending))
        if new != old:
            change_deposit(self.currency, RESERVE_ID, who, old, new)
            self.announcements[who] = (pending, new)
        return old, new


class Proxy(Pallet, events=events, errors=errors):
    """An account lets others act for it, within limits."""

    # ---- constants

    proxy_deposit_base: Const[u128]
    """Base deposit for having proxies, in planck."""
    proxy_deposit_factor: Const[u128]
    """Additional deposit for each proxy, in planck."""
    max_proxies: Const[u32] = u32(MAX_PROXIES)
    """Maximum number of proxies of one account."""
    max_pending: Const[u32] = u32(MAX_PENDING)
    """Maximum number of announced calls of one proxy."""
    announcement_deposit_base: Const[u128]
    """Base deposit for having announcements, in planck."""
    announcement_deposit_factor: Const[u128]
    """Additional deposit for each announcement, in planck."""

    # ---- dependencies

    currency: NamedReservable
    system: System
    table: Table
    scopes: Scopes

    # ---- storage

    proxies = Map(AccountId, Definitions, default=([], u128(0)), hasher=Hasher.Twox64Concat)

    # ---- components

    announced = Part(Announcements)

    # ---- hooks

    # ---- calls

    @call(0, weight=proxy_info)
    def proxy(
        self, origin: Origin, real: AccountIdLookupOf, force_proxy_type: MaybeKind, call: InnerCall
    ) -> PostInfo:
        """Make a call as the account `real`, of which the caller is a proxy."""
        who = origin.signed()
        account = lookup(real)
        definitions, _ = self.proxies[account]
        definition = self._right(definitions, who, force_proxy_type)
        if definition.delay:
            raise errors.Unannounced
        used = self._run(origin, account, definition.proxy_type, call)
        return PostInfo(weight=weights.proxy(len(definitions)) + used)

    @call(1, weight=weights.ADD_PROXY)
    def add_proxy(
        self, origin: Origin, delegate: AccountIdLookupOf, proxy_type: Kind, delay: BlockNumberFor
    ) -> None:
        """Add the proxy `delegate` for calls of `proxy_type`, announced `delay` blocks before."""
        who = origin.signed()
        added = ProxyDefinition(lookup(delegate), proxy_type, delay)
        if added.delegate == who:
            raise errors.NoSelfProxy
        definitions, deposit = self.proxies[who]
        if added in definitions:
            raise errors.Duplicate
        if len(definitions) >= self.max_proxies:
            raise errors.TooMany

        definitions = sorted([*definitions, added])
        self.proxies[who] = (definitions, self._redeposit(who, deposit, len(definitions)))
        self.deposit(events.ProxyAdded(who, added.delegate, proxy_type, delay))

    @call(2, weight=weights.REMOVE_PROXY)
    def remove_proxy(
        self, origin: Origin, delegate: AccountIdLookupOf, proxy_type: Kind, delay: BlockNumberFor
    ) -> None:
        """Remove the caller's proxy `delegate` of this type and delay."""
        who = origin.signed()
        removed = ProxyDefinition(lookup(delegate), proxy_type, delay)
        definitions, deposit = self.proxies[who]
        if removed not in definitions:
            raise errors.NotFound

        definitions.remove(removed)
        due = self._redeposit(who, deposit, len(definitions))
        if definitions:
            self.proxies[who] = (definitions, due)
        else:
            del self.proxies[who]
        self._announce_removal(who, removed)

    @call(3, weight=weights.REMOVE_PROXIES)
    def remove_proxies(self, origin: Origin) -> None:
        """Remove all proxies of the caller. For a pure account this ends all access."""
        who = origin.signed()
        definitions, deposit = self.proxies[who]
        del self.proxies[who]
        self.currency.unreserve_named(RESERVE_ID, who, deposit)
        for removed in definitions:
            self._announce_removal(who, removed)

    @call(4, weight=weights.CREATE_PURE)
    def create_pure(
        self, origin: Origin, proxy_type: Kind, delay: BlockNumberFor, index: u16
    ) -> None:
        """Create an account without a key, with the caller as its proxy.

        `index` distinguishes several that are created in one transaction.
        """
        who = origin.signed()
        now = (self.system.number.value, u32(self.host.extrinsic_index))
        pure = pure_account(who, proxy_type, index, *now)
        if pure in self.proxies:
            raise errors.Duplicate

        deposit = self.deposit_for(1)
        self.currency.reserve_named(RESERVE_ID, who, deposit)
        self.proxies[pure] = ([ProxyDefinition(who, proxy_type, delay)], deposit)
        self.deposit(events.PureCreated(pure, who, proxy_type, index))

    @call(5, weight=weights.KILL_PURE)
    def kill_pure(
        self,
        origin: Origin,
        spawner: AccountIdLookupOf,
        proxy_type: Kind,
        index: u16,
        height: Annotated[Compact[u32], TypeName("BlockNumberFor<T>")],
        ext_index: Annotated[Compact[u32], TypeName("u32")],
    ) -> None:
        """End all access to the caller, a pure account. What it owns is lost.

        The other arguments are those with which `spawner` created the account.
        """
        who = origin.signed()
        maker = lookup(spawner)
        if pure_account(maker, proxy_type, index, height, ext_index) != who:
            raise errors.NoPermission

        _, deposit = self.proxies[who]
        del self.proxies[who]
        # The spawner paid for the first proxy, the account itself for all later ones.
        makers = min(deposit, self.deposit_for(1))
        self.currency.unreserve_named(RESERVE_ID, maker, makers)
        self.currency.unreserve_named(RESERVE_ID, who, deposit - makers)
        self.deposit(events.PureKilled(who, maker, proxy_type, index))

    @call(6, weight=weights.ANNOUNCE)
    def announce(self, origin: Origin, real: AccountIdLookupOf, call_hash: CallHash) -> None:
        """Announce a call that the caller will make as `real`, which can reject it until then."""
        who = origin.signed()
        account = lookup(real)
        self._right(self.proxies[account][0], who, None)
        pending, deposit = self.announced.announcements[who]
        if len(pending) >= self.max_pending:
            raise errors.TooMany

        pending.append(Announcement(account, call_hash, self.system.number.value))
        self.announced.store(who, pending, deposit)
        self.deposit(events.Announced(account, who, call_hash))

    @call(7, weight=weights.REMOVE_ANNOUNCEMENT)
    def remove_announcement(
        self, origin: Origin, real: AccountIdLookupOf, call_hash: CallHash
    ) -> None:
        """Withdraw an announcement of the caller, and return its deposit."""
        who = origin.signed()
        account = lookup(real)
        if not self.announced.remove(who, lambda a: a.real == account and a.call_hash == call_hash):
            raise errors.NotFound

    @call(8, weight=weights.REJECT_ANNOUNCEMENT)
    def reject_announcement(
        self, origin: Origin, delegate: AccountIdLookupOf, call_hash: CallHash
    ) -> None:
        """Reject a call that the proxy `delegate` announced; it gets its deposit back."""
        account = origin.signed()
        who = lookup(delegate)
        if not self.announced.remove(who, lambda a: a.real == account and a.call_hash == call_hash):
            raise errors.NotFound

    @call(9, weight=announced_info)
    def proxy_announced(
        self,
        origin: Origin,
        delegate: AccountIdLookupOf,
        real: AccountIdLookupOf,
        force_proxy_type: MaybeKind,
        call: InnerCall,
    ) -> PostInfo:
        """Make a call that `delegate` announced at least its delay ago, as the account `real`."""
        origin.signed()
        who, account = lookup(delegate), lookup(real)
        definitions, _ = self.proxies[account]
        definition = self._right(definitions, who, force_proxy_type)
        call_hash, now = blake2_256(call.raw), self.system.number.value

        def is_due(one: Announcement) -> bool:
            waited = now - one.height
            return one.real == account and one.call_hash == call_hash and waited >= definition.delay

        pending = self.announced.remove(who, is_due)
        if not pending:
            raise errors.Unannounced
        used = self._run(origin, account, definition.proxy_type, call)
        return PostInfo(weight=weights.proxy_announced(len(definitions), pending) + used)

    @call(10, weight=weights.POKE_DEPOSIT)
    def poke_deposit(self, origin: Origin) -> PostInfo | None:
        """Change the caller's deposits to today's prices; free of charge if that changes them."""
        who = origin.signed()
        changed = False
        definitions, old = self.proxies[who]
        new = self.deposit_for(len(definitions))
        if new != old:
            change_deposit(self.currency, RESERVE_ID, who, old, new)
            self.proxies[who] = (definitions, new)
            self.deposit(events.DepositPoked(who, DepositKind.Proxies, old, new))
            changed = True
        old, new = self.announced.poke(who)
        if new != old:
            self.deposit(events.DepositPoked(who, DepositKind.Announcements, old, new))
            changed = True
        return PostInfo(pays=False) if changed else None

    # ---- public interface

    def deposit_for(self, proxies: int) -> u128:
        """Return the deposit for `proxies` proxies, in planck."""
        return stepped(self.proxy_deposit_base, self.proxy_deposit_factor, proxies)

    def may_call(self, kind: ProxyType, inner: Call) -> bool:
        """Return True if a proxy of type `kind` may make the call."""
        pallet = self.table.pallets[inner.pallet]
        name = self.table.dispatchable(inner).name
        if pallet is self and not self._may_manage(kind, name, inner):
            return False
        return kind is ProxyType.Any or covers(self._scope(kind), f"{pallet.name}.{name}")

    def is_superset(self, kind: ProxyType, other: ProxyType) -> bool:
        """Return True if a proxy of type `kind` may appoint and remove those of type `other`.

        By the types alone, independent of their present scopes: a proxy once appointed stays
        when scopes grow, and must not be able to do more than the proxy that appointed it.
        """
        if kind is other or kind is ProxyType.Any:
            return True
        return kind is ProxyType.NonTransfer and other is not ProxyType.Any

    # ---- internals

    def _right(
        self, definitions: Sequence[ProxyDefinition], delegate: AccountId, kind: ProxyType | None
    ) -> ProxyDefinition:
        """Return the definition by which `delegate` acts (as `kind`, if given). Raises NotProxy."""
        for definition in definitions:
            if definition.delegate == delegate and kind in {None, definition.proxy_type}:
                return definition
        raise errors.NotProxy

    def _scope(self, kind: ProxyType) -> Sequence[str]:
        return self.scopes.get(kind, ())

    def _may_manage(self, kind: ProxyType, name: str, inner: Call) -> bool:
        """Return True if a proxy may make this call: it may manage proxies up to its own type."""
        match name:
            case "add_proxy" | "remove_proxy":
                _, other, _ = inner.args
                return isinstance(other, ProxyType) and self.is_superset(kind, other)
            case "remove_proxies" | "kill_pure":
                return kind is ProxyType.Any
            case _:
                return True

    def _run(self, origin: Origin, real: AccountId, kind: ProxyType, call: Call) -> int:
        """Make the call as `real`, within the caller's limits and those of `kind`.

        Return the picoseconds it used. Its failure is reported in the event, not raised.
        """
        limited = Origin(OriginKind.SIGNED, real, origin.filters).filtered(Within(self, kind))
        result: Ok[tuple[()]] | Err[WireError] = Ok(())
        try:
            post = self.host.dispatcher.dispatch(limited, call)
        except DispatchError as error:
            post = error.post or PostInfo()
            result = Err(self.host.dispatcher.wire_error(error))
        self.deposit(events.ProxyExecuted(result))
        declared = self.host.dispatcher.info(call).weight
        return declared if post.weight is None else min(post.weight, declared)

    def _announce_removal(self, who: AccountId, removed: ProxyDefinition) -> None:
        self.deposit(events.ProxyRemoved(who, removed.delegate, removed.proxy_type, removed.delay))

    def _redeposit(self, who: AccountId, deposit: u128, proxies: int) -> u128:
        """Adjust the deposit of `who` to the number of proxies, and return it."""
        due = self.deposit_for(proxies)
        change_deposit(self.currency, RESERVE_ID, who, deposit, due)
        return due
