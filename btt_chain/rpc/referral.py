"""referral_*: referrals and what they earn, from the runtime at a block.

Amounts are in planck, times in slots since genesis; numbers of 64 bits and more are decimal
strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.pallets.referral import api as referral

PAGE: Final = 100
"""Maximum number of referees in one answer."""


class ReferralApi(Views):
    """Referrals from the runtime at a block, by default the best one."""

    terms = derived("referral_terms", referral.ReferralApi.terms)
    get = derived("referral_get", referral.ReferralApi.referee)
    referees = derived("referral_list", referral.ReferralApi.referees, page=PAGE)
    offers = derived("referral_offers", referral.ReferralApi.offers)
    quota = derived("referral_quota", referral.ReferralApi.quota)
