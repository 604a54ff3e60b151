"""Instructions that follow one another at several places, without a label or a jump between, become a function.

| they end with | instead of them | the new function ends with |
|---|---|---|
| a return, or a jump for good | a jump | the same |
| a call | a call | a jump there: who is called returns in its place |
| anything else, where the frame holds the return address | a call | a return |

The first instruction goes into the delay slot, so that two words stand for all. What saves most is taken first, and all
is done again with what that leaves.
"""
import heapq, re
from collections import defaultdict

from program import OURS, Function, Item, flat

LONGEST = 64  # instructions of a sequence; hardly any is longer
ROUNDS = 3  # what a fourth one finds is not worth its time
# What a kernel emulates or looks at, and what must stay together.
FIXED = {"ll", "sc", "sync", "rdhwr", "teq", "break", "syscall", "nop", "ssnop", "ehb"}
ADDRESS = re.compile(r"\$(ra|31)\b")
ADDRESS_KEPT = re.compile(r"jr\t\$ra$|[sl]w\t\$ra, \d+\(\$sp\)$|move\t\$25, \$ra$")


def outline_sequences(program):
    """Replaces what repeats in the functions of a program, and adds the functions that it becomes."""
    number = 0
    for _ in range(ROUNDS):
        found = Repeats(program).outline(number)
        number += len(found)
        program.functions += found


class Repeats:
    """The items of all functions one after another, each with a number that it shares with those that are equal."""

    def __init__(self, program):
        self.tokens, self.places, self.ends, self.saved = [], [], [], []
        numbers = {}
        for function in program.functions:
            if function.is_busy:
                continue
            saved = saved_at(function, program.in_tables)
            labels = {item.label for item in function.items}
            for at, item in enumerate(function.items):
                end = end_of(item, labels)
                self.add(None if end is None else numbers.setdefault(item, len(numbers)), (function, at), end, saved[at])
            self.add(None, None, None, False)

    def add(self, number, place, end, saved):
        # a number of its own, below zero, ends all sequences
        self.tokens.append(-len(self.tokens) - 1 if number is None else number)
        self.places.append(place)
        self.ends.append(end)
        self.saved.append(saved)

    def outline(self, number):
        """Replaces sequences in their functions; gives the new ones, with names counted from `number`."""
        groups = list(self.groups())
        queue = [(-self.words_saved(starts, length), at) for at, (length, starts) in enumerate(groups)]
        heapq.heapify(queue)
        taken = bytearray(len(self.tokens))
        new, changes = [], defaultdict(list)
        while queue:
            _, at = heapq.heappop(queue)
            length, starts = groups[at]
            free = apart([start for start in starts if not any(taken[start : start + length])], length)
            saved = self.words_saved(free, length)
            if saved <= 0:
                continue
            if queue and -saved > queue[0][0]:
                groups[at] = length, free
                heapq.heappush(queue, (-saved, at))
                continue
            function, instead = made_of(self.items(free[0], length), self.ends[free[0] + length - 1], number + len(new))
            new.append(function)
            for start in free:
                taken[start : start + length] = b"\1" * length
                caller, first = self.places[start]
                changes[caller].append((first, length, instead))
        for function, list_of in changes.items():
            for first, length, instead in sorted(list_of, reverse=True):
                function.items[first : first + length] = [instead]
        return new

    def groups(self):
        """The length of each sequence by which words can be saved, and where it begins."""
        ways = defaultdict(list)
        for at, token in enumerate(self.tokens):
            if token >= 0:
                ways[token].append(at)
        shorter = [starts for starts in ways.values() if len(starts) > 1]
        for length in range(2, LONGEST + 1):
            longer = []
            for group in shorter:
                # behind a call or a jump nothing belongs to the sequence
                if self.ends[group[0] + length - 2] == "":
                    ways = defaultdict(list)
                    for start in group:
                        ways[self.tokens[start + length - 1]].append(start)
                    longer += [starts for token, starts in ways.items() if token >= 0 and len(starts) > 1]
            for starts in longer:
                if self.words_saved(starts, length) > 0 and self.can_be_called(starts[0], length):
                    if self.ends[starts[0] + length - 1] == "":
                        starts = [start for start in starts if self.saved[start]]
                    if self.words_saved(starts, length) > 0:
                        yield length, starts
            shorter = longer

    def items(self, start, length):
        function, at = self.places[start]
        return function.items[at : at + length]

    def can_be_called(self, start, length):
        """Whether a function can hold the sequence."""
        first, *rest = self.items(start, length)
        if "%" in first.text or not has_whole_addresses(rest):
            return False
        if self.ends[start + length - 1] == "jump":
            return True
        return not any(ADDRESS.search(text) for item in (first, *rest) for text in flat([item]))

    def words_saved(self, starts, length):
        """Words of all the sequences, without those of the function and two for each place."""
        if len(starts) < 2:
            return 0
        words = sum(1 if item.delay is None else 2 for item in self.items(starts[0], length))
        return len(starts) * (words - 2) - words + (self.ends[starts[0] + length - 1] != "")


def has_whole_addresses(items):
    """Whether each half of an address has its other half here: the linker looks for that in the same section only."""
    upper, alone = set(), set()
    for text in flat(items):
        for half, name in re.findall(r"%(hi|lo)\((.*?)\)", text):
            if half == "hi":
                upper.add(name)
                alone.add(name)
            elif name in upper:
                alone.discard(name)
            else:
                return False
    return not alone


def apart(starts, length):
    """Those that do not begin within one before."""
    found = []
    for start in starts:
        if not found or start >= found[-1] + length:
            found.append(start)
    return found


def made_of(items, end, number):
    """The function that a sequence becomes, and what stands for the sequence."""
    name = f"{OURS}{number}"
    first, *items = items
    if end == "call":
        call = items.pop()
        items.append(Item(f"{'jr' if call.operation == 'jalr' else 'j'}\t{call.target}", call.delay))
    elif end == "":
        items.append(Item("jr\t$ra", items.pop().text))
    return Function(name, items), Item(f"{'j' if end == 'jump' else 'jal'}\t{name}", first.text)


def end_of(item, labels):
    """Where in a sequence an item may be: "" anywhere, "call" and "jump" as its end; None nowhere."""
    if item.delay is None:
        if item.label or item.text.startswith(".") or item.operation in FIXED:
            return None
        # who loads it is about to return
        return None if ADDRESS.search(item.text) and not item.text.startswith("lw\t$ra, ") else ""
    if item.delay.split("\t")[0] in FIXED - {"nop"}:
        return None
    if item.operation in ("jal", "jalr"):
        return "call"
    if item.operation == "jr" or item.operation == "j" and item.target not in labels:
        return None if item.delay.startswith("sw\t$ra, ") else "jump"
    return None


def saved_at(function, in_tables):
    """For each item, whether the frame holds the return address when it is reached, by whatever way, and $ra is free."""
    items = function.items
    nowhere = [False] * len(items)
    # with no register left LLVM keeps other things in $ra
    if any(ADDRESS.search(text) and not ADDRESS_KEPT.match(text) for text in flat(items)):
        return nowhere
    labels = {item.label: at for at, item in enumerate(items) if item.label}
    saved = [None] * len(items)
    ways = [(0, False)]
    while ways:
        at, now = ways.pop()
        while at < len(items) and (saved[at] is None or saved[at] > now):
            saved[at] = now
            item, at = items[at], at + 1
            for text in flat([item]):
                now = text.startswith("sw\t$ra, ") or now and not text.startswith("lw\t$ra, ")
            if item.delay is None:
                continue
            if item.operation in ("jal", "jalr"):
                now = now or item.target.startswith(f"{OURS}save.")
            elif item.operation == "jr" and item.target != "$ra":
                ways += [(place, now) for label, place in labels.items() if label in in_tables]
                break
            elif item.target in labels:
                ways.append((labels[item.target], now))
                if item.operation in ("j", "b"):
                    break
            elif item.operation != "bal" and (not now or item.target.startswith(OURS)):
                break  # a return, or what returns in its place
            else:
                return nowhere  # not as expected
    return [bool(now) for now in saved]
