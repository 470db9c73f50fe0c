"""Changes of a state that a user makes between two blocks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from btt_chain.consensus.author import Edit
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import u32, u128
from runtime.accounts import POOLS
from runtime.features.core import Core
from runtime.frame import Runtime, State
from runtime.frame.version import CODE_KEY
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.params import PARAMS_KEY

FIXED = (CODE_KEY, PARAMS_KEY)
"""Keys that select the runtime: with other values no block could follow."""


class BadEdit(Exception):
    """A change that no block could follow; the message gives the reason."""


def values(changes: Mapping[bytes, bytes | None]) -> Edit:
    """Return the edit that sets these values; None removes a key. Raises BadEdit when applied."""
    return partial(_set_values, changes)


def _set_values(changes: Mapping[bytes, bytes | None], runtime: Runtime, state: State) -> None:
    from runtime.audits.storage import OWN_KEYS, PREFIX_SIZE, unreadable

    items = {
        item.prefix: (f"{pallet.name}.{item.name}", item)
        for pallet in runtime.pallets.values()
        for _, item in pallet.live_storage()
    }
    for key, value in changes.items():
        if key in FIXED and value != state.get(key):
            raise BadEdit(
                f"{key.decode()} selects the runtime and its parameters: it cannot be changed"
            )
        name, item = items.get(key[: 2 * PREFIX_SIZE], ("", None))
        if item is None and not key.startswith(OWN_KEYS) and value is not None:
            raise BadEdit(f"the key 0x{key.hex()} belongs to no storage item of this chain")
        problem = unreadable(item, key, value) if item is not None and value is not None else ""
        if problem:
            raise BadEdit(f"{name}: {problem} under 0x{key.hex()}")
        state.put(key, value)


def balance(who: AccountId, amount: int) -> Edit:
    """Return the edit that gives an account this free balance, in planck.

    The difference is minted or destroyed: the total issuance and the supply of genesis move with
    it, so that the sums of the economy still hold. Raises BadEdit when applied.
    """
    return partial(_set_balance, who, int(amount))


def _set_balance(who: AccountId, amount: int, runtime: Runtime, _state: State) -> None:
    if not isinstance(runtime, Core):
        raise BadEdit("this runtime has no balances that could be set")
    if who in POOLS:
        raise BadEdit("the account is a pool, whose balance follows its ledger")
    balances, accounts = runtime.balances, runtime.system.account
    info: AccountInfo = accounts[who]
    data, least = info.data, int(balances.existential_deposit)
    if amount < least and (amount or info.consumers or data.reserved):
        raise BadEdit(
            f"an account holds at least {least} planck; nothing only if it has no deposits"
        )
    if amount + int(data.reserved) < int(data.frozen):
        raise BadEdit(
            f"{int(data.frozen)} planck of the account are locked: its free balance cannot be "
            f"below {int(data.frozen) - int(data.reserved)}"
        )
    minted = amount - int(data.free)
    for total in (balances.total_issuance, runtime.pallet(Tokenomics).genesis_supply):
        after = int(total.value) + minted
        if not 0 <= after <= u128.MAX:
            raise BadEdit(f"the total issuance would be {after} planck, which is out of range")
        total.value = u128(after)
    gained = (amount >= least) - (int(data.free) >= least)
    info.providers = u32(int(info.providers) + gained)
    data.free = u128(amount)
    if info.providers or info.sufficients:
        accounts[who] = info
    else:
        del accounts[who]
