"""What the user can mend: errors whose message is shown as it is, without a traceback."""


class TradewindError(Exception):
    """Something does not work; the message is one sentence for a person."""
