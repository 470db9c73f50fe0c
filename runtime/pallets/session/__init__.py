"""Session: the keys of validators that author blocks and vote, by session."""
