"""The state that benchmarks run on: a node's database with the accounts of a real chain.

The backend is LevelDB, read as the node reads the head of its chain: one get in the flat column
for each key that the block has not read yet, kept in an overlay from then on. The pages are
warm. Writes are counted, not made: each changed key costs what `database.py` measured for a key of
a full block (its part of the trie's root and of the batch that is written).
"""

from __future__ import annotations

import gc
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import Final

from bench.weights.declare import Case
from bench.weights.pace import PACE, picos
from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.crypto.hashing import blake2_128_concat, blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.account import AccountData, AccountId, AccountInfo, Id
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import TransactionSource
from btt_chain.scale import codec, u32, u64, u128
from genesis.build import build
from genesis.catalogue import make
from genesis.spec import ChainSpec, Plain
from runtime import BttRuntime
from runtime.executive import Executive
from runtime.frame import (
    NONE,
    ROOT,
    Call,
    DispatchClass,
    DispatchError,
    DoubleMap,
    Map,
    Origin,
    Weight,
    signed,
)
from runtime.frame.traits import Reasons
from runtime.pallets.balances.types import BalanceLock
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.columns import STATE
from storage.database import ChainStore
from storage.leveldb import open_database
from storage.overlay import Keys, Overlay
from storage.state import StateReader

ACCOUNTS: Final = 50_000
"""Accounts of the reference state: the trie has the depth of that of a small public chain."""
MONEY: Final = 10**24
"""Balance of each of the benchmarks' accounts, in planck."""
LONG_VALUES: Final = 4
LONG_VALUE: Final = 1 << 20
"""Number and length in bytes of the values that only `database.py` reads."""
VALIDATORS: Final = 16
BLOCK: Final = 20_000
"""Height of the current block, and number of slots since the first one."""
REPEATS: Final = 40
ENOUGH: Final = 0.5
"""Seconds after which a point is not repeated."""
FEW: Final = 3
"""Minimum number of repeats, however long one takes."""


NO_RECORD: Final = codec(AccountInfo).encode(AccountInfo())
"""Record of an account that does not exist yet."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The cost of one point: picoseconds of execution, keys written and their bytes."""

    picos: int
    writes: int
    written: int
    removed: int = 0
    """Bytes of the previous values."""
    declared: int = 0
    """Present weight of this call in the runtime."""


def key_of(number: int, scheme: Scheme = Scheme.SR25519) -> KeyPair:
    """Return the key of one of the benchmarks' accounts."""
    return KeyPair.from_seed(blake2_256(b"benchmark account %d" % number), scheme)


def long_key(number: int) -> bytes:
    """Return the key of one of the long values."""
    return b":benchmark:" + blake2_256(b"long %d" % number)


def specification() -> ChainSpec:
    """Return the chain: development keys, and the main network's parameters."""
    # Vesting and emission count in slots: recorded weights were measured with these.
    spec = make("local", validators=VALIDATORS, slot_ms=2_000)
    live = make("mainnet")
    assert isinstance(spec.genesis, Plain)
    assert isinstance(live.genesis, Plain)
    config = deepcopy(dict(spec.genesis.config))
    params = dict(live.genesis.config["params"])  # type: ignore[call-overload]
    params["minValidators"] = 1
    config["params"] = params
    return ChainSpec(spec.name, spec.id, spec.chain_type, Plain(config))


def lesser(one: Sample | None, other: Sample) -> Sample:
    """Return the sample with the lower cost."""
    return other if one is None or other.picos < one.picos else one


class Rootless(Overlay):
    """Changes over a state whose root is not computed: each key includes the cost of that."""

    __slots__ = ()

    def root(self) -> bytes:
        """Return a placeholder for the root."""
        return bytes(32)


class Bench:
    """A runtime over the reference state, with methods to prepare and to measure."""

    def __init__(self, path: Path | None, accounts: int = ACCOUNTS) -> None:
        """Open over a new database in `path`; None keeps the state in memory, for tests."""
        state = self._genesis(accounts)
        self.store: ChainStore | None = None
        self.memory: dict[bytes, bytes] = state
        self.reader: StateReader | None = None
        if path is not None:
            self.kv = open_database(path, lambda _kv, _thorough: None, min_free=0)
            self.store = ChainStore(self.kv)
            self.store.insert_genesis(state, _header)
            self.reader = self.store.state.reader(self.store.blocks.best.hash)
            self.memory = {}
        self._prepared: dict[bytes, bytes | None] = {}
        self.enter()

    def close(self) -> None:
        """Close the database; nothing that outlives this object refers to it afterwards.

        A handle that is freed while the interpreter ends prints "Error in sys.excepthook".
        """
        self.memory, self._prepared, self.reader = {}, {}, None
        self.enter()
        if self.store is not None:
            self.store.close()
            self.store = None
            del self.kv

    # ---- the state

    def _genesis(self, accounts: int) -> dict[bytes, bytes]:
        state = dict(build(specification()).state)
        self.params = RuntimeParams.decode(state[PARAMS_KEY])
        self.runtime = BttRuntime(self.params)
        overlay = Overlay(state.get, _walk(state))
        self.runtime.enter(overlay)
        self._maps = [
            item
            for pallet in self.runtime.pallets.values()
            for _, item in pallet.live_storage()
            if isinstance(item, Map | DoubleMap)
        ]
        self._begin()
        state |= {key: value for key, value in overlay.changes().items() if value is not None}
        prefix = self.runtime.system.account.prefix
        raw = codec(AccountInfo).encode(
            AccountInfo(providers=u32(1), data=AccountData(free=u128(MONEY)))
        )
        for number in range(accounts):
            state[prefix + blake2_128_concat(blake2_256(b"account %d" % number))] = raw
        for number in range(LONG_VALUES):
            state[long_key(number)] = blake2_256(b"%d" % number) * (LONG_VALUE // 32)
        return state

    def _begin(self) -> None:
        runtime = self.runtime
        runtime.babe.genesis_slot.value = Slot(1)
        runtime.babe.epochs.epoch_index.value = u64(BLOCK // int(self.params.epoch_slots))
        runtime.system.number.value = u32(BLOCK)
        self.at(BLOCK)

    def at(self, slot: int) -> None:
        """Move the clock to that many slots after the first block; the last one set the time."""
        babe = self.runtime.babe
        now = int(babe.genesis_slot.value) + slot
        babe.current_slot.value = Slot(now)
        self.runtime.timestamp.now.value = u64((now - 1) * int(self.params.slot_ms))

    def enter(self) -> Rootless:
        """Continue over the prepared state with an empty overlay."""
        overlay = self._overlay()
        runtime = self.runtime
        runtime.host.enter(overlay)
        # The current block read these long before.
        for item in (runtime.system.number, runtime.babe.current_slot, runtime.babe.genesis_slot):
            overlay.get(item.prefix)
        overlay.begin()
        runtime.system.begin_extrinsic()
        return overlay

    def _overlay(self) -> Rootless:
        if self.reader is not None and self.store is not None:
            # It remembers no value that an earlier overlay read: benchmarks write past the store.
            head, blocks = self.reader, self.store.blocks
            reader = StateReader(blocks, self.kv, blocks.best, head.root)
            return Rootless(reader.get, reader.keys)
        merged = {**self.memory, **self._prepared}
        kept = {key: value for key, value in merged.items() if value is not None}
        return Rootless(kept.get, _walk(kept))

    def keep(self, values: Mapping[bytes, bytes]) -> None:
        """Write values into the database permanently."""
        if self.reader is None:
            self.memory |= values
        else:
            self.kv.write({STATE + key: value for key, value in values.items()})

    def open_block(self, runner: Executive, overlay: Rootless) -> None:
        """Open the block after the current one, in the next slot, made by the first validator."""
        zero = H256(bytes(32))
        slot = Slot(int(self.runtime.babe.current_slot.value) + 1)
        claim = pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(0), slot)))
        runner.initialize_block(overlay, Header(zero, u32(BLOCK + 1), zero, zero, Digest([claim])))

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Write the prepared state into the database; remove it again at the end."""
        state = self.runtime.host.state
        assert isinstance(state, Overlay)
        changes = state.changes()
        if self.reader is None:
            self._prepared = changes
            yield
            self._prepared = {}
            return
        old = {STATE + key: self.kv.get(STATE + key) for key in changes}
        self.kv.write({STATE + key: value for key, value in changes.items()})
        try:
            yield
        finally:
            self.kv.write(old)

    # ---- measuring

    def measure(self, case: Case, repeats: int = REPEATS) -> Sample:
        """Return the minimum cost of a case, over a state that it was prepared on.

        Excluded calls are measured in turn with it, so that both meet the same machine load.
        """
        cases = [case, *(self._many(*others) for others in case.without)]
        least: list[Sample | None] = [None] * len(cases)
        PACE.renew()
        with self.prepared():
            begun = time.thread_time()
            for count in range(repeats):
                if count >= FEW and time.thread_time() - begun > ENOUGH * len(cases):
                    break
                for place, each in enumerate(cases):
                    least[place] = lesser(least[place], self.once(each))
        self.enter()
        first, *others = [each for each in least if each is not None]
        own = max(0, first.picos - sum(each.picos for each in others))
        return replace(first, picos=own // case.times)

    def _many(self, origin: Origin, call: Call, times: int) -> Case:
        """Return the case of a call that is decoded, weighed and made that many times."""
        runtime, raw = self.runtime, call.raw

        def run() -> None:
            for _ in range(times):
                decoded = runtime.call_codec.decode_all(raw)
                runtime.info(decoded)
                with suppress(DispatchError):
                    runtime.dispatch(origin, decoded)

        return Case(run=run)

    def once(self, case: Case) -> Sample:
        """Measure once, over an empty overlay."""
        overlay, runtime = self.enter(), self.runtime
        declared, post, call = 0, None, case.call
        self._begin_block(overlay, case)
        known = overlay.changes()
        gc.collect(0)
        gc.disable()
        try:
            if call is None:
                assert case.run is not None
                begun = time.thread_time_ns()
                case.run()
                runtime.host.encoded_events()
                spent = time.thread_time_ns() - begun
            else:
                raw = call.raw
                begun = time.thread_time_ns()
                decoded = runtime.call_codec.decode_all(raw)
                info = runtime.info(decoded)
                if case.origin is NONE and info.dispatch_class is not DispatchClass.Mandatory:
                    pallet = runtime.pallets[decoded.pallet]
                    assert pallet.validate_unsigned(decoded, TransactionSource.InBlock)
                try:
                    post = runtime.dispatch(case.origin, decoded)
                except DispatchError as failure:
                    if not case.fails:
                        raise
                    post = failure.post
                for who in case.callers:
                    self._write_record(overlay, who)
                runtime.host.encoded_events()
                spent = time.thread_time_ns() - begun
                declared = info.weight
                if post is not None and post.weight is not None:
                    declared = min(declared, post.weight)
        finally:
            gc.enable()
        changes = {key: value for key, value in overlay.changes().items() if key not in known}
        written = sum(len(value) for value in changes.values() if value is not None)
        base = self._overlay()
        removed = sum(len(base.get(key) or b"") for key in changes)
        return Sample(picos(spent), len(changes), written, removed, declared)

    def _begin_block(self, overlay: Overlay, case: Case) -> None:
        """Make the calls before that of a case, in a runtime that has decoded no record of a map.

        A real one keeps some records, but a sender may choose others. The record of the signer was
        read and written for the nonce and the fee, and is part of `BASE_EXTRINSIC`.
        """
        runtime = self.runtime
        for item in self._maps:
            item.forget_decoded()
        for origin, call in case.before:
            runtime.dispatch(origin, runtime.call_codec.decode_all(call.raw))
        signer = case.origin.account
        if signer is not None and signer in runtime.system.account:
            self._write_record(overlay, signer)
        runtime.host.events.clear()

    def _write_record(self, overlay: Overlay, who: AccountId) -> None:
        """Read the record of an account and write it, as an extension does for the fee."""
        key = self.runtime.system.account.prefix + blake2_128_concat(who)
        overlay.put(key, overlay.get(key) or NO_RECORD)

    # ---- preparing

    def account(self, number: int = 0, free: int = MONEY) -> AccountId:
        """Return an account with money and two locks."""
        who = AccountId(key_of(number).account_id)
        return self.endow(who, free)

    def endow(self, who: AccountId, free: int = MONEY) -> AccountId:
        """Give an account money and two locks."""
        runtime = self.runtime
        balances = runtime.balances
        if balances.locks[who]:
            return who
        info = runtime.system.account[who]
        info.providers, info.consumers = u32(1), u32(1)
        info.data.free, info.data.frozen = u128(free), u128(1)
        runtime.system.account[who] = info
        locks = (b"benchmk1", b"benchmk2")
        balances.locks[who] = [BalanceLock(name, u128(1), Reasons.Misc) for name in locks]
        return who

    def plain(self, number: int = 0, free: int = MONEY) -> AccountId:
        """Return an account with free money and nothing else, which can be closed."""
        return self.plain_account(AccountId(key_of(number).account_id), free)

    def plain_account(self, who: AccountId, free: int = MONEY) -> AccountId:
        """Give an account free money and nothing else."""
        info = AccountInfo(providers=u32(1), data=AccountData(free=u128(free)))
        self.runtime.system.account[who] = info
        return who

    def poor(self, number: int) -> AccountId:
        """Return an account that does not exist."""
        return AccountId(blake2_256(b"unused %d" % number))

    def call(self, pallet: str, name: str, /, **args: object) -> Call:
        """Build a call by name."""
        return self.runtime.call(pallet, name, **args)

    def signed(self, who: AccountId, pallet: str, name: str, /, **args: object) -> Case:
        """Return the case of a call signed by `who`."""
        return Case(self.call(pallet, name, **args), signed(who))

    def root(self, pallet: str, name: str, /, **args: object) -> Case:
        """Return the case of a call with the root origin."""
        return Case(self.call(pallet, name, **args), ROOT)

    def weight(self, picos: int) -> Weight:
        """Return a weight of that many picoseconds."""
        return Weight(u64(picos))

    def remark(self) -> Call:
        """Return the smallest call."""
        return self.call("System", "remark", remark=b"")

    def does(self, who: AccountId, pallet: str, name: str, /, **args: object) -> None:
        """Make a call as part of the preparation; it must succeed."""
        self.runtime.dispatch(signed(who), self.call(pallet, name, **args))

    def decides(self, pallet: str, name: str, /, **args: object) -> None:
        """Make a root call as part of the preparation."""
        self.runtime.dispatch(ROOT, self.call(pallet, name, **args))


def address(who: AccountId) -> Id:
    """Return the address of an account."""
    return Id(who)


def _walk(state: Mapping[bytes, bytes]) -> Keys:
    """Return a walk over the keys of a state in memory."""
    ordered = sorted(state)

    def keys(prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        start = bisect_left(ordered, prefix) if after is None else bisect_right(ordered, after)
        return takewhile(lambda key: key.startswith(prefix), islice(ordered, start, None))

    return keys


def _header(root: bytes) -> bytes:
    zero = H256(bytes(32))
    return Header(zero, u32(0), H256(root), H256(extrinsics_root([])), Digest([])).encode()
