"""Attacks of one call, which succeed or do not: no time is measured."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btt_chain.crypto.hashing import blake2_128, twox_64, twox_128
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import compact_encode
from btt_chain.testing import Devnet, DevNode, RpcFailed
from devnet import launcher
from hostile import servers
from hostile.payloads import Signer
from runtime.constants import BTT
from support.sim.short_ids import CHARGED, TWISTS, play

CALLS: Final = 50
IDS_SEEDS: Final = 5
WAIT: Final = 60.0
HOUR_MS: Final = 3_600_000
SLOTS_AHEAD: Final = 15
"""Slots that a validator runs with a wrong clock; more than `clock_guard.MAX_LAG`."""
SLOTS_TO_SEAL: Final = 30
"""Slots within which it seals blocks again after its clock was corrected."""
_ACCOUNT: Final = twox_128(b"System") + twox_128(b"Account")
_NEXT_KEYS: Final = twox_128(b"Session") + twox_128(b"NextKeys")


@dataclass(frozen=True, slots=True)
class Check:
    """One functional attack; `run` returns how it succeeded, None if it did not."""

    name: str
    what: str
    run: Callable[[Devnet], str | None]


def _signer(net: Devnet, uri: str) -> Signer:
    genesis = bytes.fromhex(str(net[0].rpc.call("chain_getBlockHash", 0))[2:])
    made = Signer(uri, genesis, net.slot_ms, 0)
    made.nonce = int(str(net[0].rpc.call("system_accountNextIndex", ss58.encode(made.account))))
    return made


def _submit(node: DevNode, wire: bytes) -> None:
    node.rpc.call("author_submitExtrinsic", "0x" + wire.hex())


def _stored(node: DevNode, key: bytes) -> bytes | None:
    raw = node.rpc.call("state_getStorage", "0x" + key.hex())
    return bytes.fromhex(raw[2:]) if isinstance(raw, str) else None


def _free(node: DevNode, account: AccountId) -> int:
    raw = _stored(node, _ACCOUNT + blake2_128(account) + bytes(account))
    return 0 if raw is None else int.from_bytes(raw[16:32], "little")


def _until(what: str, holds: Callable[[], bool], seconds: float = WAIT) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.3)


# ---- D8


def session_keys_belong_to_who_proves_them(net: Devnet) -> str | None:
    """Eve registers Ferdie's session keys before he does."""
    node = net[0]
    owner, thief = _signer(net, "//Ferdie"), _signer(net, "//Eve")
    made = node.rpc.call("author_rotateKeysWithOwner", "0x" + bytes(owner.account).hex())
    assert isinstance(made, dict)
    keys, proof = (bytes.fromhex(str(made[name])[2:]) for name in ("keys", "proof"))
    index = owner.index("Session", "set_keys")

    def registered(account: AccountId) -> bool:
        stored = _stored(node, _NEXT_KEYS + twox_64(account) + bytes(account))
        return stored is not None and stored.startswith(keys)

    _submit(node, thief.sign(index + keys + compact_encode(0)))
    _until("the call of the thief is in a block", lambda: _nonce(net, thief) == thief.nonce)
    _submit(node, owner.sign(index + keys + compact_encode(len(proof)) + proof))
    _until("the call of the owner is in a block", lambda: _nonce(net, owner) == owner.nonce)
    return None if registered(owner.account) else "the owner's valid proof was refused"


def _nonce(net: Devnet, signer: Signer) -> int:
    raw = _stored(net[0], _ACCOUNT + blake2_128(signer.account) + bytes(signer.account))
    return 0 if raw is None else int.from_bytes(raw[:4], "little")


# ---- D9


def old_transactions_cannot_be_replayed(net: Devnet) -> str | None:
    """A transfer of an account that was reaped is submitted again when it has money again."""
    node, payer = net[0], _signer(net, "//Eve")
    victim = _signer(net, f"//Replayed-{secrets.token_hex(4)}")
    receiver = AccountId(secrets.token_bytes(32))
    transfer = payer.index("Balances", "transfer_allow_death")
    everything = payer.index("Balances", "transfer_all")

    def pay(who: AccountId, amount: int) -> bytes:
        return transfer + b"\x00" + bytes(who) + compact_encode(amount)

    def fund() -> None:
        before = _free(node, victim.account)
        _submit(node, payer.sign(pay(victim.account, 20 * BTT)))
        _until("the victim has money", lambda: _free(node, victim.account) > before)
        victim.nonce = _nonce(net, victim)

    fund()
    old = victim.sign(pay(receiver, 5 * BTT))
    _submit(node, old)
    _until("the transfer is in a block", lambda: _free(node, receiver) == 5 * BTT)
    _submit(node, victim.sign(everything + b"\x00" + bytes(payer.account) + b"\x00"))
    _until("the account is reaped", lambda: _free(node, victim.account) == 0)
    fund()
    try:
        _submit(node, old)
    except RpcFailed:
        return None
    best = node.rpc.best()
    _until("three blocks later", lambda: node.rpc.best() >= best + 3)
    moved = _free(node, receiver) // BTT
    return None if moved == 5 else f"the old transfer moved money again: {moved} BTT, not 5"


# ---- D10


def rotating_keys_leaks_no_descriptors(net: Devnet) -> str | None:
    """`author_rotateKeys` again and again."""
    node = net[0]
    assert node.process is not None
    folder = Path(f"/proc/{node.process.pid}/fd")
    node.rpc.call("author_rotateKeys")
    before = len(list(folder.iterdir()))
    for _ in range(CALLS):
        node.rpc.call("author_rotateKeys")
    grown = len(list(folder.iterdir())) - before
    # Connections of clients come and go.
    return None if grown < CALLS // 2 else f"{grown} more open files after {CALLS} calls"


# ---- compact blocks


def wrong_short_ids_stop_no_block(_net: Devnet) -> str | None:
    """One of four validators answers with wrong ids, extrinsics or bytes; in played time."""
    for name in TWISTS:
        for seed in range(IDS_SEEDS):
            played = play(seed, name)
            what = f"{name}, seed {seed}"
            if not played.paid or played.blocks < played.slots - 2:
                return f"{what}: {played.blocks} blocks in {played.slots} slots"
            if (name in CHARGED) != (played.costs > 0) and played.cheat.done:
                return f"{what}: charged {played.costs}"
            if played.others:
                return f"{what}: honest nodes were charged {played.others}"
    return None


# ---- N2


def a_clock_that_is_ahead_costs_no_slots(net: Devnet) -> str | None:
    """The clock of one validator is an hour ahead from one start to the next."""
    node, usual = net[len(net) - 1], list(net[len(net) - 1].program)
    ahead = net.base / "clock-ahead"
    ahead.write_text(str(HOUR_MS))
    try:
        node.program = launcher.program(f"clock={ahead}")
        net.restart(node.index)
        node = net[node.index]
        try:
            _until("the key's state is `clock`", lambda: _sealing_state(node) == "clock")
            final = net[0].rpc.finalized()
            net.wait_for_finality(final + SLOTS_AHEAD, nodes=range(len(net) - 1), seconds=2 * WAIT)
            if _sealing_state(node) != "clock":
                return f"after {SLOTS_AHEAD} blocks its key's state is {_sealing_state(node)}"
        finally:
            node.program = usual
            net.restart(node.index)
        node, seconds = net[node.index], SLOTS_TO_SEAL * net.slot_ms / 1_000
        _until("it seals blocks again", lambda: _sealing_state(node) == "signs", seconds)
    except TimeoutError as error:
        return str(error)
    return None


def _sealing_state(node: DevNode) -> str:
    """Return the state of a node's BABE key."""
    keys = node.rpc.call("signing_status")
    assert isinstance(keys, list)
    rows = [key for key in keys if isinstance(key, dict) and key["type"] == "babe"]
    return str(rows[0]["state"])


CHECKS: Final = (
    Check("D8", "session keys go to the account that proves them",
          session_keys_belong_to_who_proves_them),
    Check("D9", "a reaped account's transactions cannot be replayed",
          old_transactions_cannot_be_replayed),
    Check("N2", "a clock an hour ahead seals nothing, and costs no slots afterwards",
          a_clock_that_is_ahead_costs_no_slots),
    Check("D10-files", f"{CALLS} author_rotateKeys leave no open files",
          rotating_keys_leaks_no_descriptors),
    Check("records", "16 connections of unknown senders hold no memory of a custodian (H1)",
          servers.unknown_senders_hold_no_memory_of_a_custodian),
    Check("explorer", "a page with 8,000 events takes no time of other readers (H2)",
          servers.an_expensive_page_takes_no_time_of_other_readers),
    Check("short-ids", f"{len(TWISTS)} wrong answers about compact blocks stop none",
          wrong_short_ids_stop_no_block),
)  # fmt: skip
