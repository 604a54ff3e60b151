"""A program in assembly: its functions, read from the lines of a file and written back to them.

Lines outside of functions stay as they are, and so do functions with assembly of somebody's own.
"""
import re
from typing import NamedTuple

OURS = "outlined."  # what names of new functions begin with
# Names of what each packet and each request meets: ciphers, QUIC, tasks, memory. It keeps its instructions to itself, as
# every call costs time.
BUSY = re.compile(
    r"_(4ring|15ed25519_compact|11quinn_proto|5quinn|14async_executor|10async_task|16concurrent_queue)"
    r"|7runtime6events|3web5terse|_8httparse|_8dlmalloc|5alloc7raw_vec|sync5mutex"
)
BEFORE = [".set\tnoreorder", ".set\tnomacro", ".set\tnoat"]
BEHIND = [".set\tat", ".set\tmacro", ".set\treorder"]
FOR_DEBUGGERS = re.compile(r"\.(frame|f?mask)\b")
JUMP = re.compile(r"(j|jal|jr|jalr|b(?!reak)\w*)(\t|$)")


class Item(NamedTuple):
    """A label, a directive, an instruction, or a jump with what stands in its delay slot."""

    text: str
    delay: str | None = None

    @property
    def operation(self):
        return self.text.split("\t", 1)[0]

    @property
    def target(self):
        """Where a jump leads: a name or a register."""
        return re.split(r"[\t ]", self.text)[-1]

    @property
    def label(self):
        """The name that a label gives to its place."""
        return self.text[:-1] if self.text.endswith(":") else None


def flat(items):
    """The instructions in the order in which they lie in memory."""
    for item in items:
        yield item.text
        if item.delay is not None:
            yield item.delay


class Function:
    """A function and its items."""

    def __init__(self, name, items):
        self.name, self.items = name, items
        self.is_busy = bool(BUSY.search(name))

    def body(self):
        """The lines from its label to its end."""
        yield f"{self.name}:"
        yield from (f"\t{option}" for option in BEFORE)
        yield from (text if text.endswith(":") else f"\t{text}" for text in flat(self.items))
        yield from (f"\t{option}" for option in BEHIND)

    def whole(self):
        """All lines of one that was not there before."""
        yield f'\t.section\t.text.{self.name},"ax",@progbits'
        yield from ("\t.p2align\t2", f"\t.type\t{self.name},@function", "\t.set\tnomicromips", "\t.set\tnomips16")
        yield from (f"\t.ent\t{self.name}", *self.body(), f"\t.end\t{self.name}", f"$end.{self.name}:")
        yield f"\t.size\t{self.name}, $end.{self.name}-{self.name}"


class Program:
    """The lines of a file and the functions in them."""

    def __init__(self, source):
        self.source, self.functions = source, []
        self.places = {}  # of each function: the lines of .ent and .end
        self.aliases = {}  # other names of functions
        self.public = set()  # names that others may call
        self.in_tables = set()  # labels to which a table of jumps may lead
        at = 0
        while at < len(source):
            line = source[at]
            if line.startswith("\t.ent\t"):
                at = self.read_function(at)
            elif line.startswith("\t.globl\t"):
                self.public.add(line.split("\t")[2])
            elif line.startswith("\t.4byte\t"):
                self.in_tables.update(re.findall(r"\$BB\w+", line))
            elif found := re.match(r"\t\.set\t(\S+), (\S+)$", line):
                self.aliases[found[1]] = found[2]
            at += 1

    def read_function(self, start):
        """Reads the function that begins at a line, and gives the line at which it ends."""
        name = self.source[start].split("\t")[2]
        end = next(at for at in range(start, len(self.source)) if self.source[at].startswith("\t.end\t"))
        lines = self.source[start + 1 : end]
        if any(line.startswith("#APP") for line in lines):
            return end
        texts = iter([text for text in (line.split("#", 1)[0].strip() for line in lines) if text])
        items = []
        for text in texts:
            if text != f"{name}:" and text not in BEFORE and text not in BEHIND and not FOR_DEBUGGERS.match(text):
                items.append(Item(text, next(texts) if JUMP.match(text) else None))
        self.places[name] = start, end
        self.functions.append(Function(name, items))
        return end

    def fold(self):
        """Keeps one of functions that are equal, but for labels and calls of functions that are equal."""
        names, known = {}, None
        while len(names) != known:
            known, first = len(names), {}
            for function in self.functions:
                if function.name not in names and function.name not in self.public:
                    text = tuple(canonical(flat(function.items), names))
                    # each has its own table of jumps
                    if not any("$JTI" in line for line in text):
                        other = first.setdefault(text, function.name)
                        if other != function.name:
                            names[function.name] = other
            for name in names:
                while names[name] in names:
                    names[name] = names[names[name]]
        self.aliases |= names
        self.functions = [function for function in self.functions if function.name not in names]

    def lines(self):
        """The lines of the file, with the functions as they are now."""
        functions = {function.name: function for function in self.functions}
        starts = {start: (name, end) for name, (start, end) in self.places.items()}
        at = 0
        while at < len(self.source):
            name, end = starts.get(at, (None, None))
            if name is None:
                yield self.source[at]
                at += 1
            elif function := functions.pop(name, None):
                yield from (self.source[at], *function.body())
                at = end
            else:
                at = end + 3  # behind the end are a label and the size
        for function in functions.values():
            yield from function.whole()
        yield from (f"\t.set\t{name}, {other}" for name, other in self.aliases.items())


def canonical(texts, names):
    """Instructions with labels as they would be in any function, and other names of functions replaced."""
    for text in texts:
        if "$BB" in text:
            text = re.sub(r"\$BB\d+_", "$BB_", text)
        yield re.sub(r"[\w$.]{8,}", lambda name: names.get(name[0], name[0]), text) if names else text
