"""A card whose key cannot leave its token: SoftHSM signs vouchers by PKCS #11, the runtime accepts.

The token makes both kinds of keys itself, and refuses to show the secret ones.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11.constants import Attribute
from pkcs11.exceptions import AttributeSensitive
from pkcs11.mechanisms import KeyType, Mechanism
from pkcs11.types import SignMixin
from pkcs11.util.ec import encode_named_curve_parameters

from btt_chain.crypto import ed25519, p256
from btt_chain.primitives.voucher import (
    REGISTRATION,
    VOUCHER,
    Ed25519Key,
    P256Key,
    Registration,
    Voucher,
    card_id,
)
from btt_chain.scale import u64
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.payfi import errors
from runtime.pallets.payfi.card_types import Proof
from runtime.pallets.payfi.types import PaymentState
from support.payfi import ALICE, DAY_MS, SHOP
from support.payfi_cards import GENESIS, LIMITS, Tills, with_changes
from support.runtime import refused

LIBRARIES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
)
PIN, LABEL = "2468", "card"
ED25519_OID = bytes.fromhex("06032b6570")
UNCOMPRESSED, DER_LENGTH = 65, 2


def library() -> Path:
    """Return SoftHSM's library; skip where it is missing."""
    found = next((path for path in LIBRARIES if path.exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is missing: the card in a token did NOT run (apt install softhsm2)")
    return found


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pkcs11.Session]:
    """An open session of a fresh token in a folder of its own."""
    where = library()
    folder = tmp_path_factory.mktemp("token")
    config = folder / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(config))
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", PIN,
             "--pin", PIN],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        loaded = pkcs11.lib(str(where))
        with loaded.get_token(token_label=LABEL).open(rw=True, user_pin=PIN) as session:
            yield session


class TokenCard:
    """A card in the token: the public key, and a handle of the secret one."""

    def __init__(self, session: pkcs11.Session, kind: KeyType, curve: bytes) -> None:
        parameters = session.create_domain_parameters(
            kind, {Attribute.EC_PARAMS: curve}, local=True
        )
        public, self.secret = parameters.generate_keypair(label=kind.name)
        self.point = bytes(public[Attribute.EC_POINT])[DER_LENGTH:]

    @property
    def key(self) -> Ed25519Key | P256Key:
        if len(self.point) != UNCOMPRESSED:
            return Ed25519Key(self.point)
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.point)
        return P256Key(p256.compress(point))

    def sign(self, voucher: Voucher) -> bytes:
        return self.sign_bytes(VOUCHER.encode(voucher))

    def sign_bytes(self, message: bytes) -> bytes:
        """Let the token sign; bring a P-256 signature into its low form."""
        assert isinstance(self.secret, SignMixin)
        if isinstance(self.key, Ed25519Key):
            return bytes(self.secret.sign(message, mechanism=Mechanism.EDDSA))
        raw = bytes(self.secret.sign(sha256(message).digest(), mechanism=Mechanism.ECDSA))
        return p256.lowered(raw)


@pytest.fixture(params=["P-256", "Ed25519"])
def card(request: pytest.FixtureRequest, token: pkcs11.Session) -> TokenCard:
    if request.param == "P-256":
        return TokenCard(token, KeyType.EC, encode_named_curve_parameters("secp256r1"))
    return TokenCard(token, KeyType.EC_EDWARDS, ED25519_OID)


@pytest.fixture
def tills(card: TokenCard) -> Tills:
    made = Tills()
    until = u64(made.time.moment() + DAY_MS)
    asked = Registration.of(GENESIS, card_id(card.key), ALICE, until)
    proof = Proof(until, card.sign_bytes(REGISTRATION.encode(asked)))
    made.payfi.register_card(signed(ALICE), card.key, LIMITS, None, proof)
    return made


def asked(tills: Tills, card: TokenCard, units: int = int(20 * BTT)) -> Voucher:
    return with_changes(tills.voucher(units=units), {"card": card_id(card.key)})


def test_the_secret_key_never_leaves_the_token(card: TokenCard) -> None:
    assert card.secret[Attribute.NEVER_EXTRACTABLE]
    assert card.secret[Attribute.SENSITIVE]
    with pytest.raises(AttributeSensitive):
        card.secret[Attribute.VALUE]


def test_the_runtime_accepts_vouchers_that_the_token_signs(tills: Tills, card: TokenCard) -> None:
    for number in range(8):  # half of the signatures of a token have a high s
        voucher = asked(tills, card)
        tills.payfi.charge_card(signed(SHOP), voucher, card.sign(voucher), True)
        assert tills.state_of(number) is PaymentState.Pending
        assert tills.payment(number).payer == ALICE


def test_a_signature_of_the_token_is_for_its_voucher_only(tills: Tills, card: TokenCard) -> None:
    voucher, other = asked(tills, card), asked(tills, card, int(21 * BTT))
    signature = card.sign(voucher)
    with refused(tills, errors.BadSignature):
        tills.payfi.charge_card(signed(SHOP), other, signature, True)
    tills.payfi.charge_card(signed(SHOP), voucher, signature, False)
    assert tills.held() == 20 * BTT


def test_the_keys_of_the_token_are_valid_for_cards(card: TokenCard) -> None:
    if isinstance(card.key, Ed25519Key):
        assert ed25519.is_public(card.key.key)
    else:
        assert p256.is_public(card.key.key)
