"""incentives_*: points for confirmed activities, from the runtime at a block.

Amounts are in planck, times in slots since genesis; numbers of 64 bits and more are decimal
strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.pallets.incentives import api as incentives

PAGE: Final = 100
"""Maximum number of facilities in one answer."""


class IncentivesApi(Views):
    """Incentives from the runtime at a block, by default the best one."""

    current = derived("incentives_current", incentives.IncentivesApi.current)
    month = derived("incentives_month", incentives.IncentivesApi.month)
    rules = derived("incentives_rules", incentives.IncentivesApi.rules)
    epoch = derived("incentives_epoch", incentives.IncentivesApi.epoch)
    epochs = derived("incentives_epochs", incentives.IncentivesApi.epochs, page=PAGE)
    keys = derived("incentives_keys", incentives.IncentivesApi.keys)
    points = derived("incentives_points", incentives.IncentivesApi.points)
    is_spent = derived("incentives_isSpent", incentives.IncentivesApi.is_spent)
    offers = derived("incentives_offers", incentives.IncentivesApi.offers)
    auditors = derived("incentives_auditors", incentives.IncentivesApi.auditors)
    audit = derived("incentives_audit", incentives.IncentivesApi.audit)
    stats = derived("incentives_stats", incentives.IncentivesApi.stats)
