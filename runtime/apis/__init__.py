"""Runtime APIs: functions of a state that nodes and clients call, and what describes the runtime.

`base` has the base class, `core` Substrate's own APIs and the table of all, the others our own ones
with the views that they return. `metadata` describes the runtime for wallets, `reports` builds the
reports of equivocations.
"""
