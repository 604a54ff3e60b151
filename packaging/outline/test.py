"""Programs made at random do what they did when they have become smaller, and damage to those is found.

usage: python3 packaging/outline/test.py [PROGRAMS]
"""
import random, re, sys

from check import check
from frames import area, moves, registers
from outlined import outlined
from program import Program
from sequences import has_whole_addresses

DATA = {f"data{number}": 0x100000 + 4 * number for number in range(4)}
STACK = 0x800000


def main():
    programs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    shorter = 0
    for seed in range(programs):
        source = Maker(random.Random(seed)).program()
        smaller = outlined(source)
        assert check(Program(source), Program(smaller)) is None, seed
        assert Machine(source).run() == Machine(smaller).run(), seed
        assert busy(source) == busy(smaller) != {}, seed
        assert all(has_whole_addresses(function.items) for function in Program(smaller).functions), seed
        shorter += words(source) - words(smaller)
        assert check(Program(source), Program(damaged(smaller, random.Random(seed)))), seed
    print(f"{programs} programs do the same with {shorter} words less")
    assert shorter > 100 * programs


def words(lines):
    return len(list(code(lines)))


def code(lines):
    """Instructions and labels."""
    return (line for line in lines if re.match(r"\t[a-z]|\S+:$", line))


def damaged(lines, chance):
    """One instruction lost, other than one that does nothing or is not in use."""
    places = [at for at, line in enumerate(lines) if re.match(r"\t(addiu|addu|sw|lui)\t", line)]
    at = chance.choice(places)
    return lines[:at] + ["\tnop"] + lines[at + 1 :]


def named(number):
    """The name of a function: some are of what packets meet."""
    return f"f{number}_4ring" if number % 8 == 7 else f"f{number}"


def busy(source):
    return {function.name: function.items for function in Program(source).functions if function.is_busy}


class Maker:
    """Functions as LLVM writes them, out of few instructions, so that much repeats."""

    def __init__(self, chance):
        self.chance = chance

    def program(self):
        self.count = 40
        lines = ["\t.globl\tf0"]
        for number in range(self.count):
            lines += self.function(number)
        return lines

    def function(self, number):
        name, chance = named(number), self.chance
        self.name, self.labels = number, 0
        yield f'\t.section\t.text.{name},"ax",@progbits'
        yield from ("\t.p2align\t2", f"\t.type\t{name},@function", f"\t.ent\t{name}", f"{name}:")
        yield from ("\t.frame\t$sp,64,$ra", "\t.set\tnoreorder", "\t.set\tnomacro", "\t.set\tnoat", "# %bb.0:")
        count = chance.choice([0, 1, 2, 4, 7, 10])
        calls = count > 0 and number + 1 < self.count
        size = area(count) + 16 + 8 * chance.randrange(2)
        # with no other register left LLVM takes this one
        spare = "$ra" if calls and chance.random() < 0.2 else "$9"
        body = [text for _ in range(chance.randrange(2, 9)) for text in self.piece(calls, spare)]
        if count:
            body = [f"addiu\t$sp, $sp, -{size}", *moves("sw", registers(count), size), *body]
            body += moves("lw", registers(count), size)[::-1]
            end = ["jr\t$ra"]
            if calls and chance.random() < 0.3:
                end = [f"j\t{named(chance.randrange(number + 1, self.count))}"]
            body += [*end, f"addiu\t$sp, $sp, {size}"]
        else:
            body += ["jr\t$ra", "addiu\t$2, $2, 1"]
        yield from (text if text.endswith(":") else f"\t{text}        # a remark" for text in body)
        yield from ("\t.set\tat", "\t.set\tmacro", "\t.set\treorder", f"\t.end\t{name}")
        yield from (f"$func_end{number}:", f"\t.size\t{name}, $func_end{number}-{name}")

    def piece(self, calls, spare):
        """Some instructions that leave $sp as it was."""
        chance = self.chance
        kind = chance.randrange(8 if calls else 5)
        data = f"data{chance.randrange(len(DATA))}"
        if kind < 2:
            for _ in range(chance.randrange(1, 6)):
                yield chance.choice(["addiu\t$2, $2, 3", "addu\t$3, $3, $2", "move\t$4, $3", "addiu\t$8, $4, 7"])
        elif kind == 2:
            yield from (f"addiu\t{spare}, $2, 5", "addiu\t$8, $8, 1", "addu\t$3, $3, $8", "move\t$4, $3", "addu\t$3, $3, $4")
            yield f"addu\t$2, $2, {spare}"
        elif kind == 3:
            yield from (f"lui\t$1, %hi({data})", "addiu\t$2, $2, 3", f"sw\t$2, %lo({data})($1)", "move\t$4, $2")
        elif kind == 4:
            self.labels += 1
            label = f"$BB{self.name}_{self.labels}"
            yield from (f"beqz\t${chance.choice('234')}, {label}", "addiu\t$2, $2, 1", "addu\t$3, $3, $2", f"{label}:")
        elif kind == 7:
            callee = named(self.chance.randrange(self.name + 1, self.count))
            yield from (f"lui\t$25, %hi({callee})", f"addiu\t$25, $25, %lo({callee})", "jalr\t$25", "nop")
        else:
            callee = named(self.chance.randrange(self.name + 1, self.count))
            yield from ("addu\t$4, $2, $3", "addiu\t$5, $4, 1", f"jal\t{callee}", chance.choice(["move\t$6, $4", "nop"]))


class Machine:
    """As much of a processor as these programs need."""

    def __init__(self, lines):
        self.code, self.names = [], dict(DATA)
        for line in code(lines):
            text = line.split("#")[0].strip()
            if text.endswith(":"):
                self.names[text[:-1]] = 4 * len(self.code)
            else:
                self.code.append(re.split(r"[\t ,()]+", text.rstrip(")")))
        for line in lines:
            if found := re.match(r"\t\.set\t(\w+), (\w+)$", line):
                self.names[found[1]] = self.names[found[2]]
        self.memory = {}
        self.registers = {f"${number}": 1000 + number for number in range(2, 26)}
        self.registers |= {"$zero": 0, "$1": 0, "$fp": 77, "$sp": STACK, "$ra": -4}

    def run(self):
        """What a caller can see when f0 has returned."""
        at, after = self.names["f0"], None
        for _ in range(5_000_000):
            if at == -4:
                kept = {name: self.registers[name] for name in ["$2", "$3", "$sp", *registers(10)[1:]]}
                return kept, {place: value for place, value in self.memory.items() if place < STACK - 0x10000}
            jump = self.step(at)
            # the instruction behind a jump runs before what it leads to
            at, after = (at + 4 if after is None else after), jump
        raise AssertionError("it does not end")

    def step(self, at):
        """Runs one instruction; gives where a jump leads."""
        operation, *words = self.code[at // 4]
        set_to, values = self.registers, words[1:]
        if operation == "nop":
            return None
        if operation in ("j", "jal"):
            if operation == "jal":
                set_to["$ra"] = at + 8
            return self.names[words[0]]
        if operation in ("jr", "jalr"):
            target = set_to[words[0]]
            if operation == "jalr":
                set_to["$ra"] = at + 8
            return target
        if operation == "beqz":
            return self.names[words[1]] if set_to[words[0]] % 2 == 0 else None
        if operation in ("sw", "lw"):
            place = self.half(values) if values[0].startswith("%") else set_to[values[1]] + int(values[0])
            if operation == "sw":
                self.memory[place] = set_to[words[0]]
            else:
                set_to[words[0]] = self.memory.get(place, 0)
        elif operation == "lui":
            set_to[words[0]] = 0
        elif operation == "move":
            set_to[words[0]] = set_to[values[0]]
        elif operation == "addu":
            set_to[words[0]] = (set_to[values[0]] + set_to[values[1]]) % 2**32
        elif operation == "addiu":
            number = self.half(values[1:]) if values[1].startswith("%") else int(values[1])
            set_to[words[0]] = (set_to[values[0]] + number) % 2**32
        else:
            raise AssertionError(operation)
        return None

    def half(self, words):
        """The lower half of an address stands for all of it, the upper half for nothing."""
        return self.names[words[1]] if words[0] == "%lo" else 0


if __name__ == "__main__":
    main()
