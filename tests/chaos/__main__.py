"""``make chaos ORDERS=500 KILLS=60 SEED=1``: buy while processes are killed, and say whether the books are in order."""

import argparse
import signal
import sys

from tests.chaos.run import run


def main() -> int:
    """Read the command line, do it, and return the exit status."""
    options = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    options.add_argument("--orders", type=int, default=500, help="how many orders people make (500)")
    options.add_argument("--kills", type=int, default=60, help="how many processes are killed at most (60)")
    options.add_argument("--seed", type=int, default=1, help="what all that is random follows from (1)")
    chosen = options.parse_args()
    # Whatever interrupts it, everything that it has started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = run(orders=chosen.orders, kills=chosen.kills, seed=chosen.seed, tell=_say)
    except KeyboardInterrupt:
        _say("interrupted; everything has been stopped")
        return 130
    for each in result.broken:
        sys.stderr.write(f"broken: {each}\n")
    states = ", ".join(f"{count} {state}" for state, count in result.orders.items())
    made, broken = sum(result.orders.values()), len(result.broken)
    _say(f"{made} orders ({states}), {result.kills} kills, {broken} broken invariants")
    return 1 if result.broken else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
