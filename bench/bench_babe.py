"""Headers in numbers: python bench/bench_babe.py [--headers N]

Prints what a header with a VRF costs from its bytes to the verdict (row 10 of the targets:
>= 250/s must, >= 290/s aim, on one core), and what its parts cost; then the same with Keccak in
Python, as it is where Python's OpenSSL lacks the hash. Every header has a slot of its own, so no
cache answers but those that would in a sync: public keys and thresholds.
CPU time of the calling thread: the machine may be shared.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.consensus.babe.claim import seal  # noqa: E402
from btt_chain.consensus.babe.verify import verify  # noqa: E402
from btt_chain.crypto import merlin, vrf  # noqa: E402
from btt_chain.crypto.keypair import KeyPair  # noqa: E402
from btt_chain.crypto.vrf import (  # noqa: E402
    SchnorrkelVrf,
    SodiumVerification,
    fastest_verification,
)
from btt_chain.primitives.babe import (  # noqa: E402
    Primary,
    PrimaryClaim,
    SecondaryVrf,
    SecondaryVrfClaim,
    Slot,
    VrfSignature,
    pre_runtime,
)
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig  # noqa: E402
from btt_chain.primitives.digest import H256, Digest  # noqa: E402
from btt_chain.primitives.epoch import Epoch  # noqa: E402
from btt_chain.primitives.header import Header  # noqa: E402
from btt_chain.primitives.lottery import SecondaryRule, threshold  # noqa: E402
from btt_chain.scale import u32, u64  # noqa: E402

MUST, AIM = 250, 290

T = TypeVar("T")


def made(epoch: Epoch, pairs: Sequence[KeyPair], count: int, primary: bool) -> list[bytes]:
    """`count` headers; with c = 1 every output wins."""
    headers = []
    for slot in range(epoch.start + 1, epoch.start + 1 + count):
        index = slot % len(pairs) if primary else epoch.secondary_author(slot)
        output, proof = SchnorrkelVrf().sign(pairs[index], epoch.input(slot))
        signature = VrfSignature(output.pre_output, proof)
        claim = (
            Primary(PrimaryClaim(u32(index), Slot(slot), signature))
            if primary
            else SecondaryVrf(SecondaryVrfClaim(u32(index), Slot(slot), signature))
        )
        header = Header(
            H256(bytes(32)),
            u32(slot),
            H256(bytes([1]) * 32),
            H256(bytes([2]) * 32),
            Digest([pre_runtime(claim)]),
        )
        headers.append(seal(header, pairs[index]).encode())
    clear()
    return headers


def row(
    what: str, work: Callable[[T], object], items: Sequence[T], *, judged: bool = False
) -> None:
    """Measure `work` on each item, and print the median."""
    times = []
    for item in items:
        start = time.thread_time_ns()
        work(item)
        times.append((time.thread_time_ns() - start) / 1e3)
    middle = median(times)
    verdict = ""
    if judged:
        rate = 1e6 / middle
        verdict = f"{rate:8,.0f} /s   " + (
            "aim met" if rate >= AIM else "must met" if rate >= MUST else "MISSED"
        )
    print(f"   {what:36} {middle:10.1f} us   best {min(times):8.1f}   {verdict}")


def clear() -> None:
    """Forget the points of inputs: a header is verified once."""
    vrf._input_point.cache_clear()
    arithmetic = fastest_verification()
    if isinstance(arithmetic, SodiumVerification):
        arithmetic._input.cache_clear()


def run(count: int) -> None:
    """Verify headers with claims of each kind, and print the figures."""
    print(f"-- proofs by {type(fastest_verification()).__name__}")
    print(f"-- Keccak by {type(merlin._OPENED).__module__}.{type(merlin._OPENED).__name__}")
    pairs = [KeyPair.from_uri(f"//{number}") for number in range(10)]
    config = EpochConfig((u64(1), u64(1)), AllowedSlots.PrimaryAndSecondaryVRFSlots)
    epoch = Epoch(
        5,
        1_000,
        count + 2,
        tuple((pair.public, 10 + number) for number, pair in enumerate(pairs)),
        bytes(32),
        config,
        SecondaryRule.Uniform,
    )
    for kind, primary in (("primary", True), ("secondary VRF", False)):
        headers = made(epoch, pairs, count, primary)
        row(
            f"{kind} header, bytes to verdict",
            lambda raw: verify(Header.decode(raw), epoch, epoch.start, epoch.end),
            headers,
            judged=True,
        )
        tampered = [raw[:40] + bytes([raw[40] ^ 1]) + raw[41:] for raw in headers]
        row(f"{kind} header, tampered", lambda raw: refused(raw, epoch), tampered)
    real, pair = SchnorrkelVrf(), pairs[0]
    inputs = [epoch.input(slot) for slot in range(count)]
    row("VRF evaluate", lambda each: real.evaluate(pair, each), inputs)
    clear()
    signed = [real.sign(pair, each) for each in inputs]
    clear()
    row("VRF sign", lambda each: real.sign(pair, each), inputs)
    clear()
    row(
        "VRF verify",
        lambda each: real.verify(pair.public, each[0], each[1][0].pre_output, each[1][1]),
        list(zip(inputs, signed, strict=True)),
    )
    row("make_bytes", lambda each: each[0].make_bytes(b"substrate-babe-vrf", 16), signed)
    threshold.cache_clear()
    row("threshold, not yet known", lambda n: threshold((1, 2), n, 10**9 + 7), range(1, count))


def refused(raw: bytes, epoch: Epoch) -> None:
    """Raise AssertionError unless the header is refused."""
    try:
        verify(Header.decode(raw), epoch, epoch.start, epoch.end)
    except ValueError:
        return
    raise AssertionError("a tampered header was accepted")


def main() -> None:
    """Run with the fastest Keccak, and with that in Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headers", type=int, default=300)
    count = parser.parse_args().headers
    run(count)
    merlin._OPENED = merlin._opened(merlin.PythonSponge())  # type: ignore[misc]
    run(count)
    states = [tuple(range(n, n + 25)) for n in range(count)]
    row("Keccak-f[1600] in Python", merlin.keccak_f, states)


if __name__ == "__main__":
    main()
