"""Assembly of an engine over an open chain, the same for a node and for the simulator."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.consensus.author import Pace
from btt_chain.consensus.babe.worker import SlotWorker
from btt_chain.consensus.finality.authorities import AuthoritySet
from btt_chain.consensus.finality.client_chain import ClientChain
from btt_chain.consensus.finality.gadget import Gadget, Stored
from btt_chain.consensus.finality.signatures import Signatures, Verify
from btt_chain.consensus.finality.voter_environment import Settings as VoterSettings
from btt_chain.consensus.importer import Importer
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.lazyclass import dataclass
from btt_chain.node.blocks.prechecks import Helper, Prechecks
from btt_chain.node.blocks.source import PublicChain, SyncChain
from btt_chain.node.blocks.trust import Trust
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.expenses import Meter, processor_time_us
from btt_chain.node.engine.parts import Parts, Settings, StateStore, Watcher
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.keys.record_check import look_back
from btt_chain.node.keys.signing import Signer, Vault
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.grandpa import AnyMessage, SignedMessage, Stage, Target
from btt_chain.primitives.voters import AuthorityId
from p2p.sync.delayed import ANNOUNCE_MS
from p2p.sync.machine import Sync, SyncOptions
from runtime.apis.reports import AnyProof, report_extrinsic
from runtime.pallets.grandpa.pallet import Grandpa
from runtime.params import RuntimeParams

_VRF: Final = SchnorrkelVrf()


class NoVotes:
    """The signer of a node that only observes."""

    def keys(self) -> Sequence[AuthorityId]:
        """Return no key."""
        return ()

    def sign(
        self, set_id: int, round_number: int, message: AnyMessage, who: AuthorityId
    ) -> SignedMessage | None:
        """Sign nothing."""
        return None

    def recorded(self, set_id: int, who: AuthorityId) -> Mapping[tuple[int, Stage], Target]:
        """Return no vote."""
        return {}


class Reports:
    """Builds the extrinsics that report offences (`parts.ReportBuilder`)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, at: bytes, proof: AnyProof) -> bytes | None:
        """Return the report with its length prefix; None if no authority has the offender's key."""
        queries, overlay = self._client.runtime_at(at).queries, self._client.overlay(at)
        inner = report_extrinsic(queries.runtime, overlay, proof)
        return None if inner is None else opaque(inner)


@dataclass(slots=True)
class Plan:
    """The settings of a node."""

    gossip_ms: int
    """GRANDPA's T."""
    behind: int
    """Distance of votes below the best block."""
    seed: int
    """Seed for random choices: peers to ask, waiting times. Not a secret."""
    params: RuntimeParams
    vault: Vault | None = None
    """The keys of a validator; None for a full node."""
    force_authoring: bool = False
    warp: bool = False
    """Fetch the state of a late block first, then the blocks before it."""
    helper: Helper | None = None
    """Checks signatures of the next blocks during a long sync; None: the node does it alone."""
    clock: Callable[[], int] = unix_ms
    """Returns the unix time in milliseconds."""
    trust: Trust = field(default_factory=Trust)
    vrf: Vrf = _VRF
    verify: Verify = field(default_factory=Signatures)


def assemble(
    client: Client,
    pool: PoolService,
    plan: Plan,
    *,
    now: int,
    pace: Callable[[float], Callable[[], Pace]],
    meter: Meter = processor_time_us,
    watcher: Watcher,
) -> Engine:
    """Return the engine of a node over an open chain; call its `start` first.

    `meter` measures the cost of messages of peers.

    Raises BadRecord when GRANDPA's records cannot be read; UnsupportedRuntime; UntrustedDatabase.
    """
    importer = Importer(client, vrf=plan.vrf, trusted=plan.trust.blocks)
    signer = None if plan.vault is None else _signer(client, plan, plan.vault, watcher, now)
    verify = plan.verify if signer is None else attentive(plan.verify, signer)

    def voting(at: int) -> Gadget:
        return Gadget(
            ClientChain(client),
            signer or NoVotes(),
            verify,
            Stored(
                client.store.aux_get,
                first_voters(client),
                lambda changes: client.store.aux_put(changes, sync=True),
            ),
            VoterSettings(plan.gossip_ms, plan.behind),
            at,
        )

    gadget = voting(now)
    sync, state = _sync(client, pool, plan, gadget.authorities.current, now)
    parts = Parts(
        client=client,
        pool=pool,
        importer=importer,
        gadget=gadget,
        voting=voting,
        sync=sync,
        source=PublicChain(client),
        state=state,
        report=Reports(client),
        prechecks=None if plan.helper is None else Prechecks(client, importer, plan.helper),
        worker=None if signer is None else SlotWorker(importer, signer, vrf=plan.vrf),
        signer=signer,
    )
    settings = Settings(int(plan.params.slot_ms), plan.vault is not None, plan.force_authoring)
    return Engine(parts, settings, pace=pace, meter=meter, watcher=watcher)


def _sync(
    client: Client, pool: PoolService, plan: Plan, voters: AuthoritySet, now: int
) -> tuple[Sync, StateStore | None]:
    """Return sync, from the trusted blocks on, and the storage of a state that it fetches."""
    warp, state, begun = None, None, client.store.state_import
    if plan.warp or begun.progress is not None or begun.missing is not None:
        # Nodes that import block after block start without these modules.
        from btt_chain.node.blocks.state_import import StateImport, warp_of

        state = StateImport(client, plan.trust.blocks)
        warp = warp_of(client, voters, plan.trust, plan.params, plan.clock, wanted=plan.warp)
    sync = Sync(
        SyncChain(client),
        body_root=extrinsics_root,
        new_id=itertools.count(1).__next__,
        seed=plan.seed,
        now=now,
        options=SyncOptions(
            warp=warp,
            pool=pool.pool.members,
            announce_ms=min(ANNOUNCE_MS, plan.gossip_ms // 2),
            least=max(plan.trust.blocks, default=0),
        ),
    )
    return sync, state


def _signer(client: Client, plan: Plan, vault: Vault, watcher: Watcher, now: int) -> Signer:
    """Return the signer of a validator, whose records were checked against the chain."""
    look_back(client, vault)
    return Signer(
        vault,
        started=now // int(plan.params.slot_ms),
        session_slots=int(plan.params.epoch_slots),
        on_vote=watcher.voted,
    )


def attentive(verify: Verify, signer: Signer) -> Verify:
    """Return `verify` that also passes valid votes to the signer, to detect use of its keys."""

    def check(signed: SignedMessage, round_number: int, set_id: int) -> bool:
        if not verify(signed, round_number, set_id):
            return False
        signer.saw_vote(signed.id, set_id, round_number, signed.message)
        return True

    return check


def lacks_voters(client: Client) -> bool:
    """Return True if block zero is the last final one, and none can ever follow.

    Raises UnsupportedRuntime.
    """
    is_new = client.finalized().number == 0 and client.store.state_import.progress is None
    return is_new and not any(weight for _, weight in first_voters(client))


def first_voters(client: Client) -> list[tuple[AuthorityId, int]]:
    """Return the voters of genesis while it is the last final block; later they are on record.

    Also empty during the import of a state. Raises UnsupportedRuntime.
    """
    final = client.finalized()
    if final.number > 0 or client.store.state_import.progress is not None:
        return []
    queries = client.runtime_at(final.hash).queries
    queries.runtime.enter(client.overlay(final.hash))
    voters = queries.runtime.pallet(Grandpa).authorities.value
    return [(AuthorityId(who), int(weight)) for who, weight in voters]
