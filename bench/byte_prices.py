"""The cost of every call per byte that it leaves on the disk of each node.

    PYTHONPATH=.:tests python -m bench.byte_prices

Writes the tables of docs/byte-prices.md. Each call is made once at the smallest and once at the
largest arguments of its benchmark, on the state that the benchmark prepares; its row is that with
less BTT per byte, or more bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.weights.declare import Benchmark, Case, load
from bench.weights.state import Bench
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import codec, u128
from runtime.constants import BTT
from runtime.direct import EXTRA
from runtime.frame import NONE, ROOT, DispatchError, PostInfo
from runtime.pallets.balances.types import is_pool
from runtime.transactions import prefix_size

PAGE: Final = Path(__file__).parents[1] / "docs" / "byte-prices.md"
MARK: Final = "<!-- from here on written by bench/byte_prices.py -->\n"
MB: Final = 10**6
ENVELOPE: Final = {"signed": EXTRA + 5, "unsigned": 1}
"""Bytes of an extrinsic before its call; a signed one with an era of two bytes, and a nonce, a tip
and a mode of one byte each."""
LONG: Final = bytes(1 << 20)


@dataclass(frozen=True, slots=True)
class Row:
    """The cost of one call at one size."""

    call: str
    sender: str
    """`signed`, `unsigned` or `root`, whose calls lie in another extrinsic."""
    length: int
    """Bytes of the extrinsic, or of the call of root."""
    growth: int
    """Bytes by which the state grows; negative if it shrinks."""
    fee: int
    """Planck, after the refund of what the call did not use."""
    bound: int
    """Planck that is reserved, burned, in pools or needed by new accounts, and was not before."""
    in_batch: Row | None = None
    """The same call in a batch: without envelope, signature and base weight."""

    @property
    def stored(self) -> int:
        """Bytes that the call leaves on the disk of each node."""
        return self.length + max(self.growth, 0)

    @property
    def per_mb(self) -> float:
        """BTT of fee per MB of 10^6 bytes that is stored."""
        return self.fee * MB / int(BTT) / self.stored

    @property
    def bound_per_mb(self) -> float:
        """BTT per MB with what is bound besides."""
        return (self.fee + self.bound) * MB / int(BTT) / self.stored


def measured(bench: Bench, pallets: Collection[str] = ()) -> list[Row]:
    """Return the row of each call, in the order of pallets and calls; of these pallets, if any."""
    found = load().found
    return [
        min(
            _points(bench, found[f"{pallet.name}.{entry.name}"]),
            key=lambda row: (row.per_mb, -row.stored),
        )
        for pallet in bench.runtime.pallets.values()
        if not pallets or pallet.name in pallets
        for _, entry in sorted(pallet.CALLS.items())
    ]


def _points(bench: Bench, each: Benchmark) -> Iterable[Row]:
    for point in [each.smallest, each.largest] if each.components else [each.smallest]:
        bench.enter()
        yield _row(bench, each.key, each.case(bench, point))
    if each.key == "System.remark":  # it has no component: its bytes take no time
        bench.enter()
        yield _row(bench, each.key, bench.signed(bench.account(0), "System", "remark", remark=LONG))


def _row(bench: Bench, name: str, case: Case) -> Row:
    runtime, call = bench.runtime, case.call
    assert call is not None
    with bench.prepared():
        overlay = bench.enter()
        for origin, earlier in case.before:
            runtime.dispatch(origin, runtime.call_codec.decode_all(earlier.raw))
        begun = dict(overlay.changes())
        decoded = runtime.call_codec.decode_all(call.raw)
        info = runtime.info(decoded)
        try:
            post = runtime.dispatch(case.origin, decoded)
        except DispatchError as failure:
            if not case.fails:
                raise
            post = failure.post or PostInfo()
        base = bench._overlay()
        changes = {
            key: (begun[key] if key in begun else base.get(key), value)
            for key, value in overlay.changes().items()
        }
    growth = sum(_size(key, new) - _size(key, old) for key, (old, new) in changes.items())
    bound = _bound(bench, changes)
    length, fees = len(call.raw), runtime.fees
    if case.origin is ROOT:
        return Row(name, "root", length, growth, 0, bound)
    sender = "unsigned" if case.origin is NONE else "signed"
    whole = ENVELOPE[sender] + length
    whole += prefix_size(whole)
    if sender == "unsigned":
        return Row(name, sender, whole, growth, 0, bound)
    weight = info.weight if post.weight is None else min(post.weight, info.weight)
    own = int(fees.weight_to_fee(weight)) + fees.bytes_fee(length)
    fee = int(fees.fee(info, whole, u128(0), post))
    return Row(
        name, sender, whole, growth, fee, bound, Row(name, sender, length, growth, own, bound)
    )


def _size(key: bytes, value: bytes | None) -> int:
    return 0 if value is None else len(key) + len(value)


def _bound(bench: Bench, changes: Mapping[bytes, tuple[bytes | None, bytes | None]]) -> int:
    """Return the planck that no account can spend after these changes, and was free before."""
    runtime, decode = bench.runtime, codec(AccountInfo).decode_all
    prefix, bound, all_money = runtime.system.account.prefix, 0, 0
    for key, (old, new) in changes.items():
        if not key.startswith(prefix):
            continue
        before, after = (AccountInfo() if raw is None else decode(raw) for raw in (old, new))
        moved = _total(after) - _total(before)
        all_money += moved
        if is_pool(AccountId(key[-32:])):
            bound += max(moved, 0)
        else:
            bound += max(int(after.data.reserved) - int(before.data.reserved), 0)
        if old is None:
            bound += int(runtime.balances.existential_deposit)
    return bound + max(-all_money, 0)


def _total(account: AccountInfo) -> int:
    return int(account.data.free) + int(account.data.reserved)


# ---- the page


def line(row: Row) -> str:
    """Return the row of the page's tables for a call that is not root's."""
    if not row.fee:
        return f"| `{row.call}` | {row.sender} | {row.length:,} | {row.growth:+,} |"
    return (
        f"| `{row.call}` | {row.length:,} | {row.growth:+,} | {_btt(row.fee)} "
        f"| {_btt(row.bound)} | {row.per_mb:,.2f} |"
    )


def tables(found: Collection[Row]) -> str:
    """Return the tables of the page."""
    lines = [
        "## Calls with a fee\n",
        "| call | bytes | state | fee, BTT | bound, BTT | BTT per MB |",
        "|---|---:|---:|---:|---:|---:|",
        *(line(row) for row in found if row.fee),
        "\n## Calls without a fee\n",
        "| call | sent | bytes | state |",
        "|---|---|---:|---:|",
        *(line(row) for row in found if not row.fee and row.sender != "root"),
        "\n## Calls of a decision\n",
        "They are dispatched by root or a track of governance. Their bytes are those of a preimage",
        "or of another call, which paid for them:\n",
        ", ".join(f"`{row.call}`" for row in found if row.sender == "root") + ".",
    ]
    return "\n".join(lines) + "\n"


def _btt(planck: int) -> str:
    return f"{planck / int(BTT):.6f}".rstrip("0").rstrip(".") if planck else "0"


def page(found: Collection[Row]) -> str:
    """Return the page as it should be: its text by hand, and the tables."""
    text = PAGE.read_text(encoding="utf-8")
    return text[: text.index(MARK) + len(MARK)] + "\n" + tables(found)


if __name__ == "__main__":
    PAGE.write_text(page(measured(Bench(None, accounts=0))), encoding="utf-8")
