"""Bounties: grants for work, paid from the grants pool and judged by a curator."""
