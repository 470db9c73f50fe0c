"""Weights that are not measured yet: run `make weights`."""

REGISTER = 10_000_000_000

CONFIGURE = 10_000_000_000

BOND_EXTRA = 10_000_000_000

CLOSE = 10_000_000_000

PAY = 2_000_000_000

REFUND = 2_000_000_000

SETTLE = 2_000_000_000

SET_RATES = 10_000_000_000

SUSPEND = 10_000_000_000


def settle_due(batches: int) -> int:
    """Not measured."""
    return 100_000_000 + 1_000_000_000 * batches


def prune(payments: int) -> int:
    """Not measured."""
    return 50_000_000 + 200_000_000 * payments
