"""Whether a program is still what it was: with all that was taken out of its functions put back in place.

It takes from the smaller program what its functions hold, and nothing from those who wrote them.
"""
import re

from program import OURS, canonical, flat

SHARED = re.compile(rf"(?:j|jal)\t({re.escape(OURS)}(save|restore)\.\d+)$")


def check(before, after):
    """The name of a function that is another one now; None when there is none."""
    functions = {function.name: function for function in after.functions}
    for function in before.functions:
        now = functions.get(after.aliases.get(function.name, function.name))
        if now is None:
            return function.name
        texts = with_frames(list(with_sequences(now, functions)), functions)
        if list(canonical(texts, after.aliases)) != list(canonical(flat(function.items), after.aliases)):
            return function.name
    return None


def with_sequences(function, functions):
    """The instructions of a function, with those of the sequences that it calls."""
    for item in function.items:
        if item.operation not in ("j", "jal") or not re.match(re.escape(OURS) + r"\d", item.target):
            yield from flat([item])
            continue
        *body, jump, last = with_sequences(functions[item.target], functions)
        if item.operation == "jal":
            # it came back by a return, which was not there, or by another function's, which was called
            operation, target = jump.split("\t")
            jump = {"j": "jal", "jr": "jalr"}[operation] + "\t" + target
        yield from (item.delay, *body, *[jump][: jump != "jalr\t$ra"], last)


def with_frames(texts, functions):
    """Instructions with those that save and restore registers."""
    at = 0
    while at < len(texts):
        found = SHARED.match(texts[at])
        at += 1
        if found is None:
            # the one before a call that saves is part of the call
            if texts[at - 1] != "move\t$25, $ra":
                yield texts[at - 1]
            continue
        body, rest = list(flat(functions[found[1]].items)), moved(texts[at])
        at += 1
        if found[2] == "restore":
            yield from (shifted(text, rest) for text in body)
            continue
        below = moved(texts[at]) if at < len(texts) else 0
        at += below < 0
        yield f"addiu\t$sp, $sp, {rest + below}"
        yield from (shifted(text, -below).replace("$25", "$ra") for text in body if text != "jr\t$ra")


def moved(text):
    """By how many octets an instruction moves the end of the stack."""
    found = re.match(r"addiu\t\$sp, \$sp, (-?\d+)$", text)
    return int(found[1]) if found else 0


def shifted(text, octets):
    """An instruction that finds its place so many octets further from the end of the stack, or moves that by more."""
    if moved(text):
        return f"addiu\t$sp, $sp, {moved(text) + octets}"
    return re.sub(r"\d+(?=\(\$sp\)$)", lambda number: str(int(number[0]) + octets), text)
