"""A GPU build of libtensorflow for one kind of card: `thin.py LIBRARY OUT [ARCHITECTURE]` (90: H100, H200; 80: A100).

The machine code of all other architectures, and code that the driver would compile, becomes zeros: the file keeps its layout and packs to
a third. What holds them is CUDA's fat binary: containers with a head of 16 bytes, in each of them entries with a head of their own.
"""

import struct
import subprocess
import sys
from collections.abc import Iterator

CONTAINER = 0xBA55ED50
PTX, MACHINE_CODE = 1, 2

Entry = tuple[int, int, int, int]  # kind, architecture, where its code begins, and ends


def fat_binary(path: str) -> tuple[int, int]:
    """Where the section begins and ends in the file."""
    for line in subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.replace("[ ", "[").split()
        if len(words) > 6 and words[1] == ".nv_fatbin":
            start, size = int(words[4], 16), int(words[5], 16)
            return start, start + size
    raise SystemExit(f"Cannot thin {path} as it must hold code for GPUs: it has no section .nv_fatbin")


def containers(data: bytearray, start: int, end: int) -> Iterator[list[Entry]]:
    while start < end - 16:
        magic, _, head, size = struct.unpack_from("<IHHQ", data, start)
        if magic != CONTAINER:
            start += 8  # between containers there may be padding
            continue
        entries, at = [], start + head
        while at < start + head + size:
            kind, _, entry_head, entry_size = struct.unpack_from("<HHIQ", data, at)
            (architecture,) = struct.unpack_from("<I", data, at + 28)
            entries.append((kind, architecture, at + entry_head, at + entry_head + entry_size))
            at += entry_head + entry_size
        yield entries
        start += head + size


def main(path: str, out: str, architecture: int) -> None:
    with open(path, "rb") as file:
        data = bytearray(file.read())
    zeroed = 0
    for entries in containers(data, *fat_binary(path)):
        if not any((kind, arch) == (MACHINE_CODE, architecture) for kind, arch, _, _ in entries):
            continue  # the driver compiles what there is
        for kind, arch, start, end in entries:
            if (kind, arch) != (MACHINE_CODE, architecture):
                data[start:end] = bytes(end - start)
                zeroed += end - start
    if zeroed == 0:
        raise SystemExit(f"Cannot thin {path} to architecture {architecture} as it must hold machine code for it")
    with open(out, "wb") as file:
        file.write(data)
    subprocess.run(["strip", "--strip-unneeded", out], check=True)
    print(f"{out}: {zeroed / 1e6:.0f} MB of code for other GPUs left out")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 90)
