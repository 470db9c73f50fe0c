"""EMV QR codes: the published check value, round trips, and altered codes.

Attack P17, a wrong CRC, lengths that lie, nested overflow: `test_malformed_codes_are_refused`,
`test_altered_codes_are_read_or_refused_and_raise_nothing_else`.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.payments.emv import EmvCode, crc16, read_emv, write_emv
from btt_chain.payments.errors import PaymentError
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import currency
from btt_chain.scale import u128

REFERENCE = bytes.fromhex("00c1ff8a934d27b6e51902f37a84be6d")
CODE = EmvCode(
    merchant=AccountId(b"\1" * 32),
    category=8_099,
    currency=currency("CNY"),
    name="BTT CLINIC",
    city="SHENZHEN",
    units=u128(5_000),
    reference=REFERENCE,
)


def sealed(body: str) -> str:
    """Return the body with field 63: its CRC."""
    text = f"{body}6304"
    return f"{text}{crc16(text.encode()):04X}"


def test_the_crc_has_the_published_check_value() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_a_code_is_read_as_it_was_written() -> None:
    text = write_emv(CODE)
    assert text.startswith("000201010212268")
    assert len(text) <= 512
    assert read_emv(text) == CODE


def test_a_static_code_has_no_amount() -> None:
    static = EmvCode(AccountId(b"\1" * 32), 5_912, currency("BTT"), "PHARMACY", "HONG KONG", "HK")
    text = write_emv(static)
    assert "010211" in text
    assert "5303999" in text
    assert read_emv(text) == static


def test_field_01_may_be_missing() -> None:
    with_amount = sealed(BODY.replace("010212", ""))
    assert read_emv(with_amount) == CODE
    without = sealed(BODY.replace("010212", "").replace("540550.00", ""))
    assert read_emv(without).units is None


BODY = write_emv(CODE)[:-8]
ACCOUNT = BODY[12 : 12 + 4 + int(BODY[14:16])]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "CRC"),
        (write_emv(CODE)[:-1] + "z", "CRC"),
        (write_emv(CODE).replace("SHENZHEN", "SHENZHEM"), "the CRC is wrong"),
        (sealed(BODY.replace("000201", "000202", 1)), "format '02'"),
        (sealed(BODY.replace("000201", "", 1)), "field 00 is missing"),
        (sealed(BODY.replace(ACCOUNT, "")), "field 26 is missing"),
        (sealed(BODY + "5303156"), "field 53 stands twice"),
        (
            sealed(BODY.replace("0003btt", "0003btc")),
            "no field belongs to 'btt': field 26 to 'btc'",
        ),
        (sealed(BODY.replace("0148", "0147")), "field"),
        (sealed(BODY.replace("0148", "0199")), "field 26: field 01 has a wrong length"),
        (sealed(BODY.replace("0003btt", "0099btt")), "field 26: field 00 has a wrong length"),
        (sealed(BODY.replace("010212", "010213")), "field 01"),
        (sealed(BODY.replace("540550.00", "")), "without an amount"),
        (sealed(BODY.replace("540550.00", "540550,00")), "amount"),
        (sealed(BODY.replace("540550.00", "54050.000")), "CNY has 2 decimals"),
        (sealed(BODY.replace("540550.00", "54040.00")), "above zero"),
        (sealed(BODY.replace("5303156", "5303157")), "currency 157"),
        (sealed(BODY.replace("5303156", "53021566")), "field"),
        (sealed(BODY.replace("52048099", "5204x099")), "field 52"),
        (sealed(BODY.replace("5802CN", "5802cn")), "field 58"),
        (sealed(BODY.replace("010212", "010211")), "a static code .* with an amount"),
        (sealed(BODY + "550201"), "field 55 adds a tip or a fee"),
        (sealed(BODY + "56045.00"), "field 56 adds a tip or a fee"),
        (sealed(BODY + "57025"[:4] + "05"), "field 57 adds a tip or a fee"),
        (sealed(BODY + "9999"), "field 99"),
        (sealed(BODY + "9x"), "character"),
        (sealed(BODY + "62000"), "field 62 has a wrong length"),
        (sealed(BODY + "6401\n"), "printable"),
        (sealed(BODY[6:12] + BODY[:6] + BODY[12:]), "does not begin with field 00"),
        (sealed(BODY + BODY[6:12]), "field 01 stands twice"),
        (sealed(BODY + "27" + ACCOUNT[2:]), "26 and 27 both belong"),
        (sealed(BODY.replace("5910BTT CLINIC", "5910BTT CLINIÇ")), "field 59 has characters other"),
        (sealed(BODY + "2706" + "0003ab"), "field 27"),
        (sealed(BODY + "6205010x1"), "field 62: no id and length"),
        (sealed(BODY + "6206" + "0103A1"), "field 62: field 01 has a wrong length"),
        (sealed(BODY + "6404" + "0103"), "field 64: field 01 has a wrong length"),
        (sealed(BODY + "800400ab"), "field 80"),
        (sealed(BODY.replace(ACCOUNT, "2690" + ACCOUNT[4:] + "0301x")), "field 03 is not known"),
        (sealed(BODY + "6412" + "0002zh0104窗口"), "field 64"),
        (sealed(BODY) + "0", "CRC"),
        (sealed(sealed(BODY)), "field 63 stands twice"),
        (sealed(BODY.replace("5303156", "5303١٥٦")), "field 53"),
        (sealed(BODY.replace("520480", "52٠٤80")), "no id and length"),
        ("0" * 513, "at most 512"),
    ],
)
def test_malformed_codes_are_refused(text: str, reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        read_emv(text)


def test_a_code_for_several_payment_systems_is_read_by_the_field_of_this_one() -> None:
    other = "2617" + "0013com.example.x"
    assert read_emv(sealed(BODY.replace(ACCOUNT, other + "51" + ACCOUNT[2:]))) == CODE


def test_lengths_count_characters_and_the_crc_bytes() -> None:
    assert read_emv(sealed(BODY + "6414" + "0002zh" + "0104二号窗口")) == CODE
    with pytest.raises(PaymentError, match="reaches into the CRC"):
        read_emv(sealed(BODY + "6422" + "0002zh" + "0112二号窗口"))


def test_the_digits_of_the_crc_are_read_in_both_cases() -> None:
    for number in range(20):
        text = sealed(BODY.replace("SHENZHEN", f"CITY{number:04}"))
        assert read_emv(text[:-4] + text[-4:].lower()) == read_emv(text)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "N" * 26}, "field 59 has 26"),
        ({"city": "C" * 16}, "field 60 has 16"),
        ({"name": ""}, "field 59"),
        ({"name": "二号"}, "printable ASCII"),
        ({"country": "CHN"}, "field 58"),
        ({"category": 10_000}, "field 52"),
        ({"currency": currency("BTT"), "units": u128(1)}, "more than 13 characters"),
    ],
)
def test_values_that_do_not_fit_are_not_written(change: dict[str, object], reason: str) -> None:
    values = {name: getattr(CODE, name) for name in EmvCode.__slots__}
    with pytest.raises(PaymentError, match=reason):
        write_emv(EmvCode(**{**values, **change}))


def altered(random: Random) -> str:
    """A code with some characters replaced, left out, doubled or moved, and a right CRC."""
    text = BODY
    for _ in range(random.randrange(1, 6)):
        at, end = sorted(random.randrange(len(text) + 1) for _ in range(2))
        piece = "".join(random.choices("0123456789ABCbt.:", k=random.randrange(5)))
        match random.randrange(4):
            case 0:
                text = text[:at] + piece + text[at + len(piece) :]
            case 1:
                text = text[:at] + text[end:]
            case 2:
                text = text[:end] + text[at:]
            case _:
                text = text[:at] + piece + text[at:]
    return sealed(text) if random.random() < 0.9 else text


def fuzz(seed: int, cases: int) -> tuple[int, int]:
    """Read so many altered codes; the numbers of those that are read and refused."""
    random, read, refused = Random(seed), 0, 0
    for _ in range(cases):
        text = altered(random)
        try:
            code = read_emv(text)
        except PaymentError:
            refused += 1
        else:
            read += 1
            assert 0 <= code.category <= 9_999
            assert code.units is None or code.units > 0
    return read, refused


def test_altered_codes_are_read_or_refused_and_raise_nothing_else() -> None:
    read, refused = fuzz(seed=17, cases=20_000)
    assert (read + refused, refused > 10_000, read > 20) == (20_000, True, True)


@pytest.mark.full
def test_a_million_altered_codes_are_read_or_refused() -> None:
    assert sum(fuzz(seed=18, cases=1_000_000)) == 1_000_000


@given(st.text("0123456789abt.CN", max_size=60))
def test_no_text_raises_another_error(body: str) -> None:
    with pytest.raises(PaymentError):
        read_emv(sealed(body))


@given(st.integers(0, len(BODY) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_altered_code_raises_another_error(at: int, other: str) -> None:
    with suppress(PaymentError):
        read_emv(sealed(BODY[:at] + other + BODY[at + 1 :]))
