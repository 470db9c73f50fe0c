"""records_*: roots of health records, custodians and revocations, from the runtime at a block.

Epochs are hours, counted since 1970; numbers of 64 bits and more are decimal strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.apis.health_records import HealthRecordsApi

PAGE: Final = 100
"""Maximum number of custodians in one answer."""


class RecordsApi(Views):
    """Anchored roots and revocations from the runtime at a block, by default the best one."""

    epochs = derived("records_epochs", HealthRecordsApi.epochs)
    batch = derived("records_batch", HealthRecordsApi.batch)
    log = derived("records_log", HealthRecordsApi.log)
    revoked = derived("records_revoked", HealthRecordsApi.revoked)
    schema = derived("records_schema", HealthRecordsApi.schema)
    demands = derived("records_demands", HealthRecordsApi.demands)
    custodian = derived("records_custodian", HealthRecordsApi.custodian)
    custodians = derived("records_custodians", HealthRecordsApi.custodians, page=PAGE)
