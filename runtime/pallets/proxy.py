"""Proxy: an account lets others act for it, within limits.

A proxy has a type, which limits the calls it may make, and a delay, during which an announced
call can still be rejected by the account it is made for. A call by proxy can do no more than the
proxy's type allows: the limits travel with the call into every call inside of it, and a proxy can
neither appoint nor remove one that may do more than itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.scale import (
    Bounded,
    Compact,
    Err,
    Ok,
    Result,
    TypeName,
    codec,
    path,
    u16,
    u32,
    u128,
)
from runtime.frame import (
    Call,
    Const,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    Pallet,
    PostInfo,
    RuntimeCall,
    WireError,
    call,
)
from runtime.frame.call import Dispatchable
from runtime.frame.origin import OriginKind
from runtime.pallets.balances import lookup
from runtime.pallets.system import System
from runtime.weights import proxy as weights

MAX_PROXIES: Final = 32
MAX_PENDING: Final = 32
PREFIX: Final = b"modlpy/proxy____"
"""Prefix that all pure accounts are derived from; excludes accounts of keys."""

RESERVE_ID: Final = b"py/proxy"
"""Name that deposits are reserved under: reserves of other names are not touched."""


@path("btt_runtime::ProxyType")
class ProxyType(IntEnum):
    """The set of calls that a proxy may make."""

    Any = 0
    """All calls."""
    NonTransfer = 1
    """All calls that move no money."""
    Governance = 2
    """Calls to propose, vote and elect."""
    Staking = 3
    """Calls to bond, stake and set session keys."""
    CancelProxy = 4
    """Rejection of other proxies' announcements."""


@path("pallet_proxy::DepositKind")
class DepositKind(IntEnum):
    """The purpose of a deposit."""

    Proxies = 0
    """Proxies of the account."""
    Announcements = 1
    """Announced calls of the proxy."""


Scopes = Mapping[ProxyType, Sequence[str]]
"""Calls of each type but Any: pallets (`Identity`) and single calls (`Vesting.vest`).

A type that is not in the table may make no calls.
"""


@path(
    "pallet_proxy::ProxyDefinition",
    params={"AccountId": AccountId, "ProxyType": ProxyType, "BlockNumber": u32},
)
@dataclass(slots=True, order=True)
class ProxyDefinition:
    """A proxy: its account, its type, and its delay between announcement and call, in blocks."""

    delegate: Annotated[AccountId, TypeName("AccountId")]
    proxy_type: Annotated[ProxyType, TypeName("ProxyType")]
    delay: Annotated[u32, TypeName("BlockNumber")]


@path(
    "pallet_proxy::Announcement",
    params={"AccountId": AccountId, "Hash": H256, "BlockNumber": u32},
)
@dataclass(slots=True)
class Announcement:
    """An announced call: the account it is made for, its hash, and the announcement's block."""

    real: Annotated[AccountId, TypeName("AccountId")]
    call_hash: Annotated[H256, TypeName("Hash")]
    height: Annotated[u32, TypeName("BlockNumber")]


Definitions = tuple[Bounded[list[ProxyDefinition], MAX_PROXIES], u128]
Pending = tuple[Bounded[list[Announcement], MAX_PENDING], u128]

Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Delay = Annotated[u32, TypeName("BlockNumberFor<T>")]
Kind = Annotated[ProxyType, TypeName("T::ProxyType")]
MaybeKind = Annotated[ProxyType | None, TypeName("Option<T::ProxyType>")]
CallHash = Annotated[H256, TypeName("CallHashOf<T>")]
InnerCall = Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")]


class Deposits(Protocol):
    """The money of deposits; Balances satisfies it. Amounts in planck."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve free balance of `who`; raise DispatchError if there is not enough."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Unreserve `amount`; return the part of it that was not reserved."""


class Table(Protocol):
    """The runtime's table, which resolves a call's name; Runtime satisfies it."""

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


class Proxy(Pallet):
    """An account lets others act for it, within limits."""

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
    currency: Deposits
    system: System
    table: Table
    scopes: Scopes

    proxies = Map(AccountId, Definitions, default=([], u128(0)), hasher=Hasher.Twox64Concat)
    announcements = Map(AccountId, Pending, default=([], u128(0)), hasher=Hasher.Twox64Concat)

    class ProxyExecuted(Event, index=0):
        """A call was made by proxy, with this result."""

        result: Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]

    class PureCreated(Event, index=1):
        """A pure account, which has no key, was created; `who` is its proxy."""

        pure: Who
        who: Who
        proxy_type: Kind
        disambiguation_index: Annotated[u16, TypeName("u16")]

    class PureKilled(Event, index=2):
        """A pure account was given up and is inaccessible from now on."""

        pure: Who
        spawner: Who
        proxy_type: Kind
        disambiguation_index: Annotated[u16, TypeName("u16")]

    class Announced(Event, index=3):
        """A proxy announced a call."""

        real: Who
        proxy: Who
        call_hash: CallHash

    class ProxyAdded(Event, index=4):
        """A proxy was added to an account."""

        delegator: Who
        delegatee: Who
        proxy_type: Kind
        delay: Delay

    class ProxyRemoved(Event, index=5):
        """A proxy was removed from an account."""

        delegator: Who
        delegatee: Who
        proxy_type: Kind
        delay: Delay

    class DepositPoked(Event, index=6):
        """A deposit was changed to its current price."""

        who: Who
        kind: Annotated[DepositKind, TypeName("DepositKind")]
        old_deposit: Annotated[u128, TypeName("BalanceOf<T>")]
        new_deposit: Annotated[u128, TypeName("BalanceOf<T>")]

    class TooMany(Error, index=0):
        """The maximum number of proxies or announcements is reached."""

    class NotFound(Error, index=1):
        """There is no such proxy or announcement."""

    class NotProxy(Error, index=2):
        """The sender is no proxy of the account."""

    class Unproxyable(Error, index=3):
        """The proxy's type does not allow the call."""

    class Duplicate(Error, index=4):
        """The account has this proxy already."""

    class NoPermission(Error, index=5):
        """The sender is not the account that may do this."""

    class Unannounced(Error, index=6):
        """The call was not announced, or not long enough ago."""

    class NoSelfProxy(Error, index=7):
        """An account cannot be its own proxy."""

    # ---- calls

    @call(0, weight=proxy_info)
    def proxy(
        self, origin: Origin, real: Address, force_proxy_type: MaybeKind, call: InnerCall
    ) -> PostInfo:
        """Make a call as the account `real`, of which the caller is a proxy."""
        who = origin.signed()
        account = lookup(real)
        definitions, _ = self.proxies[account]
        definition = self._right(definitions, who, force_proxy_type)
        if definition.delay:
            raise self.Unannounced
        used = self._run(origin, account, definition.proxy_type, call)
        return PostInfo(weight=weights.proxy(len(definitions)) + used)

    @call(1, weight=weights.ADD_PROXY)
    def add_proxy(self, origin: Origin, delegate: Address, proxy_type: Kind, delay: Delay) -> None:
        """Add the proxy `delegate` for calls of `proxy_type`, announced `delay` blocks before."""
        who = origin.signed()
        added = ProxyDefinition(lookup(delegate), proxy_type, delay)
        if added.delegate == who:
            raise self.NoSelfProxy
        definitions, deposit = self.proxies[who]
        if added in definitions:
            raise self.Duplicate
        if len(definitions) >= self.max_proxies:
            raise self.TooMany

        definitions = sorted([*definitions, added])
        self.proxies[who] = (definitions, self._redeposit(who, deposit, len(definitions)))
        self.deposit(self.ProxyAdded(who, added.delegate, proxy_type, delay))

    @call(2, weight=weights.REMOVE_PROXY)
    def remove_proxy(
        self, origin: Origin, delegate: Address, proxy_type: Kind, delay: Delay
    ) -> None:
        """Remove the caller's proxy `delegate` of this type and delay."""
        who = origin.signed()
        removed = ProxyDefinition(lookup(delegate), proxy_type, delay)
        definitions, deposit = self.proxies[who]
        if removed not in definitions:
            raise self.NotFound

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
        self,
        origin: Origin,
        proxy_type: Kind,
        delay: Delay,
        index: Annotated[u16, TypeName("u16")],
    ) -> None:
        """Create an account without a key, with the caller as its proxy.

        `index` distinguishes several that are created in one transaction.
        """
        who = origin.signed()
        now = (self.system.number.value, u32(self.host.extrinsic_index))
        pure = pure_account(who, proxy_type, index, *now)
        if pure in self.proxies:
            raise self.Duplicate

        deposit = self.deposit_for(1)
        self.currency.reserve_named(RESERVE_ID, who, deposit)
        self.proxies[pure] = ([ProxyDefinition(who, proxy_type, delay)], deposit)
        self.deposit(self.PureCreated(pure, who, proxy_type, index))

    @call(5, weight=weights.KILL_PURE)
    def kill_pure(
        self,
        origin: Origin,
        spawner: Address,
        proxy_type: Kind,
        index: Annotated[u16, TypeName("u16")],
        height: Annotated[Compact[u32], TypeName("BlockNumberFor<T>")],
        ext_index: Annotated[Compact[u32], TypeName("u32")],
    ) -> None:
        """End all access to the caller, a pure account. What it owns is lost.

        The other arguments are those with which `spawner` created the account.
        """
        who = origin.signed()
        maker = lookup(spawner)
        if pure_account(maker, proxy_type, index, height, ext_index) != who:
            raise self.NoPermission

        _, deposit = self.proxies[who]
        del self.proxies[who]
        # The spawner paid for the first proxy, the account itself for all later ones.
        makers = min(deposit, self.deposit_for(1))
        self.currency.unreserve_named(RESERVE_ID, maker, makers)
        self.currency.unreserve_named(RESERVE_ID, who, deposit - makers)
        self.deposit(self.PureKilled(who, maker, proxy_type, index))

    @call(6, weight=weights.ANNOUNCE)
    def announce(self, origin: Origin, real: Address, call_hash: CallHash) -> None:
        """Announce a call that the caller will make as `real`, which can reject it until then."""
        who = origin.signed()
        account = lookup(real)
        self._right(self.proxies[account][0], who, None)
        pending, deposit = self.announcements[who]
        if len(pending) >= self.max_pending:
            raise self.TooMany

        pending.append(Announcement(account, call_hash, self.system.number.value))
        self._keep(who, pending, deposit)
        self.deposit(self.Announced(account, who, call_hash))

    @call(7, weight=weights.REMOVE_ANNOUNCEMENT)
    def remove_announcement(self, origin: Origin, real: Address, call_hash: CallHash) -> None:
        """Withdraw an announcement of the caller, and return its deposit."""
        who = origin.signed()
        account = lookup(real)
        if not self._forget(who, lambda a: a.real == account and a.call_hash == call_hash):
            raise self.NotFound

    @call(8, weight=weights.REJECT_ANNOUNCEMENT)
    def reject_announcement(self, origin: Origin, delegate: Address, call_hash: CallHash) -> None:
        """Reject a call that the proxy `delegate` announced; it gets its deposit back."""
        account = origin.signed()
        who = lookup(delegate)
        if not self._forget(who, lambda a: a.real == account and a.call_hash == call_hash):
            raise self.NotFound

    @call(9, weight=announced_info)
    def proxy_announced(
        self,
        origin: Origin,
        delegate: Address,
        real: Address,
        force_proxy_type: MaybeKind,
        call: InnerCall,
    ) -> PostInfo:
        """Make a call that `delegate` announced at least its delay ago, as the account `real`."""
        origin.signed()
        who, account = lookup(delegate), lookup(real)
        definitions, _ = self.proxies[account]
        definition = self._right(definitions, who, force_proxy_type)
        call_hash, now = blake2_256(call.raw), self.system.number.value

        def ripe(told: Announcement) -> bool:
            waited = now - told.height
            return (
                told.real == account and told.call_hash == call_hash and waited >= definition.delay
            )

        told = self._forget(who, ripe)
        if not told:
            raise self.Unannounced
        used = self._run(origin, account, definition.proxy_type, call)
        return PostInfo(weight=weights.proxy_announced(len(definitions), told) + used)

    @call(10, weight=weights.POKE_DEPOSIT)
    def poke_deposit(self, origin: Origin) -> PostInfo | None:
        """Change the caller's deposits to today's prices; free of charge if that changes them."""
        who = origin.signed()
        changed = False
        definitions, old = self.proxies[who]
        new = self.deposit_for(len(definitions))
        if new != old:
            self._move_deposit(who, old, new)
            self.proxies[who] = (definitions, new)
            self.deposit(self.DepositPoked(who, DepositKind.Proxies, old, new))
            changed = True
        pending, old = self.announcements[who]
        new = self.announcement_deposit_for(len(pending))
        if new != old:
            self._move_deposit(who, old, new)
            self.announcements[who] = (pending, new)
            self.deposit(self.DepositPoked(who, DepositKind.Announcements, old, new))
            changed = True
        return PostInfo(pays=False) if changed else None

    # ---- public interface

    def deposit_for(self, proxies: int) -> u128:
        """Return the deposit for `proxies` proxies, in planck."""
        return stepped(self.proxy_deposit_base, self.proxy_deposit_factor, proxies)

    def announcement_deposit_for(self, pending: int) -> u128:
        """Return the deposit for `pending` announced calls, in planck."""
        base, factor = self.announcement_deposit_base, self.announcement_deposit_factor
        return stepped(base, factor, pending)

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
        raise self.NotProxy

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
        self.deposit(self.ProxyExecuted(result))
        declared = self.host.dispatcher.info(call).weight
        return declared if post.weight is None else min(post.weight, declared)

    def _announce_removal(self, who: AccountId, removed: ProxyDefinition) -> None:
        self.deposit(self.ProxyRemoved(who, removed.delegate, removed.proxy_type, removed.delay))

    def _forget(self, who: AccountId, chosen: Callable[[Announcement], bool]) -> int:
        """Remove the chosen announcements of `who`, if any; return the number before removal.

        Zero if none was chosen.
        """
        pending, deposit = self.announcements[who]
        kept = [announcement for announcement in pending if not chosen(announcement)]
        if len(kept) == len(pending):
            return 0
        self._keep(who, kept, deposit)
        return len(pending)

    def _keep(self, who: AccountId, pending: list[Announcement], deposit: u128) -> None:
        """Store the announcements of `who`, and adjust the deposit to their number."""
        due = self.announcement_deposit_for(len(pending))
        self._move_deposit(who, deposit, due)
        if pending:
            self.announcements[who] = (pending, due)
        else:
            del self.announcements[who]

    def _redeposit(self, who: AccountId, deposit: u128, proxies: int) -> u128:
        """Adjust the deposit of `who` to the number of proxies, and return it."""
        due = self.deposit_for(proxies)
        self._move_deposit(who, deposit, due)
        return due

    def _move_deposit(self, who: AccountId, old: u128, new: u128) -> None:
        if new > old:
            self.currency.reserve_named(RESERVE_ID, who, new - old)
        elif new < old:
            self.currency.unreserve_named(RESERVE_ID, who, old - new)


PURE_ACCOUNT: Final = codec(tuple[AccountId, u32, u32, ProxyType, u16])


def pure_account(
    who: AccountId, proxy_type: ProxyType, index: int, height: int, ext_index: int
) -> AccountId:
    """Return the account without a key that `who` creates in this extrinsic of this block."""
    place = (u32(height), u32(ext_index))
    entropy = PURE_ACCOUNT.encode((who, *place, proxy_type, u16(index)))
    return AccountId(blake2_256(PREFIX + entropy))


def covers(scope: Sequence[str], entry: str) -> bool:
    """Return True if `scope` has `entry`, or the pallet of `entry`."""
    return entry in scope or entry.partition(".")[0] in scope


def stepped(base: u128, factor: u128, count: int) -> u128:
    """Return the deposit for `count` things: nothing for none, else a base and a step for each."""
    return base + factor * count if count else u128(0)
