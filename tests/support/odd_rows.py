"""Rows of odd extrinsics, for `support.two_ways`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Era, Immortal, Mortal
from btt_chain.primitives.extrinsic import signing_payload
from btt_chain.scale import codec, u16, u32, u64, u128
from btt_chain.scale.compact import compact_encode
from runtime.accounts import PAYFI
from runtime.constants import BTT
from runtime.extensions import IMPLICIT, Implicit
from runtime.frame import Call
from runtime.pallets.payfi.types import Rates
from runtime.transactions import NO_ACCOUNT
from support.chain import ALICE, BOB, CHARLIE, DAVE, account, address
from support.conservation.arguments import dispatchables
from support.conservation.chooser import Chooser, Situation
from support.conservation.signers import ED
from support.odd_chain import EMPTY_ACCOUNT, LIMIT, PAYERS, SHOPS, Choices, pay_call
from support.odd_states import OddState
from support.two_ways import Scene, seal_of

ERA = codec(Era)


class OddRow(Choices):
    """Makes a row of extrinsics for a scene."""

    def row(self) -> list[bytes]:
        """Return a row of extrinsics, most of them valid."""
        overlay, rng = self.scene.overlay(), self.random
        self.runtime.enter(overlay)
        accounts = self.runtime.system.account
        nonces = {pair: int(accounts[account(pair)].nonce) for pair in (*PAYERS, *SHOPS)}
        self.balances = [int(accounts[account(pair)].data.free) for pair in PAYERS]
        self._nonces = {who: int(accounts[who].nonce) for who in (NO_ACCOUNT, EMPTY_ACCOUNT, PAYFI)}
        raws: list[bytes] = []
        for _ in range(rng.choice((1, 3, 8, 8, 20))):
            pair = rng.choice([*PAYERS * 2, *SHOPS])
            nonce = nonces[pair]
            if self.is_odd(0.07):
                nonce = max(0, nonce + rng.choice((-1, 1)))
            else:
                nonces[pair] += 1
            raw = self.extrinsic(pair, self.call(pair), min(nonce, u32.MAX))
            raws.append(self._damaged(raw) if self.is_odd(0.03) else raw)
            if self.is_odd(0.03):
                raws.append(raw)
        if self.one_in(8):  # an author may put its inherent anywhere
            raws.insert(rng.randrange(len(raws) + 1), self.scene.inherent)
        return raws

    def call(self, pair: KeyPair) -> Call:
        other = 0.04 if self.is_calm else 0.3
        if self.random.random() < other:
            return self._other(pair)
        return self._payment() if self.one_in(2) else self._transfer()

    def _payment(self) -> Call:
        rng = self.random
        if self.is_calm and not self.one_in(12):
            shop = account(rng.choice(SHOPS[:2]))
            units = rng.choice((int(BTT), 1000, rng.randrange(200, 1 << 60)))
            return pay_call(self.chain, shop, units, rng.randrange(1 << 120))
        units = rng.choice((
            int(BTT), int(BTT), int(BTT), 1000, 200, 199, LIMIT, LIMIT + 1, 2 * LIMIT,
            rng.randrange(1 << 61), self.amount(), 0,
        ))  # fmt: skip
        given: dict[str, object] = {}
        if self.one_in(4):
            given["max_btt"] = u128(rng.choice((u128.MAX, max(0, units - 1))))
        if self.one_in(12):
            given["currency"] = rng.choice((b"CNY", b"XAU", b"btt", b"BTT"))
        if self.one_in(4):
            given["memo"] = H256(rng.randbytes(32))
        reference = rng.randrange(1 << 120) if rng.random() < 0.9 else rng.randrange(3)
        return pay_call(self.chain, self.payee(), units, reference, **given)

    def _transfer(self) -> Call:
        rng = self.random
        name = rng.choice(("transfer_allow_death", "transfer_keep_alive"))
        if self.is_calm and not self.one_in(12):
            dest = Id(account(rng.choice(PAYERS)))
            return self.chain.call("Balances", name, dest=dest, value=rng.randrange(1, 1 << 60))
        value = rng.choice((int(BTT), 1, ED, ED - 1, self.amount(), 0))
        return self.chain.call("Balances", name, dest=Id(self.who()), value=value)

    def _other(self, pair: KeyPair) -> Call:
        rng, call = self.random, self.chain.call
        usual = self._payment if rng.random() < 0.6 else self._transfer
        wrapped: list[Callable[[], Call]] = [
            lambda: call("Utility", rng.choice(("batch", "batch_all", "force_batch")), calls=[
                usual(), usual(), usual()]),
            lambda: call("Proxy", "proxy", real=address(BOB), force_proxy_type=None, call=usual()),
            lambda: call("Utility", "as_derivative", index=u16(1), call=usual()),
            lambda: call("Multisig", "as_multi_threshold_1", other_signatories=sorted(
                map(account, (ALICE, BOB, CHARLIE, DAVE)))[:2], call=usual()),
            lambda: call("Sudo", "sudo_as", who=address(BOB), call=usual()),
            lambda: call("Balances", "transfer_all", dest=Id(self.who()),
                keep_alive=self.one_in(2)),
            lambda: call("PayFi", "refund", payment=u64(rng.randrange(30)), amount=u128(
                rng.choice((int(BTT), int(BTT) // 2, 7)))),
            lambda: call("PayFi", "close"),
            lambda: call("Sudo", "sudo", call=call("PayFi", "set_rates", rates=Rates(
                low=u16(50), high=u16(rng.choice((60, 80)))))),
            lambda: call("Sudo", "sudo", call=call("PayFi", "suspend", merchant=Id(self.payee()),
                suspended=rng.random() < .6)),
            lambda: call("Sudo", "sudo", call=call("Balances", "force_set_balance",
                who=Id(self.who()), new_free=u128(self.amount()))),
            lambda: call("System", "remark_with_event", remark=b"x"),
        ]  # fmt: skip
        if rng.random() < 0.5:
            return rng.choice(wrapped)()
        chooser = Chooser(rng.randrange(1 << 40), Situation(self.chain, account(pair)))
        names = list(dispatchables(self.runtime))
        if self.one_in(2):
            names = [name for name in names if name.startswith("PayFi.")]
        with suppress(ArithmeticError):  # an amount between others, of a balance near the maximum
            return chooser.named(rng.choice(names), 2)
        return usual()

    # ---- the envelope

    def extrinsic(self, pair: KeyPair, call: Call, nonce: int) -> bytes:
        """Return an extrinsic, mostly without a tip and with a valid signature."""
        rng, who = self.random, account(pair)
        if self.is_odd(0.03):
            who, nonce = rng.choice(list(self._nonces.items()))
        tip = 0
        if self.is_odd(0.1):
            tip = rng.choice((1, 63, 64, 10**18, self.amount()))
        era, mode = self._era(), b"\0"
        if self.is_odd(0.04):
            mode = bytes((rng.choice((1, 2)),))
        if self.is_odd(0.03):
            nonce = rng.choice((u32.MAX, u32.MAX + 1, u128.MAX, 1 << 500))
        extra = ERA.encode(era) + compact_encode(nonce) + compact_encode(tip) + mode
        call_raw = call.raw
        if self.is_odd(0.25):  # its signer may be hostile, too
            call_raw = self._damaged(call_raw) if self.one_in(2) else self._longer(call_raw)
        if self.is_odd(0.04):
            extra = self._damaged(extra)
        payload = signing_payload(call_raw, extra, self._implicit(era))
        seal = rng.randbytes(64) if self.is_odd(0.03) else seal_of(payload, who)
        kind = rng.choice((2, 3)) if self.is_odd(0.06) else rng.choice((0, 1))
        tail = b"\1" if kind == 2 else b""
        begin = bytes((rng.choice((4, 5, 0x44, 0x85)), 0)) if self.is_odd(0.02) else b"\x84\0"
        if self.is_odd(0.03):
            begin = b"\x84" + bytes((rng.choice((1, 3, 4, 5)),))
        return begin + who + bytes((kind,)) + seal + tail + extra + call_raw

    def _era(self) -> Era:
        rng, number = self.random, int(self.scene.header.number)
        if rng.random() < 0.6:
            return Immortal()
        if self.is_calm or rng.random() < 0.7:
            return Mortal.at(number - rng.choice((1, 1, 2, 3)), rng.choice((4, 8, 64)))
        return Mortal.at(max(0, number + rng.choice((-5, -4, 0, 1))), rng.choice((4, 8, 64)))

    def _implicit(self, era: Era) -> bytes:
        client, number = self.chain.client, int(self.scene.header.number)
        birth = era.birth(number - self.is_odd(0.05))
        known = birth <= number - 1
        hash = client.block_hash(birth) if known and birth >= 0 else None
        genesis = H256(client.genesis_hash)
        return IMPLICIT.encode(Implicit(u32(100), u32(1), genesis, H256(hash or bytes(32)), None))

    def _longer(self, raw: bytes) -> bytes:
        """Return a call with another kind of address, or a number that is longer than needed."""
        rng, at = self.random, self.random.choice((2, 35, 54, 54, len(raw) - 1, len(raw) - 33))
        number = int.from_bytes(raw[at : at + 1], "little") >> 2
        forms = (
            (number << 2 | 1).to_bytes(2, "little"), (number << 2 | 2).to_bytes(4, "little"),
            b"\3" + number.to_bytes(4, "little"), b"\x33" + number.to_bytes(16, "little"),
            b"\x37" + number.to_bytes(17, "little"), b"\xff" + number.to_bytes(67, "little"),
            bytes((rng.randrange(5),)), b"\x33" + b"\xff" * 16, b"\x37" + b"\1" * 17,
        )  # fmt: skip
        return raw[:at] + rng.choice(forms) + raw[at + 1 :]

    def _damaged(self, raw: bytes) -> bytes:
        rng, at = self.random, self.random.randrange(len(raw))
        return rng.choice((
            raw[:at], raw + b"\0", raw[:at] + rng.randbytes(1) + raw[at + 1 :],
            raw[:at] + b"\0" + raw[at:], raw[:at] + raw[at + 1 :],
        ))  # fmt: skip


def odd_case(scenes: Sequence[Scene], seed: int) -> tuple[Scene, list[bytes]]:
    """Return a scene with an odd state, and a row for it; half of the rows are calm."""
    rng = random.Random(seed)
    base = rng.choice(scenes)
    scene = Scene(base.chain, base.header, base.inherent)
    OddState(scene, rng).change()
    maker = OddRow(scene, rng)
    maker.is_calm = rng.random() < 0.5
    return scene, maker.row()
