"""The commands, a group a file; `cli.program` imports a file when one of its commands runs."""
