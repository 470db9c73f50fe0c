"""Jobs: paid computation, from posting to payment."""
