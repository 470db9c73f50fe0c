"""Arguments for calls about accounts: balances, multisigs, proxies, vesting, identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.identity.types import Data, Erroneous, FeePaid, IdentityInfo, KnownGood
from runtime.pallets.multisig.pallet import Timepoint
from runtime.pallets.proxy.types import ProxyType
from runtime.schedules import VestingInfo
from support.conservation.arguments.common import Arguments, announced, calls, origin
from support.conservation.chain import INFO

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser


def schedule(c: Chooser) -> VestingInfo:
    now = c.runtime.babe.now()
    locked = c.one_of((c.amount(), u128(100 * BTT), u128(101 * BTT), u128(250 * BTT)))
    per_block = u128(c.one_of((0, 1, 10**18, int(locked) // 5, int(locked) // 2, u128.MAX)))
    return VestingInfo(locked, per_block, c.one_of((c.number(), u32(now), u32(now + 2))))


def definition(c: Chooser) -> dict[str, object]:
    return {"delegate": c.address(), "proxy_type": c.kind(), "delay": c.one_of((u32(0), u32(1)))}


CALLS: dict[str, Arguments] = {
    "System.remark": lambda c, _: {"remark": b"x"},
    "System.remark_with_event": lambda c, _: {"remark": b"x"},
    "Timestamp.set": lambda c, _: {"now": u64(1)},
    "Balances.transfer_allow_death": lambda c, _: {"dest": c.address(), "value": c.amount()},
    "Balances.transfer_keep_alive": lambda c, _: {"dest": c.address(), "value": c.amount()},
    "Balances.transfer_all": lambda c, _: {"dest": c.address(), "keep_alive": c.flag()},
    "Balances.burn": lambda c, _: {"value": c.amount(), "keep_alive": c.flag()},
    "Balances.force_transfer": lambda c, _: {
        "source": c.address(), "dest": c.address(), "value": c.amount(),
    },
    "Balances.force_unreserve": lambda c, _: {"who": c.address(), "amount": c.amount()},
    "Balances.force_set_balance": lambda c, _: {"who": c.address(), "new_free": c.amount()},
    "Utility.batch": calls,
    "Utility.batch_all": calls,
    "Utility.force_batch": calls,
    "Utility.as_derivative": lambda c, d: {"index": u16(1), "call": c.inner(d)},
    "Utility.dispatch_as": lambda c, d: {"as_origin": origin(c), "call": c.inner(d)},
    "Utility.dispatch_as_fallible": lambda c, d: {"as_origin": origin(c), "call": c.inner(d)},
    "Utility.with_weight": lambda c, d: {"call": c.inner(d), "weight": c.weight()},
    "Utility.if_else": lambda c, d: {"main": c.inner(d), "fallback": c.inner(d)},
    "Multisig.as_multi_threshold_1": lambda c, d: {
        "other_signatories": c.others(), "call": c.inner(d),
    },
    "Multisig.as_multi": lambda c, d: {
        "threshold": u16(2), "other_signatories": c.others(), "maybe_timepoint": c.when(),
        "call": c.inner(d), "max_weight": c.weight(),
    },
    "Multisig.approve_as_multi": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(), "maybe_timepoint": c.when(),
        "call_hash": announced(c), "max_weight": c.weight(),
    },
    "Multisig.cancel_as_multi": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(),
        "timepoint": c.when() or Timepoint(u32(1), u32(1)), "call_hash": announced(c),
    },
    "Multisig.poke_deposit": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(), "call_hash": announced(c),
    },
    "Proxy.proxy": lambda c, d: {
        "real": c.real(), "force_proxy_type": None, "call": c.inner(d),
    },
    "Proxy.add_proxy": lambda c, _: definition(c),
    "Proxy.remove_proxy": lambda c, _: definition(c),
    "Proxy.remove_proxies": lambda c, _: {},
    "Proxy.create_pure": lambda c, _: {
        "proxy_type": c.kind(), "delay": u32(0), "index": u16(0),
    },
    "Proxy.kill_pure": lambda c, _: {
        "spawner": c.address(), "proxy_type": ProxyType.Any, "index": u16(0),
        "height": u32(c.one_of(range(6))), "ext_index": u32(1),
    },
    "Proxy.poke_deposit": lambda c, _: {},
    "Proxy.announce": lambda c, _: {"real": c.real(), "call_hash": announced(c)},
    "Proxy.remove_announcement": lambda c, _: {"real": c.address(), "call_hash": announced(c)},
    "Proxy.reject_announcement": lambda c, _: {"delegate": c.address(), "call_hash": announced(c)},
    "Proxy.proxy_announced": lambda c, d: {
        "delegate": c.address(), "real": c.address(), "force_proxy_type": None,
        "call": c.inner(d),
    },
    "Vesting.vest": lambda c, _: {},
    "Vesting.vest_other": lambda c, _: {"target": c.address()},
    "Vesting.vested_transfer": lambda c, _: {"target": c.address(), "schedule": schedule(c)},
    "Vesting.force_vested_transfer": lambda c, _: {
        "source": c.address(), "target": c.address(), "schedule": schedule(c),
    },
    "Vesting.merge_schedules": lambda c, _: {
        "schedule1_index": c.number(), "schedule2_index": c.number(),
    },
    "Vesting.force_remove_vesting_schedule": lambda c, _: {
        "target": c.address(), "schedule_index": u32(0),
    },
    "Identity.add_registrar": lambda c, _: {"account": c.address()},
    "Identity.set_identity": lambda c, _: {"info": INFO},
    "Identity.set_subs": lambda c, _: {
        "subs": [(c.who(), Data.text("part")) for _ in range(c.one_of(range(3)))],
    },
    "Identity.clear_identity": lambda c, _: {},
    "Identity.request_judgement": lambda c, _: {
        "reg_index": u32(0), "max_fee": c.amount(),
    },
    "Identity.cancel_request": lambda c, _: {"reg_index": u32(0)},
    "Identity.set_fee": lambda c, _: {"index": u32(0), "fee": c.amount()},
    "Identity.set_account_id": lambda c, _: {"index": u32(0), "new": c.address()},
    "Identity.set_fields": lambda c, _: {"index": u32(0), "fields": u64(1)},
    "Identity.provide_judgement": lambda c, _: {
        "reg_index": u32(0), "target": c.address(),
        "judgement": c.one_of((KnownGood(), Erroneous(), FeePaid(u128(1)))),
        "identity": H256(blake2_256(codec(IdentityInfo).encode(INFO))),
    },
    "Identity.kill_identity": lambda c, _: {"target": c.address()},
    "Identity.add_sub": lambda c, _: {"sub": c.address(), "data": Data.text("part")},
    "Identity.rename_sub": lambda c, _: {"sub": c.address(), "data": Data.text("name")},
    "Identity.remove_sub": lambda c, _: {"sub": c.address()},
    "Identity.quit_sub": lambda c, _: {},
    "Identity.agree_sub": lambda c, _: {"main": c.address()},
}  # fmt: skip
