"""Shared types: accounts, headers, blocks, extrinsics, eras, proportions."""

from btt_chain.primitives.account import (
    AccountData,
    AccountId,
    AccountInfo,
    MultiAddress,
    MultiSignature,
)
from btt_chain.primitives.arithmetic import FixedU128, Perbill, Permill, Rounding, mul_div
from btt_chain.primitives.block import Block, SignedBlock
from btt_chain.primitives.digest import H256, Digest, DigestItem
from btt_chain.primitives.era import Era
from btt_chain.primitives.extrinsic import Extrinsic
from btt_chain.primitives.header import Header

__all__ = [
    "H256",
    "AccountData",
    "AccountId",
    "AccountInfo",
    "Block",
    "Digest",
    "DigestItem",
    "Era",
    "Extrinsic",
    "FixedU128",
    "Header",
    "MultiAddress",
    "MultiSignature",
    "Perbill",
    "Permill",
    "Rounding",
    "SignedBlock",
    "mul_div",
]
