"""Webhooks: an independent library verifies them, and this one refuses what was altered."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from btt_chain.payments.errors import PaymentError
from btt_chain.payments.webhook import (
    RETRIES_S,
    TOLERANCE_S,
    event_id,
    headers,
    is_public,
    new_secret,
    secret_bytes,
    verify,
)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"type":"payment.settled"}'
NOW = 1_800_000_000


def test_a_delivery_is_verified_by_the_independent_library() -> None:
    library = pytest.importorskip("standardwebhooks")
    now = int(datetime.now(UTC).timestamp())
    given = headers(SECRET, "evt_1", now, BODY)
    assert library.Webhook(SECRET).verify(BODY, given) == {"type": "payment.settled"}
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(SECRET).verify(BODY + b" ", given)
    signature = library.Webhook(SECRET).sign(
        "evt_1", datetime.fromtimestamp(now, UTC), BODY.decode()
    )
    assert signature == given["webhook-signature"]


def test_a_delivery_is_verified() -> None:
    given = headers(SECRET, "evt_1", NOW, BODY)
    shouting = {name.upper(): value for name, value in given.items()}
    assert verify(SECRET, shouting, BODY, NOW + TOLERANCE_S) == "evt_1"
    two = given | {"webhook-signature": f"v1,AAAA {given['webhook-signature']}"}
    assert verify(SECRET, two, BODY, NOW) == "evt_1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": "evt_2"}, "signature is wrong"),
        ({"webhook-timestamp": str(NOW + 1)}, "signature is wrong"),
        ({"webhook-timestamp": str(NOW - 301)}, "more than 300 s"),
        ({"webhook-timestamp": str(NOW + 301)}, "more than 300 s"),
        ({"webhook-timestamp": "soon"}, "not a Unix time"),
        ({"webhook-timestamp": "-1"}, "not a Unix time"),
        ({"webhook-timestamp": "\u0661"}, "not a Unix time"),
        ({"webhook-signature": "v1,"}, "signature is wrong"),
        ({"webhook-signature": "v2,é"}, "other than ASCII"),
        ({"webhook-id": "evt_é"}, "other than ASCII"),
        ({"webhook-timestamp": "1" * 4_400}, "not a Unix time"),
        ({"webhook-timestamp": f"0{NOW}"}, "not a Unix time"),
    ],
)
def test_altered_deliveries_are_refused(change: dict[str, str], reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        verify(SECRET, headers(SECRET, "evt_1", NOW, BODY) | change, BODY, NOW)


def test_a_missing_header_is_named() -> None:
    with pytest.raises(PaymentError, match="webhook-id is missing"):
        verify(SECRET, {}, BODY, NOW)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "begins with whsec_"),
        ("whsec_***", "not base64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "23 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "65 bytes"),
    ],
)
def test_a_bad_secret_is_refused_and_not_shown(text: str, reason: str) -> None:
    with pytest.raises(PaymentError, match=reason) as caught:
        secret_bytes(text)
    assert text not in str(caught.value)


def test_secrets_are_random_and_usable() -> None:
    assert new_secret() != new_secret()
    assert len(secret_bytes(new_secret())) == 32


def test_ids_follow_from_block_and_index() -> None:
    assert event_id(bytes(range(32)), 7) == "evt_000102030405060708090a0b0c0d0e0f7"


def test_attempts_last_for_three_days() -> None:
    assert RETRIES_S[0] == 0
    assert list(RETRIES_S) == sorted(RETRIES_S)
    assert 3 * 86_400 < sum(RETRIES_S) < 4 * 86_400


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b:1::1", "64:ff9b::7f00:1",
        "localhost", "", "::127.0.0.1", "::ffff:0:127.0.0.1", "::ffff:0:1.1.1.1", "fec0::1",
        "192.0.0.8", "192.0.0.9", "192.88.99.1", "5f00::1", "3fff::1", "2001:db8::1", "100::1",
        "2001::1", "4000::1", "::1.1.1.1", "2002:a00:1::", "fe80::1%eth0", "240.0.0.1",
        "198.18.0.1", "203.0.113.7", "0x7f.1", "127.1", "2130706433",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
