"""Shared by the commands of a patient's wallet of points: its key, its folder, its vouchers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from btt_chain.care.wallet import Kept, Wallet
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.digest import H256
from cli.common.care import words
from cli.common.care_folders import care_folder, care_folder_option
from cli.common.keys import key_pair, read_secret
from cli.common.options import Command
from runtime.pallets.incentives.api import IncentivesApi


def wallet_options(command: Command) -> Command:
    """Add `--wallet` and `--base-path`."""
    given = click.option(
        "--wallet", required=True, metavar="URI",
        help="The wallet's key; its accounts are URI//care//0, //care//1 and so on.",
    )  # fmt: skip
    return given(care_folder_option(command))


def wallet_of(uri: str) -> KeyPair:
    """Return the key of a wallet."""
    return key_pair(read_secret(uri), "sr25519", None)


def wallet_folder(base: Path | None, pair: KeyPair, genesis: bytes) -> Path:
    """Return the folder of a wallet on a chain."""
    return care_folder(base, "wallet", genesis, pair.account_id)


@contextmanager
def opened(base: Path | None, pair: KeyPair, genesis: bytes) -> Iterator[Wallet]:
    """Open a wallet's folder; errors become those of commands."""
    with words(), Wallet.open(wallet_folder(base, pair, genesis), pair, genesis) as wallet:
        yield wallet


async def is_spent(chain: ViewClient, kept: Kept, at: bytes | None = None) -> bool:
    """Return True if a voucher is redeemed in the best block, or in `at`.

    Only a final block counts for good: the voucher of a block that is left counts again.
    """
    message = H256(blake2_256(kept.voucher.message(chain.genesis)))
    return await chain.api(IncentivesApi.is_spent, kept.voucher.month, message, at=at)
