"""dev_*: controls of development chains that are sealed by hand.

Names, parameters and answers are those of chopsticks; snapshots, balances and impersonation have
the names of hardhat's with `dev_` in front. Errors have code 1, as those of chopsticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from btt_chain.chain.reading import when_read
from btt_chain.node.dev.control import DevControl, DevRefused
from btt_chain.node.dev.dry_run import Diff
from btt_chain.primitives.digits import from_hex, hex_or_none, to_hex
from btt_chain.rpc.backend import Chain
from btt_chain.rpc.dev_values import REMOVE_PREFIX, BadValue, StorageForm, account, amount, moment
from btt_chain.rpc.params import Flag, Hash, Parsed
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method

DEV_ERROR: Final = 1
"""Code of all errors of these methods. Source: chopsticks, ResponseError."""

EVENTS: Final = ("system", "events")

PARACHAIN: Final = ("hrmp", "ump", "dmp", "relayChainStateOverrides", "relayParentNumber")
"""Parameters of dev_newBlock that mean something on parachains only."""

Json = Annotated[object, Parsed(lambda value: value)]
"""Any value of JSON: the method reads it."""


class DevApi:
    """Development controls."""

    def __init__(self, chain: Chain, dev: DevControl) -> None:
        self.chain = chain
        self.dev = dev
        self._form: tuple[bytes, StorageForm] | None = None

    # ---- blocks and time

    @method("dev_newBlock", unsafe=True, cost=HEAVY)
    async def new_block(self, params: Json = None) -> str:
        """Make blocks of the pool's transactions, or of given ones; return the last one's hash."""
        given = _object(params)
        _check_names(given, ("count", "to", "transactions", "unsafeBlockHeight", *PARACHAIN))
        for name in PARACHAIN:
            if given.get(name):
                raise _failed(f"{name}: this chain is not a parachain, and takes no such messages")
        wires = given.get("transactions")
        transactions = None if wires is None else [_hex(wire) for wire in _list(wires)]
        try:
            count = self.dev.check_count(
                _whole(given, "count"), _whole(given, "to"), _whole(given, "unsafeBlockHeight")
            )
            hash = await when_read(lambda: self.dev.new_block(transactions))
            for _ in range(count - 1):
                await asyncio.sleep(0)
                hash = await when_read(self.dev.new_block)
        except DevRefused as refusal:
            raise _failed(str(refusal)) from None
        return to_hex(hash)

    @method("dev_timeTravel", unsafe=True, cost=HEAVY)
    def time_travel(self, date: Json) -> int:
        """Make an empty block at a date, or a time in milliseconds; return it in milliseconds."""
        try:
            time_ms = moment(date)
            self.dev.time_travel(time_ms)
        except (BadValue, DevRefused) as refusal:
            raise _failed(str(refusal)) from None
        return time_ms

    @method("dev_setBlockBuildMode", unsafe=True)
    def set_mode(self, mode: Json) -> None:
        """Make blocks as transactions arrive (Batch, Instant), or only on demand (Manual)."""
        try:
            self.dev.set_mode_named(str(mode))
        except DevRefused as refusal:
            raise _failed(str(refusal)) from None

    # ---- head

    @method("dev_setHead", unsafe=True, cost=HEAVY)
    def set_head(self, hash_or_number: Json) -> str:
        """Make a block the head, by hash, by number, or by a number below zero from the head."""
        hash = self._block(hash_or_number)
        try:
            self.dev.set_head(hash)
        except DevRefused as refusal:
            raise _failed(str(refusal)) from None
        return to_hex(hash)

    @method("dev_snapshot", unsafe=True)
    def snapshot(self) -> str:
        """Keep the head as a snapshot; return its number in hex."""
        return hex(self.dev.snapshot())

    @method("dev_revert", unsafe=True, cost=HEAVY)
    def revert(self, id: Json) -> bool:
        """Return True if the head is a snapshot's block again, which ends this and later ones."""
        try:
            return self.dev.revert(amount(id))
        except (BadValue, DevRefused) as refusal:
            raise _failed(str(refusal)) from None

    # ---- state

    @method("dev_setStorage", unsafe=True, cost=HEAVY)
    def set_storage(self, values: Json, block_hash: Hash | None = None) -> str:
        """Set values of the state in a block of its own; return the hash of this new head.

        `values` are `[[key, value], ...]` in hex, or `{Pallet: {Item: value}}`, for maps
        `[[keys, value], ...]`; null removes. `blockHash`: the block to build on.
        """
        at = block_hash or self.chain.best().hash
        try:
            changes = self._changes(values, at)
            return to_hex(self.dev.set_values(changes, block_hash))
        except (BadValue, DevRefused) as refusal:
            raise _failed(str(refusal)) from None

    @method("dev_setBalance", unsafe=True, cost=HEAVY)
    def set_balance(self, address: Json, planck: Json) -> str:
        """Set the free balance of an account, in planck; return the hash of the new head."""
        try:
            return to_hex(self.dev.set_balance(account(address), amount(planck)))
        except (BadValue, DevRefused) as refusal:
            raise _failed(str(refusal)) from None

    @method("dev_dryRun", unsafe=True, cost=HEAVY)
    def dry_run(self, params: Json) -> object:
        """Return the effects of a transaction, or of `{call, address}`: old, new and delta.

        With `raw` the keys and new values in hex.
        """
        given = _object(params)
        _check_names(given, ("raw", "html", "extrinsic", "at", "hrmp", "ump", "dmp"))
        extrinsic = given.get("extrinsic")
        if extrinsic is None:
            raise _failed("No extrinsic to run")
        if given.get("html"):
            raise _failed("html: no pages are made here; take the answer without it")
        at = None if given.get("at") is None else self._block(given["at"])
        try:
            if isinstance(extrinsic, dict):
                call, who = _hex(extrinsic.get("call")), account(extrinsic.get("address"))
                diff = self.dev.dry_run_call(call, who, at)
            else:
                diff = self.dev.dry_run(_hex(extrinsic), at)
        except (BadValue, DevRefused) as refusal:
            raise _failed(str(refusal)) from None
        if given.get("raw"):
            return [[to_hex(key), hex_or_none(value)] for key, _, value in diff]
        return self._shown(diff, at or self.chain.best().hash)

    # ---- signatures

    @method("dev_impersonateAccount", unsafe=True)
    def impersonate(self, address: Json) -> bool:
        """Return True if any signature of an account is accepted, as it is from now on."""
        self.dev.impersonate(_account(address))
        return True

    @method("dev_stopImpersonatingAccount", unsafe=True)
    def stop_impersonating(self, address: Json) -> bool:
        """Return True if the account was impersonated, which ends."""
        return self.dev.stop_impersonating(_account(address))

    @method("dev_acceptMockSignatures", unsafe=True)
    def accept_mock_signatures(self, accept: Flag) -> None:
        """Accept 0xdeadbeef, then 0xcd to the end, as a signature of any account; or no longer."""
        self.dev.accept_mock_signatures(accept)

    @method("dev_status", unsafe=True)
    def status(self) -> dict[str, object]:
        """Return the head and its time, the way of sealing, snapshots, impersonated accounts."""
        best = self.chain.best()
        head = {"number": best.number, "hash": to_hex(best.hash)}
        return {"head": head, **self.dev.status()}

    # ---- internals

    def _storage_form(self, at: bytes) -> StorageForm:
        metadata = self.chain.metadata(at)
        if self._form is None or self._form[0] is not metadata:
            from btt_chain.client.metadata import ChainMetadata

            self._form = metadata, StorageForm(ChainMetadata(metadata))
        return self._form[1]

    def _changes(self, values: object, at: bytes) -> dict[bytes, bytes | None]:
        if isinstance(values, dict):
            form = self._storage_form(at)
            removed: dict[bytes, bytes | None] = {}
            for prefix in form.prefixes(values):
                removed |= dict.fromkeys(self._keys(at, prefix))
            return removed | form.changes(values)
        changes: dict[bytes, bytes | None] = {}
        for row in _list(values):
            if not isinstance(row, list) or len(row) != len(("key", "value")):
                raise BadValue("expected [[key, value], ...], both in hex, or a value of null")
            changes[_hex(row[0])] = None if row[1] is None else _hex(row[1])
        return changes

    def _keys(self, at: bytes, prefix: bytes) -> list[bytes]:
        found: list[bytes] = []
        state = self.chain.state(at)
        while page := state.keys(prefix, found[-1] if found else None, 1_000):
            found += page
        return found

    def _block(self, given: object) -> bytes:
        """Return the hash of a block that a caller names."""
        hash: bytes | None = None
        if isinstance(given, int) and not isinstance(given, bool):
            number = given if given > 0 else self.chain.best().number + given
            hash = self.chain.block_hash(number) if number >= 0 else None
        elif isinstance(given, str):
            hash = _hex(given)
            hash = hash if self.chain.header(hash) is not None else None
        if hash is None:
            raise _failed(f"Block not found {given}")
        return hash

    def _shown(self, diff: Diff, at: bytes) -> dict[str, object]:
        form = self._storage_form(at)
        old: dict[str, object] = {}
        new: dict[str, object] = {}
        for key, before, after in diff:
            for tree, value in ((old, before), (new, after)):
                names, shown = form.decoded(key, value)
                _put(tree, names, shown)
        compared = {**old}
        section = compared.get(EVENTS[0])
        if isinstance(section, dict):
            compared[EVENTS[0]] = {**section, EVENTS[1]: []}
        return {"old": old, "new": new, "delta": delta(compared, new)}


def delta(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """Return the difference of two trees in the form of jsondiffpatch: lists are replaced whole."""
    found: dict[str, object] = {}
    for name in {**old, **new}:
        if name not in old:
            found[name] = [new[name]]
        elif name not in new:
            found[name] = [old[name], 0, 0]
        elif isinstance(before := old[name], dict) and isinstance(after := new[name], dict):
            inner = delta(before, after)
            if inner:
                found[name] = inner
        elif old[name] != new[name]:
            found[name] = [old[name], new[name]]
    return found


def _put(tree: dict[str, object], names: Sequence[str], value: object) -> None:
    for name in names[:-1]:
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[names[-1]] = value


def _failed(reason: str) -> RpcError:
    return RpcError(DEV_ERROR, reason)


def _object(given: object) -> dict[str, object]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _failed("expected an object with the parameters by name, such as {count: 2}")
    return given


def _check_names(given: Mapping[str, object], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise _failed(f"there is no parameter {name[:40]}; known are {', '.join(known)}")


def _list(given: object) -> list[object]:
    if not isinstance(given, list):
        raise _failed(f"expected a list, or an object of pallets ({REMOVE_PREFIX} removes maps)")
    return given


def _whole(given: Mapping[str, object], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _failed(f"{name}: expected a whole number")
    return value


def _hex(given: object) -> bytes:
    try:
        return from_hex(given, prefix=True)
    except ValueError:
        refused = f"expected bytes in hex, 0x and two digits for each, not {str(given)[:40]!r}"
        raise _failed(refused) from None


def _account(given: object) -> bytes:
    try:
        return account(given)
    except BadValue as refusal:
        raise _failed(str(refusal)) from None
