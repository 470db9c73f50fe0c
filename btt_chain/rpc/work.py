"""work_*: jobs, receipts, providers, models and weights, from the runtime at a block.

Amounts are in planck, times in slots since genesis; numbers of 64 bits and more are decimal
strings. A job's `state` is one of posted, assigned, computing, committed, checking, pending,
finalized, refunded, slashed.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from btt_chain.scale import u64
from runtime.pallets.jobs import api
from runtime.pallets.jobs.types import Check, Tier, Urgency

PAGE: Final = 100
"""Maximum number of records in one answer."""


class WorkApi(Views):
    """Useful work from the runtime at a block, by default the best one."""

    rules = derived("work_rules", api.WorkApi.rules)
    quote = derived(
        "work_quote",
        api.WorkApi.quote,
        defaults={
            "urgency": Urgency.Routine,
            "check": Check.Sampled,
            "tier": Tier.Open,
            "data_bytes": u64(0),
        },
    )
    job = derived("work_job", api.WorkApi.job)
    receipt = derived("work_receipt", api.WorkApi.receipt)
    jobs = derived(
        "work_jobs",
        api.WorkApi.jobs,
        defaults={"open_": False},
        names={"open_": "open_only"},
        page=PAGE,
    )
    assignments = derived("work_assignments", api.WorkApi.assignments)
    duties = derived("work_duties", api.WorkApi.duties)
    verifier = derived("work_verifier", api.WorkApi.verifier)
    provider = derived("work_provider", api.WorkApi.provider)
    providers = derived("work_providers", api.WorkApi.providers, page=PAGE)
    model = derived("work_model", api.WorkApi.model)
    models = derived("work_models", api.WorkApi.models, page=PAGE)
    prices = derived("work_prices", api.WorkApi.prices)
    weight = derived("work_weight", api.WorkApi.weight)
