"""A sampling profiler: ``python -m bench.profiled FILE MODULE ARGUMENT…`` runs ``python -m MODULE ARGUMENT…``.

Every four milliseconds of CPU time (the kernel counts no finer) the stack is noted. Unlike cProfile that costs the
program little, makes no difference between Python and C, and is not led astray by greenlets, which SQLAlchemy lives on.
Imports are left out. The report is written when SIGTERM ends the program.
"""

import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL_SECONDS = 0.004
LINES = 60


class Sampler:
    """Counts in which functions samples were taken, and in whose calls."""

    def __init__(self) -> None:
        self.samples = 0
        self.own: Counter[str] = Counter()
        self.with_callees: Counter[str] = Counter()

    def start(self) -> None:
        """Take samples from now on, of the main thread."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> None:
        """Take no more samples."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def report(self) -> str:
        """Return the functions by what they cost with what they call, and by what they cost themselves."""
        total = max(1, self.samples)
        parts = [f"{self.samples} samples, {INTERVAL_SECONDS * 1000:g} ms of CPU time each\n"]
        for title, counts in (("with callees", self.with_callees), ("own", self.own)):
            parts.append(f"\n{title}\n")
            parts += [f"{count / total:7.1%}  {name}\n" for name, count in counts.most_common(LINES)]
        return "".join(parts)

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            name = _name(frame)
            if "importlib" in name:
                return
            stack.append(name)
            frame = frame.f_back
        self.samples += 1
        self.own.update(stack[:1])
        self.with_callees.update(set(stack))


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{'/'.join(path.parts[-2:])}:{frame.f_code.co_qualname}"


def main(file: str, module: str, arguments: list[str]) -> None:
    """Run the module until it ends, and write the report."""
    # uvicorn puts this handler back and raises the signal again once it has shut down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.argv = [module, *arguments]
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sampler.stop()
        Path(file).write_text(sampler.report())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
