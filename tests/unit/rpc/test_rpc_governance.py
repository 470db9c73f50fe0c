"""gov_*, over block zero of a development chain with a proposal and votes."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.conviction_voting.types import Standard, vote_of
from runtime.pallets.origins import Decision, DecisionOrigin
from runtime.pallets.preimage.pallet import Inline, Lookup
from runtime.pallets.scheduler.types import After
from support.rpc_client import HttpClient

pytestmark = pytest.mark.usefixtures("runtime")

ALICE, BOB = dev_account("//Alice"), dev_account("//Bob")


@pytest.fixture
def poll(runtime: BttRuntime) -> bytes:
    """A referendum of Alice's that Bob votes for; its call."""
    remark = runtime.call("System", "remark", remark=b"hello").raw
    spender = DecisionOrigin(Decision.SmallSpender)
    runtime.referenda.submit(signed(ALICE), spender, Inline(remark), After(u32(0)))
    runtime.conviction_voting.vote(
        signed(BOB), u32(0), Standard(vote_of(aye=True), u128(5_000 * BTT))
    )
    return remark


async def test_the_chambers_are_returned_as_block_zero_has_them(http: HttpClient) -> None:
    found = await http.call("gov_chambers")
    assert (found["mode"], found["year"]) == ("Scheduled", 2025)
    assert found["weights"] == [4900, 750, 1050, 300]
    assert len(found["institutions"]) == 5
    assert found["electorates"][0] == str(4_830_000 * int(BTT))
    assert found["representatives"] == []
    weights = {"institutions": 1400, "compute": 2000, "holders": 2800, "community": 800}
    assert await http.call("gov_weights", 2031) == weights


async def test_a_power_is_returned_by_chamber(http: HttpClient) -> None:
    found = await http.call("gov_power", address(BOB), str(100 * int(BTT)))
    holders = str(200 * int(BTT))
    assert found == {"institutions": "0", "compute": "0", "holders": holders, "community": "0"}
    everything = await http.call("gov_power", address(BOB))
    assert int(everything["holders"]) == 2 * 40_000 * int(BTT)


async def test_a_tally_shows_the_four_chambers(http: HttpClient, poll: bytes) -> None:
    found = await http.call("gov_tally", 0)
    names = [chamber["name"] for chamber in found["chambers"]]
    assert names == ["institutions", "compute", "holders", "community"]
    holders = found["chambers"][2]
    assert (holders["ayes"], holders["takesPart"]) == (str(10_000 * int(BTT)), False)
    assert (found["frozen"], found["passing"], found["participation"]) == (False, False, 0)
    assert (found["approvalNeeded"], found["participationNeeded"]) == (5 * 10**8, 2 * 10**8)
    assert await http.call("gov_tally", 1) is None


async def test_a_referendum_is_returned_with_its_call(http: HttpClient, poll: bytes) -> None:
    found = await http.call("gov_referendum", 0)
    assert (found["stage"], found["track"], found["hasDeposit"]) == ("Preparing", 10, False)
    assert found["proposer"] == address(ALICE)
    assert found["call"] == "0x" + poll.hex()
    assert await http.call("gov_referenda") == [found]
    assert await http.call("gov_referenda", 0) == []
    assert await http.call("gov_referendum", 7) is None


async def test_a_list_returns_no_megabytes(http: HttpClient, runtime: BttRuntime) -> None:
    """One preimage serves any number of referenda: a list of them would be as long as one likes."""
    long = runtime.call("System", "remark", remark=bytes(5_000)).raw
    runtime.balances.credit(ALICE, u128(10**4 * BTT))
    runtime.preimage.note_preimage(signed(ALICE), long)
    key = Lookup(H256(blake2_256(long)), u32(len(long)))
    spender = DecisionOrigin(Decision.SmallSpender)
    runtime.referenda.submit(signed(ALICE), spender, key, After(u32(0)))
    (listed,) = await http.call("gov_referenda")
    assert (listed["call"], listed["proposal"]) == (None, "0x" + key.hash.hex())
    alone = await http.call("gov_referendum", 0)
    assert alone == {**listed, "call": "0x" + long.hex()}


async def test_tracks_are_returned_with_their_rules(http: HttpClient) -> None:
    found = {track["name"]: track for track in await http.call("gov_tracks")}
    assert found["root"]["decisionDeposit"] == str(1_000 * int(BTT))
    assert found["treasurer"]["approval"] == 6 * 10**8
    assert found["treasurer"]["participation"] == 4 * 10**8
    assert found["root"]["decide"] == 14 * found["root"]["confirm"]


async def test_an_election_is_returned(http: HttpClient) -> None:
    found = await http.call("gov_election")
    assert (found["number"], found["seats"], found["candidates"]) == (0, 10, [])
    assert found["ends"] == 14 * 60
