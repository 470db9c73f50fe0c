"""@polkadot/api, unmodified, against a started node."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives import ss58
from compat.client import ClientRun, by_hand, check_read_proof, node_script, report, unhex
from storage.trie import ordered_root

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClientRun:
    return by_hand(node_script("polkadot_js"), tmp_path_factory.mktemp("polkadot_js"))


def test_polkadot_js_finds_a_chain_that_it_can_use(
    run: ClientRun, subtests: pytest.Subtests
) -> None:
    report(run, subtests, least=70)


def test_a_read_proof_that_polkadot_js_fetched_verifies_against_the_state_root(
    run: ClientRun,
) -> None:
    check_read_proof(run.facts)


def test_extrinsics_that_polkadot_js_fetched_have_the_root_in_their_header(run: ClientRun) -> None:
    block = run.facts["extrinsics root"]
    assert ordered_root([unhex(xt) for xt in block["extrinsics"]]) == unhex(block["root"])


def test_polkadot_js_and_the_runtime_give_a_multisig_the_same_account(run: ClientRun) -> None:
    multisig = run.facts["multisig account"]
    members = sorted(ss58.decode(address)[0] for address in multisig["members"])
    preimage = b"modlpy/utilisuba" + bytes([len(members) << 2]) + b"".join(members)
    account = blake2_256(preimage + multisig["threshold"].to_bytes(2, "little"))
    assert ss58.encode(account) == multisig["address"]
