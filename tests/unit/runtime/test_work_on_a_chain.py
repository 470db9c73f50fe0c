"""A job on the whole runtime: blocks of the lottery, session keys, bare attestations, the audit."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import bare
from btt_chain.scale import u8, u16, u32, u64, u128
from btt_chain.work import ids
from runtime.accounts import POOLS
from runtime.audits import audit
from runtime.constants import BTT
from runtime.frame import Call, signed
from runtime.pallets.jobs import events
from runtime.pallets.jobs.types import Check, Job, JobState, Outcome, Tier, Urgency
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts.attestations import VERDICT
from runtime.pallets.receipts.types import Phase, Receipt, Seat, Valid, Verdict, Wrong
from runtime.params import RuntimeParams, WorkRules
from support.babe_chain import BOND, BabeChain, Validator, validators
from support.market import ENDPOINT, RANDOMNESS, SALT, Claim, inputs_root, net
from support.models import stated

VERIFIERS = validators(4)
REQUESTER, PROVIDER = Validator("Requester"), Validator("Provider")
RULES = WorkRules(committee=u32(3), quorum=u32(2), beacon_authors=u32(2))
HONEST, LIE = Claim(4), Claim(4, [(2, 1, 3)])


class WorkChain(BabeChain):
    """A chain with four verifiers, a provider, a model and a requester."""

    def __init__(self, vrf: Vrf | None = None) -> None:
        params = RuntimeParams(u64(6_000), epoch_slots=u32(10), work=RULES)
        super().__init__(VERIFIERS, (REQUESTER, PROVIDER), params, vrf=vrf)
        info = ProviderInfo(
            ProviderKind.Home, None, [u16(0)], u32(2), PROVIDER.author.public, bytes(32), ENDPOINT
        )
        model = {
            "manifest": net().manifest, "model_class": u16(0), "name": b"A net",
            "check": CheckMode.Reexecute, "endpoints": ENDPOINT, **stated(),
        }  # fmt: skip
        joined = u128(6_000 * BTT)
        self.do(REQUESTER, "Models.register", **model)
        self.do(PROVIDER, "Providers.register", info=info, bond=u128(2_000 * BTT))
        for verifier in VERIFIERS:
            self.do(verifier, "Receipts.join", bond=joined)
        self.run_to(self.slot + 10)

    def config(self, people: Iterable[Validator]) -> dict[str, object]:
        """Return the genesis configuration, with all pools."""
        found = super().config(people)
        rows = [[ss58.encode(one.account), 10 * BOND] for one in (*VERIFIERS, REQUESTER, PROVIDER)]
        pools = [ss58.encode(pool) for pool in POOLS]
        return found | {"balances": {"balances": rows, "pools": pools}}

    def do(self, who: Validator, name: str, /, **args: object) -> None:
        """Make a block with one call, which succeeds."""
        self.block((signed(who.account), self.named(name, **args)))
        assert not self.failures

    def named(self, name: str, /, **args: object) -> Call:
        pallet, _, call = name.partition(".")
        return self.runtime.call(pallet, call, **args)

    def send(self, name: str, /, **args: object) -> None:
        """Make a block with a call of a node, unsigned, which succeeds."""
        self.block(reports=[bare(self.named(f"Receipts.{name}", **args).raw)])
        assert not self.failures

    def until(self, job: H256, *states: JobState) -> Job:
        for _ in range(100):
            found = self.runtime.jobs.store.jobs[job]
            if found.state in states:
                return found
            self.block()
        raise AssertionError(f"the job is still {found.state.name}")

    def post(self) -> H256:
        self.do(
            REQUESTER, "Jobs.post", model=ids.model_id(net().manifest), items=u32(4),
            input_root=inputs_root(4), tier=Tier.Open, check=Check.Full, urgency=Urgency.Routine,
            max_price=u128(100 * BTT), data_bytes=u64(100_000 << 20), deadline=u32(30),
            reply_key=bytes(32), endpoints=ENDPOINT,
        )  # fmt: skip
        return next(event.job for event in self.events() if isinstance(event, events.Posted))

    def submitted(self, job: H256, claim: Claim) -> H256:
        """Have a job accepted and done; return the receipt, whose committee is selected."""
        self.until(job, JobState.Assigned)
        self.do(PROVIDER, "Jobs.accept", job=job)
        now = u32(self.runtime.babe.now())
        self.do(
            PROVIDER, "Receipts.submit", job=job, attempt=u8(0), item_root=claim.item_root,
            output_root=claim.output_root, planted_error_commit=RANDOMNESS, started=now,
            finished=now,
        )  # fmt: skip
        receipt = self.until(job, JobState.Checking).receipt
        assert receipt is not None
        return receipt

    def attest(self, receipt: H256, claim: Claim, verdict: Verdict) -> None:
        """Have the whole committee find the same, each by its own VRF output and key."""
        genesis, found = bytes(self.runtime.system.block_hash[u32(0)]), self.receipt(receipt)
        reveals = []
        for seat in found.seats:
            pair, beacon = self.pair_of(seat), found.beacons[seat.round]
            output, proof = self.outputs.sign(pair, ids.check_input(beacon, receipt))
            digest = ids.digest_tree(claim.digests(ids.rho(output), 4)).root
            said = (receipt, seat.verifier, VERDICT.encode(verdict), digest, SALT)
            commitment = ids.attestation(genesis, *said)
            message = ids.commit_message(genesis, receipt, seat.verifier, beacon, commitment)
            self.send(
                "attest_commit", receipt=receipt, verifier=seat.verifier, commitment=commitment,
                signature=pair.sign(message),
            )  # fmt: skip
            reveals.append(
                {
                    "receipt": receipt,
                    "verifier": seat.verifier,
                    "verdict": verdict,
                    "digest": digest,
                    "salt": SALT,
                    "pre_output": output.pre_output,
                    "proof": proof,
                }
            )
        while self.runtime.babe.now() + 1 < found.commit_until:
            self.block()
        blocks = [bare(self.named("Receipts.attest_reveal", **args).raw) for args in reveals]
        self.block(reports=blocks)
        assert not self.failures
        assert all(seat.verdict == verdict for seat in self.receipt(receipt).seats)

    def receipt(self, receipt: H256) -> Receipt:
        return self.runtime.receipts.receipts[receipt]

    def pair_of(self, seat: Seat) -> KeyPair:
        return self.pairs[seat.key]


@pytest.fixture(params=["stand-in", "real"])
def chain(request: pytest.FixtureRequest) -> WorkChain:
    return WorkChain(SchnorrkelVrf() if request.param == "real" else None)


def test_a_job_is_paid_and_all_sums_agree(chain: WorkChain) -> None:
    job = chain.post()
    receipt = chain.submitted(job, HONEST)
    assert chain.receipt(receipt).phase is Phase.Checking
    chain.attest(receipt, HONEST, Valid())
    assert audit(chain.runtime) == []
    assert chain.until(job, JobState.Finalized).outcome is Outcome.Done
    assert chain.runtime.balances.held(chain.runtime.jobs.reason, REQUESTER.account) == 0
    assert job in chain.runtime.mining.receipts
    assert audit(chain.runtime) == []


def test_a_lie_is_proven_without_a_signature_and_all_sums_agree() -> None:
    chain = WorkChain()
    job = chain.post()
    price = int(chain.runtime.jobs.store.jobs[job].price)
    receipt = chain.submitted(job, LIE)
    chain.attest(receipt, LIE, Wrong(u32(2), u16(0), u32(3)))
    bond = chain.runtime.providers.ledgers[PROVIDER.account].bond
    chain.send("prove_fraud", receipt=receipt, proof=LIE.proof(2, 0, 3))
    assert chain.runtime.jobs.store.jobs[job].state is JobState.Slashed
    assert bond - chain.runtime.providers.ledgers[PROVIDER.account].bond == 10 * price
    assert audit(chain.runtime) == []
