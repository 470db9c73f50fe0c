"""The explorer: a companion of a node that indexes its chain by JSON-RPC and shows it as pages.

`index/` has the indexer, `pages/` what the pages show, `server.py` the HTTP server. Nothing here
imports the runtime, the storage or the chain: any Substrate node can be behind it.
"""
