"""The command line: the `btt-chain` command."""
