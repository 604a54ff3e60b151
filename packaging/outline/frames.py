"""Saving registers when a function begins, and restoring them when it returns, by a call.

LLVM saves $ra, $fp and $23 to $16 in this order from the upper end of the frame, so many of them as it needs. What a call
saves lies at the same places: the call's delay slot makes room for the registers, the rest of the frame follows. As the
call needs $ra, its former value comes in $25, in which nobody passes an argument.
"""
import re

from program import OURS, Function, Item


def share_frames(functions):
    """Lets functions call what saves and restores registers, where that is shorter; gives what they call."""
    shared = {}
    for function in functions:
        if function.is_busy:
            continue
        items = function.items
        if (found := saving(items)) and found[0] > 3:
            items[: 1 + found[0]] = save(*found, shared)
        at = 0
        while at < len(items):
            if (found := restoring(items, at)) and found[0] > 1:
                items[at : at + found[0] + 1] = restore(*found, shared)
            at += 1
    return list(shared.values())


def registers(count):
    """Those that are saved when so many are."""
    return ["$ra", *["$fp"][: count // 10], *(f"${number}" for number in range(min(23, 14 + count), 15, -1))]


def area(count):
    """Octets that so many registers take in a frame."""
    return (4 * count + 7) // 8 * 8


def moves(operation, names, size):
    """The instructions that bring registers to a frame of some size, or back."""
    return [f"{operation}\t{name}, {size - 4 * at}($sp)" for at, name in enumerate(names, 1)]


def saving(items):
    """How many registers are saved where a function begins, and the size of its frame."""
    if items and (found := re.match(r"addiu\t\$sp, \$sp, -(\d+)$", items[0].text)):
        texts = [item.text for item in items[1:11]]
        for count in range(len(texts), 0, -1):
            if texts[:count] == moves("sw", registers(count), int(found[1])):
                return count, int(found[1])
    return None


def restoring(items, at):
    """How many registers are restored from here on until the function returns, and the size of its frame."""
    end = at
    while end < len(items) and items[end].operation == "lw":
        end += 1
    if at < end < len(items) and items[end].text == "jr\t$ra" and end - at <= 10:
        if found := re.match(r"addiu\t\$sp, \$sp, (\d+)$", items[end].delay):
            if [item.text for item in items[at:end]] == moves("lw", registers(end - at), int(found[1]))[::-1]:
                return end - at, int(found[1])
    return None


def save(count, size, shared):
    name = f"{OURS}save.{count}"
    if name not in shared:
        *stores, last = moves("sw", ["$25", *registers(count)[1:]], area(count))
        shared[name] = Function(name, [*map(Item, stores), Item("jr\t$ra", last)])
    yield from (Item("move\t$25, $ra"), Item(f"jal\t{name}", f"addiu\t$sp, $sp, -{area(count)}"))
    if size > area(count):
        yield Item(f"addiu\t$sp, $sp, -{size - area(count)}")


def restore(count, size, shared):
    name = f"{OURS}restore.{count}"
    if name not in shared:
        loads = moves("lw", registers(count), area(count))[::-1]
        shared[name] = Function(name, [*map(Item, loads), Item("jr\t$ra", f"addiu\t$sp, $sp, {area(count)}")])
    rest = size - area(count)
    yield Item(f"j\t{name}", f"addiu\t$sp, $sp, {rest}" if rest else "nop")
