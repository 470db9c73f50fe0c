"""Verdicts of the runtime: their bytes and their texts."""

from __future__ import annotations

from typing import get_args

import pytest

from btt_chain.primitives import validity
from btt_chain.primitives.validity import (
    FOREVER,
    AncientBirthBlock,
    BadMandatory,
    BadProof,
    BadSigner,
    Call,
    CannotLookup,
    ExhaustsResources,
    Future,
    IndeterminateImplicit,
    Invalid,
    InvalidCustom,
    InvalidTransaction,
    MandatoryValidation,
    NoUnsignedValidator,
    Payment,
    Stale,
    TransactionSource,
    TransactionValidityError,
    Unknown,
    UnknownCustom,
    UnknownOrigin,
    UnknownTransaction,
    ValidTransaction,
    as_error,
    describe,
)
from btt_chain.scale import Err, Ok, Result, decode, encode, u8, u64

TransactionValidity = Result[ValidTransaction, TransactionValidityError]


def test_a_stale_transaction_is_three_bytes() -> None:
    verdict = Err(as_error(Invalid(Stale())))

    assert encode(TransactionValidity, verdict) == bytes.fromhex("010003")
    assert decode(TransactionValidity, bytes.fromhex("010003")) == verdict


def test_a_valid_transaction_has_substrates_layout() -> None:
    valid = ValidTransaction(u64(7), [b"\x01"], [b"\x02", b"\x03\x04"], FOREVER, propagate=True)
    raw = bytes.fromhex("000700000000000000040401080402080304" + "ff" * 8 + "01")

    assert encode(TransactionValidity, Ok(valid)) == raw
    assert decode(TransactionValidity, raw) == Ok(valid)


@pytest.mark.parametrize(
    ("reason", "raw"),
    [
        (Call(), "0000"),
        (Payment(), "0001"),
        (Future(), "0002"),
        (Stale(), "0003"),
        (BadProof(), "0004"),
        (AncientBirthBlock(), "0005"),
        (ExhaustsResources(), "0006"),
        (InvalidCustom(u8(9)), "000709"),
        (BadMandatory(), "0008"),
        (MandatoryValidation(), "0009"),
        (BadSigner(), "000a"),
        (IndeterminateImplicit(), "000b"),
        (UnknownOrigin(), "000c"),
    ],
)
def test_reasons_of_invalidity_keep_their_indices(reason: InvalidTransaction, raw: str) -> None:
    assert encode(validity.TransactionValidityError, as_error(Invalid(reason))).hex() == raw


@pytest.mark.parametrize(
    ("reason", "raw", "text"),
    [
        (CannotLookup(), "0100", "CannotLookup"),
        (NoUnsignedValidator(), "0101", "NoUnsignedValidator"),
        (UnknownCustom(u8(9)), "010209", "Custom(9)"),
    ],
)
def test_doubts_keep_their_indices_and_names(
    reason: UnknownTransaction, raw: str, text: str
) -> None:
    assert encode(validity.TransactionValidityError, as_error(Unknown(reason))).hex() == raw
    assert str(Unknown(reason)) == text


def test_every_reason_has_a_text() -> None:
    for union in (InvalidTransaction, UnknownTransaction):
        for variant in get_args(get_args(union)[0]):
            fields = (u8(1),) if variant.__annotations__ else ()
            assert describe(variant(*fields))


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Call(), "Transaction call is not expected"),
        (Payment(), "Inability to pay some fees (e.g. account balance too low)"),
        (Future(), "Transaction will be valid in the future"),
        (Stale(), "Transaction is outdated"),
        (BadProof(), "Transaction has a bad signature"),
        (AncientBirthBlock(), "Transaction has an ancient birth block"),
        (ExhaustsResources(), "Transaction would exhaust the block limits"),
        (InvalidCustom(u8(3)), "Custom error: 3"),
        (BadSigner(), "Invalid signing address"),
    ],
)
def test_wallets_read_the_texts_they_know(reason: InvalidTransaction, text: str) -> None:
    assert describe(reason) == text


def test_a_source_is_one_byte() -> None:
    assert [encode(TransactionSource, source) for source in TransactionSource] == [
        b"\x00",
        b"\x01",
        b"\x02",
    ]
