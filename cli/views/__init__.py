"""Views of runtime APIs, and of events, as commands read them: see `btt_chain.client.views`."""
