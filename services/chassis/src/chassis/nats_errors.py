"""What nats-py raises when the server is away or refuses."""

import nats.errors

NATS_ERRORS = (nats.errors.Error, OSError)
"""Until it has noticed that its connection is gone, `publish` raises what the socket does."""
