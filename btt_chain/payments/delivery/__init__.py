"""Deliveries of a merchant's events to a webhook, at least once, in order for each payment.

| module | holds |
|---|---|
| `events` | an event and its body, the same from every machine |
| `journal` | events and the state of their deliveries, on disk |
| `courier` | the decisions: when to try, try again, or give up; pure |
| `transport` | one HTTP request, to a checked address |
| `driver` | the loop that connects the three |
"""
