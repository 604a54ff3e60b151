"""Makes the assembly of a whole program for MIPS32 smaller: what repeats in it is there once.

usage: python3 packaging/outline PROGRAM.s SMALLER.s

LLVM does this for other machines, not for this one. Functions that are equal become one (program), saving and restoring
registers becomes a call (frames), and instructions that follow one another at several places become a function
(sequences). That nothing else changes is checked (check): with all of it put back in place, what is written must be what
was read, else nothing is written. It knows how LLVM writes code for fixed addresses: each instruction is one word, delay
slots are in view, no argument is in $25.
"""
import sys

from check import check
from outlined import outlined
from program import Program


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[2])
    with open(sys.argv[1]) as file:
        source = file.read().splitlines()
    smaller = outlined(source)
    if wrong := check(Program(source), Program(smaller)):
        sys.exit(f"packaging/outline: {wrong} would not do what it did; nothing is written")
    with open(sys.argv[2], "w") as file:
        file.writelines(line + "\n" for line in smaller)


if __name__ == "__main__":
    main()
