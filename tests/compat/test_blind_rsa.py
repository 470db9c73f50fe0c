"""Vouchers between our facility and a wallet by others, and the other way round."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from btt_chain.care import blind
from btt_chain.care.blind import PrivateKey, PublicKey
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.point_voucher import Denomination, PointVoucher, is_signed
from btt_chain.scale import u32

pytestmark = pytest.mark.compat

HERE = Path(__file__).parent
GENESIS = bytes(range(32))
UNSIGNED = PointVoucher(
    facility=AccountId(b"\x01" * 32),
    month=u32(7),
    denomination=Denomination.TwentyFive,
    redeemer=AccountId(b"\x02" * 32),
    nonce=b"\x03" * 32,
    prefix=bytes(32),
    signature=bytes(256),
)


class Peer:
    """blindrsa-ts, in a process of node."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, call: str, **args: bytes) -> dict[str, object]:
        """Return the answer of a call; arguments and answers are hex."""
        line = {"call": call} | {name: value.hex() for name, value in args.items()}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer: dict[str, object] = json.loads(self._process.stdout.readline())
        return answer

    def get(self, call: str, field: str, **args: bytes) -> bytes:
        """Return one field of the answer of a call that must succeed."""
        answer = self.ask(call, **args)
        assert "error" not in answer, answer
        return bytes.fromhex(str(answer[field]))


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    program = shutil.which("node")
    if program is None or not (HERE / "node_modules" / "@cloudflare" / "blindrsa-ts").is_dir():
        pytest.skip("node or @cloudflare/blindrsa-ts is missing, `make compat-setup`: did NOT run")
    with subprocess.Popen(
        [program, str(HERE / "js" / "blind_rsa.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
    ) as process:
        yield Peer(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


def test_a_wallet_of_blindrsa_ts_gets_a_voucher_of_our_facility(peer: Peer) -> None:
    key = PrivateKey.generate()
    modulus = key.public.n.to_bytes(256, "big")
    made = peer.ask("blind", modulus=modulus, message=UNSIGNED.message(GENESIS))
    prepared, blinded, inverse = (
        bytes.fromhex(str(made[name])) for name in ("prepared", "blinded", "inverse")
    )
    signed = blind.blind_sign(key, blinded)
    signature = peer.get(
        "finalize", "signature", modulus=modulus, prepared=prepared, signed=signed, inverse=inverse
    )
    assert prepared[32:] == UNSIGNED.message(GENESIS)
    voucher = PointVoucher(
        UNSIGNED.facility, UNSIGNED.month, UNSIGNED.denomination, UNSIGNED.redeemer,
        UNSIGNED.nonce, prepared[:32], signature,
    )  # fmt: skip
    assert is_signed(voucher, GENESIS, modulus)
    assert not is_signed(voucher, bytes(32), modulus)


def test_our_wallet_gets_a_voucher_of_a_facility_of_blindrsa_ts(peer: Peer) -> None:
    modulus = peer.get("generate", "modulus")
    key = PublicKey.of_modulus(modulus)
    prepared = blind.prepare(UNSIGNED.message(GENESIS))
    made = blind.blind(key, prepared)
    signed = peer.get("sign", "signed", blinded=made.message)
    signature = blind.finalize(key, prepared, signed, made.inverse)
    verdict = peer.ask("verify", modulus=modulus, prepared=prepared, signature=signature)
    assert verdict["valid"] is True
    voucher = PointVoucher(
        UNSIGNED.facility, UNSIGNED.month, UNSIGNED.denomination, UNSIGNED.redeemer,
        UNSIGNED.nonce, prepared[:32], signature,
    )  # fmt: skip
    assert is_signed(voucher, GENESIS, modulus)


def test_a_signature_by_another_key_is_refused_by_both(peer: Peer) -> None:
    key, other = PrivateKey.generate(), PrivateKey.generate()
    modulus = key.public.n.to_bytes(256, "big")
    made = peer.ask("blind", modulus=modulus, message=b"message")
    small = int.from_bytes(bytes.fromhex(str(made["blinded"])), "big") % other.public.n
    wrong = blind.blind_sign(other, small.to_bytes(256, "big"))
    prepared, inverse = bytes.fromhex(str(made["prepared"])), bytes.fromhex(str(made["inverse"]))
    answer = peer.ask("finalize", modulus=modulus, prepared=prepared, signed=wrong, inverse=inverse)
    assert "error" in answer
    with pytest.raises(blind.BlindError, match="invalid signature"):
        blind.finalize(key.public, prepared, wrong, inverse)
