"""Pallets that are bound again keep what was connected to them."""

from __future__ import annotations

from btt_chain.scale import u64
from runtime import BttRuntime
from runtime.params import RuntimeParams


def test_a_pallet_that_is_bound_again_keeps_what_was_connected() -> None:
    runtime = BttRuntime(RuntimeParams(u64(6_000)))
    contributions, usage = runtime.providers.contributions, runtime.jobs.usage
    for pallet in runtime.pallets.values():
        pallet.bind(runtime.host, pallet.index)
    for reports in (runtime.babe.reports, runtime.grandpa.reports):
        assert reports.owners is runtime.session
        assert reports.offences is runtime.offences
    assert runtime.tokenomics.milestone_burns.hospitals is runtime.facilities
    assert runtime.jobs.deliveries.usage is usage
    assert runtime.providers.work_scores.contributions is contributions
