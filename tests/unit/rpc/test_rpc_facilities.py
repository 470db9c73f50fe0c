"""facilities_* and gov_milestones, over block zero of a development chain with some facilities."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u16, u32, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.facilities.types import Kind, Size
from runtime.pallets.identity.types import Data, IdentityInfo, KnownGood
from support.rpc_client import HttpClient

pytestmark = pytest.mark.usefixtures("runtime")

ALICE, BOB, CHARLIE = (dev_account(f"//{name}") for name in ("Alice", "Bob", "Charlie"))
META = H256(b"\x07" * 32)


def register(runtime: BttRuntime, who: AccountId, kind: Kind) -> None:
    """Let an account apply with a judged identity."""
    info = IdentityInfo(display=Data.text("An institution"))
    key = H256(blake2_256(codec(IdentityInfo).encode(info)))
    runtime.identity.set_identity(signed(who), info)
    runtime.identity.provide_judgement(signed(CHARLIE), u32(0), Id(who), KnownGood(), key)
    runtime.facilities.apply(signed(who), kind, Size.Large, u16(344), True, META)


@pytest.fixture
def hospital(runtime: BttRuntime) -> AccountId:
    """Bob as an active hospital, Alice as a clinic that waits."""
    runtime.identity.add_registrar(ROOT, Id(CHARLIE))
    register(runtime, ALICE, Kind.Clinic)
    register(runtime, BOB, Kind.Hospital)
    runtime.facilities.confirm(ROOT, Id(BOB))
    return BOB


async def test_a_facility_is_returned_with_what_follows(
    http: HttpClient, hospital: AccountId
) -> None:
    found = await http.call("facilities_get", address(hospital))
    assert found["account"] == address(BOB)
    assert found["facility"] == {
        "kind": "Hospital",
        "size": "Large",
        "region": 344,
        "sensitive": True,
        "operator": address(BOB),
        "bond": str(10_000 * int(BTT)),
        "since": "0",
        "state": "Active",
        "meta": "0x" + META.hex(),
    }
    assert (found["knownGood"], found["counted"], found["next"]) == (True, False, "1800")
    assert await http.call("facilities_get", address(CHARLIE)) is None


async def test_the_hospitals_are_counted_with_their_burns(
    http: HttpClient, hospital: AccountId
) -> None:
    found = await http.call("facilities_count")
    assert (found["counted"], found["active"]) == (0, 1)
    assert found["bonds"]["clinic"] == str(1_000 * int(BTT))
    burns = [(burn["id"], burn["hospitals"], burn["executedAt"]) for burn in found["burns"]]
    assert burns == [("Hospitals100", 100, None), ("Hospitals1000", 1_000, None)]


async def test_the_list_is_paged(http: HttpClient, hospital: AccountId) -> None:
    everything = await http.call("facilities_list")
    accounts = [view["account"] for view in everything]
    assert sorted(accounts) == sorted([address(ALICE), address(BOB)])
    (first,) = await http.call("facilities_list", None, 1)
    rest = await http.call("facilities_list", first["account"], 1_000_000)
    assert [first["account"], *(view["account"] for view in rest)] == accounts
    assert await http.call("facilities_list", accounts[-1]) == []


async def test_milestones_are_returned_with_the_objections_to_them(
    http: HttpClient, runtime: BttRuntime
) -> None:
    foundation = runtime.tokenomics.foundation.value
    runtime.tokenomics.attest_milestone(signed(foundation), u32(0), u32(1), META)
    runtime.chambers.object_to_milestone(signed(BOB), u32(0), u32(1), u128(1_000 * BTT))
    found = await http.call("gov_milestones", 0)
    assert len(found) == 16
    assert found[1]["milestone"]["status"] == "Attested"
    assert (found[1]["until"], found[1]["counts"]) == (str(14 * 60), False)
    assert 0 < int(found[1]["objected"]) < int(found[1]["needed"]) == 700 * 10**9
    assert (found[0]["until"], found[0]["objected"]) == (None, "0")
    assert await http.call("gov_milestones", 9) == []
