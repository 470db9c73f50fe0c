"""The words people type: the `btt-chain` command."""
