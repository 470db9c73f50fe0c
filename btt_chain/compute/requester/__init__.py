"""A requester: its stored jobs, the gateway that serves them, the check of confidential results."""
