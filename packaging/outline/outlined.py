"""A whole program, step by step."""
from frames import share_frames
from program import Program
from sequences import outline_sequences


def outlined(source):
    """The lines of a program made smaller."""
    program = Program(source)
    program.fold()
    shared = share_frames(program.functions)
    outline_sequences(program)
    program.functions += shared
    return list(program.lines())
