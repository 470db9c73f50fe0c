"""A hundred hospitals on a real network: registered, aged, counted, and burned for once.

The chain is `local` with days of decisions of a second, which is one number of its specification.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

import pytest

from btt_chain.client.typed import Executed, RuntimeClient, open_runtime
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import Err, codec, u16, u32, u128
from btt_chain.testing.plugin import DevnetFactory
from devnet.watched import command, until
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.constants import BTT
from runtime.frame import Call
from runtime.pallets.facilities.types import Bonds, Kind, Size
from runtime.pallets.identity.types import Data, IdentityInfo, KnownGood
from runtime.pallets.origins import RawSigned, SystemOrigin
from runtime.pallets.sudo.pallet import Sudo

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]

HANG: Final = 300.0
ALICE, CHARLIE = (KeyPair.from_uri(f"//{name}") for name in ("Alice", "Charlie"))
REGISTRAR: Final = AccountId(CHARLIE.account_id)
HOSPITALS: Final = [AccountId(blake2_256(b"hospital %d" % number)) for number in range(100)]
BOND: Final = 100 * BTT
BATCH: Final = 20
INFO: Final = IdentityInfo(display=Data.text("A hospital"))
JUDGED: Final = H256(blake2_256(codec(IdentityInfo).encode(INFO)))
META: Final = H256(bytes(32))
BURN: Final = ("tx", "call", "Tokenomics.execute_milestone_burn", "Hospitals100")


def test_the_burn_for_a_hundred_hospitals_fires_once_on_all_nodes(devnet: DevnetFactory) -> None:
    net = devnet(validators=2, slot_ms=1_000, spec=hasty())
    net.wait_for_finality(1)
    first, second = (node.ws for node in net.nodes)
    asyncio.run(register(first))

    counts = command(second, "facility", "count")
    assert (counts["counted"], counts["active"]) == (0, 100)
    assert "TriggerNotMet" in command_fails(second)

    def are_counted() -> bool:
        return all(command(node.ws, "facility", "count")["counted"] == 100 for node in net.nodes)

    until(
        "all hospitals count on all nodes", are_counted, HANG,
        found=lambda: command(first, "facility", "count"),
    )  # fmt: skip
    command(first, *BURN, "--from", "//Bob", "--wait", "final")
    assert "AlreadyBurned" in command_fails(second)

    def has_burned(url: str) -> bool:
        supply = command(url, "tokenomics", "supply", "--at", "finalized")["supply"]
        return int(supply["burnedBy"]["Milestone"]) == 100_000 * BTT  # with that of the launch

    until("the burn is final on all nodes", lambda: all(map(has_burned, (first, second))), HANG)
    (burn, _) = command(second, "facility", "count")["burns"]
    assert burn["executedAt"] is not None
    assert command(second, "tokenomics", "audit")["findings"] == []
    assert net.check_agreement() > 0


def command_fails(url: str) -> str:
    """Try the burn, which must be refused; return what the command says."""
    with pytest.raises(AssertionError) as raised:
        command(url, *BURN, "--from", "//Bob")
    return str(raised.value)


def hasty() -> str:
    """The specification `local` with the one number changed."""
    document = json.loads(make(CHAINS["local"], validators=2, slot_ms=1_000).dumps())
    document["genesis"]["runtimeGenesis"]["config"]["params"]["dayMs"] = 1_000
    return json.dumps(document)


async def register(url: str) -> None:
    """Let a hundred accounts become active hospitals, by sudo in their names."""
    async with open_runtime(url) as chain:
        await sudo(
            chain,
            chain.inner("Identity", "add_registrar", account=Id(REGISTRAR)),
            chain.inner("Facilities", "set_bonds", bonds=Bonds(*[u128(BOND)] * 3)),
        )
        for begin in range(0, len(HOSPITALS), BATCH):
            people = HOSPITALS[begin : begin + BATCH]
            gifts = [
                chain.inner(
                    "Balances", "transfer_keep_alive", dest=Id(who), value=u128(BOND + 10 * BTT)
                )
                for who in people
            ]
            await chain.submit("Utility", "batch_all", signer=ALICE, calls=gifts)
            await sudo(chain, *(call for who in people for call in steps(chain, who)))


def steps(
    chain: RuntimeClient,
    who: AccountId,
    kind: Kind = Kind.Hospital,
    *,
    is_sensitive: bool = False,
) -> list[Call]:
    """Return the calls of a facility, its registrar and the Technical track, as root makes them."""
    judgement = chain.inner(
        "Identity", "provide_judgement",
        reg_index=u32(0), target=Id(who), judgement=KnownGood(), identity=JUDGED,
    )  # fmt: skip
    application = chain.inner(
        "Facilities", "apply",
        kind=kind, size=Size.Small, region=u16(156), sensitive=is_sensitive, meta=META,
    )  # fmt: skip
    return [
        by(chain, who, chain.inner("Identity", "set_identity", info=INFO)),
        by(chain, REGISTRAR, judgement),
        by(chain, who, application),
        chain.inner("Facilities", "confirm", who=Id(who)),
    ]


def by(chain: RuntimeClient, who: AccountId, call: Call) -> Call:
    """Return the call of root that makes a call in the name of an account, and fails with it."""
    origin = SystemOrigin(RawSigned(who))
    return chain.inner("Utility", "dispatch_as_fallible", as_origin=origin, call=call)


async def sudo(chain: RuntimeClient, *calls: Call) -> Executed:
    """Make calls as root, all or none."""
    batch = chain.inner("Utility", "batch_all", calls=list(calls))
    done = await chain.submit("Sudo", "sudo", signer=ALICE, call=batch)
    results = [event.sudo_result for event in done.events if isinstance(event, Sudo.Sudid)]
    assert not any(isinstance(result, Err) for result in results), results
    return done
