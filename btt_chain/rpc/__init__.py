"""JSON-RPC: the interface for wallets, explorers and scripts.

`server.RpcServer` answers HTTP POST and WebSocket on one port; `api.build_registry` lists every
method; `backend.Backend` is the interface that a node provides for them. Shapes and texts are
Substrate's.
"""
