"""How large each packaged program is, zipped as SAM zips it; and that Amazon Linux 2023 can load it.

    python infra/sizes.py        (after `sam build`; exits 1 if a package exceeds 6 MB or needs a newer glibc than 2.34)
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path

BUILD = Path(__file__).resolve().parents[1] / ".aws-sam/build"
# As Lambda counts it.
MB = 1 << 20
LARGEST = 6 * MB
NEWEST_GLIBC = (2, 34)


def zipped(program: bytes) -> int:
    return len(zlib.compress(program))


def glibc(program: bytes) -> tuple[int, ...]:
    """The newest version of glibc that a symbol is asked for in."""
    versions = re.findall(rb"GLIBC_(\d+(?:\.\d+)+)\0", program)
    return max((tuple(map(int, version.split(b"."))) for version in versions), default=(0,))


def main() -> int:
    programs = sorted(BUILD.glob("*/bootstrap"))
    if not programs:
        sys.exit("nothing is built: run `make package`")
    faults = 0
    print(f"{'function':14} {'program':>9} {'zipped':>9}  glibc")
    for path in programs:
        program = path.read_bytes()
        size, needs = zipped(program), glibc(program)
        fault = size > LARGEST or needs > NEWEST_GLIBC
        faults += fault
        version = ".".join(map(str, needs))
        print(f"{path.parent.name:14} {len(program) / MB:6.1f} MB {size / MB:6.1f} MB  {version}{'  too much' * fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
