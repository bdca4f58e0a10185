"""The contestant's side of contestant.ts: make ready, say so, repeat on demand."""

import json
import os
import resource
import sys
import time


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def serve(build, device: str = "CPU") -> None:
    """Serve until told to end, or nobody is left to tell.

    build: makes what is to be repeated; an iteration may return a number to be looked at, e.g. its loss
    """
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to stderr

    def say(line: dict) -> None:
        replies.write(json.dumps(line) + "\n")

    base = resident_bytes()
    started = time.perf_counter()
    iterate = build()
    iterate()
    say({"ready": True, "firstSeconds": time.perf_counter() - started, "baseBytes": base, "device": device})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        say(repeat(iterate, int(line.split()[1])))
    say({"peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})
    os._exit(0)  # torch.compile's helpers are not waited for


def repeat(iterate, times: int) -> dict:
    seconds, values = [], []
    for _ in range(times):
        started = time.perf_counter()
        value = iterate()
        seconds.append(time.perf_counter() - started)
        if value is not None:
            values.append(value)
    return {"seconds": seconds, "values": values}
