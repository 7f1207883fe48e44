"""The checkout row's other side: the same HTTP hops, and one asyncpg transaction a hop.

Five bare FastAPI applications, a module each, which keep what a shop cannot do without: orders with their lines, stock
with its reservations and its ledger, payments with theirs. What is left out is what makes it safe: no saga, so that a
process which dies leaves money taken and nothing sold; no keys, so that nothing may be repeated; no outbox, no events,
no history, no token, no validation of what a peer answers, no deadline, no log line, no metric.

Each transaction is one statement wherever one can do it, prepared once per connection, and rows are locked in the
order of their keys. Peers are asked with aiohttp, the fastest client there is for Python.
"""
