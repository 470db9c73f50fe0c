"""Sudo: one key with root rights on development networks.

The pallet is in every chain's metadata; only development and local chains have a key. Without a key
only root itself can use these calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import Err, Ok, Result, TypeName
from runtime.frame import (
    ROOT,
    BadOrigin,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Origin,
    Pallet,
    PostInfo,
    RuntimeCall,
    Section,
    Value,
    Weight,
    WireError,
    call,
    signed,
)
from runtime.frame.aliases import AccountIdLookupOf, AccountIdOf
from runtime.frame.origin import OriginKind
from runtime.pallets.balances.types import is_pool, lookup
from runtime.pallets.sudo import weights
from runtime.pallets.utility.pallet import carrying_weight

DispatchResult = Annotated[Result[tuple[()], WireError], TypeName("DispatchResult")]
BoxedCall = Annotated[RuntimeCall, TypeName("Box<<T as Config>::RuntimeCall>")]

FREE_OF_CHARGE = PostInfo(pays=False)


def with_call(sudo: Sudo, inner: RuntimeCall) -> DispatchInfo:
    """Weigh a call made as root: its weight and this pallet's own."""
    info = sudo.host.dispatcher.info(inner)
    return DispatchInfo(weights.SUDO + info.weight, info.dispatch_class)


def with_weight(sudo: Sudo, inner: RuntimeCall, weight: Weight) -> DispatchInfo:
    """Weigh a call by the weight that the sender declares, plus this pallet's own.

    Any account may send this call and be refused, so the cost of carrying it is included.
    """
    dispatcher = sudo.host.dispatcher
    carrying = carrying_weight(dispatcher, inner)
    declared = weights.SUDO_UNCHECKED_WEIGHT + carrying + int(weight.ref_time)
    return DispatchInfo(declared, dispatcher.info(inner).dispatch_class)


def as_account(sudo: Sudo, who: MultiAddress, inner: RuntimeCall) -> DispatchInfo:
    """Weigh a call made for another account."""
    del who
    info = sudo.host.dispatcher.info(inner)
    return DispatchInfo(weights.SUDO_AS + info.weight, info.dispatch_class)


class Sudo(Pallet):
    """One key with root rights, where there is one."""

    key = Value(AccountId)

    class Sudid(Event, index=0):
        """The key holder made a call as root, with this result."""

        sudo_result: DispatchResult

    class KeyChanged(Event, index=1):
        """The key was passed on."""

        old: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
        new: AccountIdOf

    class KeyRemoved(Event, index=2):
        """The key was removed permanently."""

    class SudoAsDone(Event, index=3):
        """The key holder made a call for another account, with this result."""

        sudo_result: DispatchResult

    class RequireSudo(Error, index=0):
        """Only the holder of the sudo key may do this."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Set the optional `key`, an address. Raises GenesisError."""
        key = Section(config, "sudo").fields(optional=("key",)).get("key")
        if key is not None and key.present():
            self.key.value = key.account()

    # ---- calls

    @call(0, weight=with_call)
    def sudo(self, origin: Origin, call: BoxedCall) -> PostInfo:
        """Make a call as root. Origin: root or key holder."""
        self._ensure_sudo(origin)
        self.deposit(self.Sudid(self._result(ROOT, call)))
        return FREE_OF_CHARGE

    @call(1, weight=with_weight)
    def sudo_unchecked_weight(self, origin: Origin, call: BoxedCall, weight: Weight) -> PostInfo:
        """Make a call as root, with a declared weight. Origin: root or key holder."""
        self._ensure_sudo(origin)
        self.deposit(self.Sudid(self._result(ROOT, call)))
        return FREE_OF_CHARGE

    @call(2, weight=weights.SET_KEY)
    def set_key(self, origin: Origin, new: AccountIdLookupOf) -> PostInfo:
        """Pass the key on to `new`. Origin: root or key holder."""
        self._ensure_sudo(origin)
        holder = lookup(new)
        old = self.key.get()
        self.key.value = holder
        self.deposit(self.KeyChanged(old, holder))
        return FREE_OF_CHARGE

    @call(3, weight=as_account)
    def sudo_as(self, origin: Origin, who: AccountIdLookupOf, call: BoxedCall) -> PostInfo:
        """Make a call as `who`, which is not a pool account. Origin: root or key holder."""
        self._ensure_sudo(origin)
        account = lookup(who)
        if is_pool(account):
            raise BadOrigin
        self.deposit(self.SudoAsDone(self._result(signed(account), call)))
        return FREE_OF_CHARGE

    @call(4, weight=weights.REMOVE_KEY)
    def remove_key(self, origin: Origin) -> PostInfo:
        """Remove the key permanently. Origin: root or key holder."""
        self._ensure_sudo(origin)
        self.key.kill()
        self.deposit(self.KeyRemoved())
        return FREE_OF_CHARGE

    # ---- internals

    def _ensure_sudo(self, origin: Origin) -> None:
        """Raise RequireSudo unless the origin is root or the key holder."""
        if origin.kind is not OriginKind.ROOT and origin.signed() != self.key.get():
            raise self.RequireSudo

    def _result(self, origin: Origin, call: RuntimeCall) -> Result[tuple[()], WireError]:
        """Make the call without call filters, and return its result."""
        dispatcher = self.host.dispatcher
        try:
            dispatcher.dispatch(origin, call, bypass_filter=True)
        except DispatchError as error:
            return Err(dispatcher.wire_error(error))
        return Ok(())
