"""Accounts that sign, accounts that receive, and amounts at which rules change."""

from __future__ import annotations

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.scale import u32, u128
from runtime.constants import BTT, MILLI_BTT
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, account

POOR = KeyPair.from_uri("//Poor")
SIGNERS = (ALICE, BOB, CHARLIE, DAVE, POOR)
KNOWN = [account(pair) for pair in SIGNERS]
UNKNOWN = [AccountId(bytes((number,)) * 32) for number in (0, 7, 8)]
"""Accounts without a key."""
JOINT = multi_account_id(KNOWN[1:4], 2)
SHARED_1 = multi_account_id(KNOWN[1:4], 1)
ED = int(MILLI_BTT)
EXTREMES = (0, 1, ED - 1, ED, ED + 1, int(BTT), 100 * int(BTT), START, u128.MAX)
FAR = u32.MAX
"""A number or a slot that nothing has."""
