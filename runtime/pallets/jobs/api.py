"""The runtime API of useful work: queries of users, providers and verifiers.

Amounts are in planck, times in slots since genesis. Lists are bounded by `limit`, at most 256; the
last id of one is the `after` of the next. An unknown `after` gives an empty list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from btt_chain.work.graph import Manifest
from runtime.frame import DispatchError
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.types import ENDED, Check, Job, JobState, Tier, Urgency
from runtime.pallets.jobs.views import (
    ClassPrice,
    Duty,
    JobView,
    ModelView,
    ProviderView,
    ReceiptView,
    Rules,
    SeatView,
    Task,
    WorkQuote,
)
from runtime.pallets.models.pallet import Models
from runtime.pallets.models.types import ModelRecord
from runtime.pallets.providers.pallet import Providers
from runtime.pallets.providers.types import ScoreView
from runtime.pallets.receipts.constants import CONFIDENTIAL_FACTOR
from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.receipts.tally import missed_before
from runtime.pallets.receipts.types import Phase, Receipt, Seat, Verifier, Wrong, WrongEdge

MAX_LENGTH: Final = 256
"""Maximum length of a list."""

K = TypeVar("K")
V = TypeVar("V")

WORKING: Final = (
    JobState.Assigned,
    JobState.Computing,
    JobState.Committed,
    JobState.Checking,
    JobState.Pending,
)


class WorkApi(RuntimeApi, version=1):
    """Useful work: prices, jobs, providers, receipts, and duties of verifiers."""

    _jobs = PalletOf(Jobs)
    _receipts = PalletOf(Receipts)
    _providers = PalletOf(Providers)
    _models = PalletOf(Models)
    _babe = PalletOf(Babe)

    def rules(self) -> Rules:
        """Return the parameters that are constant while a daemon runs."""
        jobs, receipts, babe = self._jobs, self._receipts, self._babe
        window = receipts.challenge_slots
        return Rules(
            genesis=H256(bytes(jobs.system.block_hash[u32(0)])),
            genesis_slot=u64(babe.genesis_slot.value),
            slot_ms=jobs.slot_ms,
            beacon_delay=receipts.beacon_delay,
            planted_error_ppm=receipts.planted_error_ppm,
            committee=receipts.committee,
            quorum=receipts.quorum,
            accept_slots=jobs.accept_slots,
            transcript_slots=receipts.transcript_slots,
            commit_slots=receipts.commit_slots,
            reveal_slots=receipts.reveal_slots,
            challenge_slots=window,
            confidential_slots=u32(CONFIDENTIAL_FACTOR * int(window)),
        )

    def quote(
        self, model: H256, items: u32, urgency: Urgency, check: Check, tier: Tier, data_bytes: u64
    ) -> WorkQuote | None:
        """Return the current cost of a job; None if its model or number of items is rejected."""
        jobs = self._jobs
        try:
            quote = jobs.prices.quote(model, int(items), urgency, check, tier, int(data_bytes))
        except DispatchError:
            return None
        model_class = int(self._models.models[model].model_class)
        return WorkQuote(
            work=quote.work,
            base=jobs.prices.market(model_class).base,
            price=quote.price,
            verification=quote.verification,
            deposit=quote.deposit,
            total=u128(quote.total),
            providers=u32(sum(self._providers.engagements.offers(model_class))),
            min_deadline=u32(jobs.prices.min_deadline(model_class, int(quote.work))),
        )

    def job(self, job: H256) -> JobView | None:
        """Return a job; None if it does not exist, or ended too long ago."""
        found = self._jobs.store.get(job)
        return None if found is None else self._job_view(job, found)

    def receipt(self, receipt: H256) -> JobView | None:
        """Return the job of a receipt; None if it is unknown or no longer stored."""
        found = self._receipts.receipt(receipt)
        return None if found is None else self.job(found.job)

    def jobs(
        self, account: AccountId | None, open_: bool, after: H256 | None, limit: u32
    ) -> list[JobView]:
        """Return the jobs of a requester or provider (None: all), by id; `open`: not ended."""
        known = self._jobs
        if account is None:
            names = (id for id, _ in known.store.jobs.items())
        else:
            names = (id for id, _ in known.store.involved.under(account))
        pairs = ((id, found) for id in names if (found := known.store.get(id)) is not None)
        wanted = (pair for pair in pairs if not (open_ and pair[1].state in ENDED))
        return [self._job_view(id, found) for id, found in page(wanted, after, limit)]

    def assignments(self, provider: AccountId) -> list[JobView]:
        """Return the jobs that a provider has to do, or has done and is still liable for."""
        jobs = self._jobs
        pairs = ((id, jobs.store.get(id)) for id, _ in jobs.store.involved.under(provider))
        wanted = (
            self._job_view(id, found)
            for id, found in pairs  # also recently ended ones: these must not fill the list
            if found is not None and found.provider == provider and found.state in WORKING
        )
        return list(islice(wanted, MAX_LENGTH))

    def duties(self, verifier: AccountId) -> list[Duty]:
        """Return the current duties of a verifier, receipt by receipt."""
        return list(islice(self._duties(verifier), MAX_LENGTH))

    def verifier(self, account: AccountId) -> Verifier | None:
        """Return a verifier's bond and misses; None if the account is not a verifier."""
        return self._receipts.bonds.verifiers.get(account)

    def provider(self, account: AccountId) -> ProviderView | None:
        """Return a provider; None if the account is not one."""
        return self._provider_view(account)

    def providers(self, after: AccountId | None, limit: u32) -> list[ProviderView]:
        """Return the providers, in the order of their hashed keys."""
        rows = page(self._providers.providers.items(), after, limit)
        views = (self._provider_view(who) for who, _ in rows)
        return [view for view in views if view is not None]

    def model(self, model: H256) -> ModelView | None:
        """Return a model; None if it does not exist."""
        found = self._models.get(model)
        return None if found is None else model_view(model, found, self._jobs.clock.now())

    def manifest(self, model: H256) -> Manifest | None:
        """Return the manifest of a model: its graph, and the meaning of its numbers."""
        return self._models.manifest(model)

    def models(self, after: H256 | None, limit: u32) -> list[ModelView]:
        """Return the models, in the order of their hashed keys."""
        now, rows = self._jobs.clock.now(), page(self._models.models.items(), after, limit)
        return [model_view(id, record, now) for id, record in rows]

    def prices(self) -> list[ClassPrice]:
        """Return the prices of work by class."""
        jobs, models, found = self._jobs, self._models, []
        for model_class in models.known_classes():
            about, market = models.class_of(model_class), jobs.prices.market(model_class)
            if about is not None:
                found.append(
                    ClassPrice(
                        model_class=u16(model_class),
                        name=bytes(about.name),
                        base=market.base,
                        least=about.least,
                        most=about.most,
                        speed=about.speed,
                        sold=market.sold,
                        offered=u32(sum(self._providers.engagements.offers(model_class))),
                    )
                )
        return found

    def weight(self, validator: AccountId) -> ScoreView:
        """Return the weight of a validator's work in block production, with its factors."""
        return self._providers.work_scores.weight_of(validator)

    # ---- internals

    def _duties(self, verifier: AccountId) -> Iterator[Duty]:
        receipts = self._receipts
        for id, _ in receipts.committees.duties.under(verifier):
            receipt = receipts.receipt(id)
            job = None if receipt is None else self._jobs.store.get(receipt.job)
            if receipt is None or job is None:
                continue
            for seat in receipt.seats:
                task = self._task(receipt, seat)
                if seat.verifier == verifier and task is not None:
                    view = self._job_view(receipt.job, job)
                    yield Duty(task, seat_view(receipt, seat), view)

    def _task(self, receipt: Receipt, seat: Seat) -> Task | None:
        """Return the open task of a seat's verifier; None if there is none."""
        now = self._jobs.clock.now()
        if receipt.phase is Phase.Checking and seat.verdict is None:
            if seat.commitment is not None:
                return Task.Reveal
            return Task.Commit if now < receipt.commit_until else None
        wrong = isinstance(seat.verdict, Wrong | WrongEdge)
        live = receipt.phase is not Phase.Ended and receipt.proven is None
        return Task.Prove if wrong and live else None

    def _job_view(self, id: H256, job: Job) -> JobView:
        info = None if job.provider is None else self._providers.providers.get(job.provider)
        found = None if job.receipt is None else self._receipts.receipt(job.receipt)
        receipt = None
        if found is not None and job.receipt is not None:
            receipt = receipt_view(job.receipt, found, self._jobs.deliveries.sample_count(job))
        return JobView(
            id=id,
            now=u32(self._jobs.clock.now()),
            state=job.state,
            outcome=job.outcome,
            requester=job.requester,
            model=job.model,
            model_class=job.model_class,
            items=job.items,
            input_root=job.input_root,
            tier=job.tier,
            check=job.check,
            urgency=job.urgency,
            price=job.price,
            verification=job.verification,
            deposit=job.deposit,
            paid=job.paid,
            work=job.work,
            data_bytes=job.data_bytes,
            deadline=job.deadline,
            reply_key=job.reply_key,
            endpoints=job.endpoints,
            posted=job.posted,
            since=job.since,
            due=job.due,
            attempt=job.attempt,
            seed=job.seed,
            scores=job.scores,
            accepted=job.accepted,
            provider=job.provider,
            provider_info=info,
            receipt=receipt,
        )

    def _provider_view(self, who: AccountId) -> ProviderView | None:
        info, ledger = self._providers.providers.get(who), self._providers.ledgers.get(who)
        if info is None or ledger is None:
            return None
        return ProviderView(
            provider=who,
            operator=self._providers.engagements.operator_of(who),
            info=info,
            active=u128(ledger.active),
            reserved=u128(ledger.reserved),
            leaving=u128(ledger.leaving),
            capacity=ledger.capacity,
            busy=ledger.busy,
            last_heartbeat=ledger.last_heartbeat,
            chilled=ledger.chilled,
            lost=u128(ledger.lost),
        )


def page(rows: Iterable[tuple[K, V]], after: K | None, limit: int) -> Iterator[tuple[K, V]]:
    """Return at most `limit` rows; only those after the key `after`, if it is given."""
    following = iter(rows)
    if after is not None:
        for key, _ in following:
            if key == after:
                break
    return islice(following, min(int(limit), MAX_LENGTH))


def seat_view(receipt: Receipt, seat: Seat) -> SeatView:
    """Return the view of a seat, with the beacon of its selection."""
    return SeatView(
        verifier=seat.verifier,
        key=seat.key,
        beacon=receipt.beacons[seat.round],
        committed=seat.commitment is not None or seat.verdict is not None,
        verdict=seat.verdict,
        digest=seat.digest,
        rho=seat.rho,
        missed=[u32(item) for item in missed_before(receipt, seat)],
    )


def receipt_view(id: H256, receipt: Receipt, sample_count: int) -> ReceiptView:
    """Return the view of a receipt, with its committee."""
    return ReceiptView(
        id=id,
        job=receipt.job,
        provider=receipt.provider,
        attempt=receipt.attempt,
        item_root=receipt.item_root,
        output_root=receipt.output_root,
        planted_error_commit=receipt.planted_error_commit,
        started=receipt.started,
        finished=receipt.finished,
        submitted=receipt.submitted,
        phase=receipt.phase,
        commit_until=receipt.commit_until,
        reveal_until=receipt.reveal_until,
        due=receipt.due,
        replacements=receipt.replacements,
        had_planted_error=receipt.planted_error is not None,
        sample_count=u32(sample_count),
        seats=[seat_view(receipt, seat) for seat in receipt.seats],
        challenges=receipt.challenges,
    )


def model_view(id: H256, record: ModelRecord, now: int) -> ModelView:
    """Return the view of a model in slot `now`."""
    change = record.next_licence
    return ModelView(
        id=id,
        owner=record.owner,
        name=bytes(record.name),
        model_class=record.model_class,
        macs=u64(record.macs),
        check=record.check,
        endpoints=record.endpoints,
        open_jobs=u32(record.open),
        suspended=record.suspended,
        retired=record.retired,
        committed=record.committed,
        outputs=record.outputs,
        schema=record.schema,
        licence=record.licence_at(now),
        next_licence=None if change is None or now >= change.since else change,
        description=record.description,
    )
