"""TierStaking: stakes locked for a term, their rewards and benefits."""
