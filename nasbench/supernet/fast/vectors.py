"""Vectors of 16 channels of a pixel, for loops that numba compiles.

The innermost loops keep their sums in registers, which numba does not promise for Python code, so
they are written as LLVM instructions: functions of integers, which are addresses, steps in bytes
and counts. Numba keeps the machine code of the loops that use them beside their files, or in the
user's cache folder, and does not see when this file changes: then touch those.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
FLOAT = 4
"""Bytes of a number."""


def compiled(loop):
    """Return a loop that is compiled when it is first called."""
    try:
        return njit(nogil=True, cache=True)(loop)
    except RuntimeError:  # there is no folder to keep the code in
        return njit(nogil=True)(loop)


NUMBER = ir.FloatType()
INTEGER = ir.IntType(64)
VECTOR = ir.VectorType(NUMBER, LANES)


class Vectors:
    """Writes instructions on vectors.

    Args:
        builder: of the function that is being compiled.
    """

    def __init__(self, builder) -> None:
        self.builder = builder
        self.zero = ir.Constant(VECTOR, [0.0] * LANES)

    def load(self, address):
        """Return the vector at an address."""
        pointer = self.builder.inttoptr(address, VECTOR.as_pointer())
        return self.builder.load(pointer, align=FLOAT)

    def store(self, value, address) -> None:
        """Write a vector to an address."""
        pointer = self.builder.inttoptr(address, VECTOR.as_pointer())
        self.builder.store(value, pointer, align=FLOAT)

    def repeat(self, address):
        """Return the number at an address in every lane."""
        pointer = self.builder.inttoptr(address, NUMBER.as_pointer())
        return self.spread(self.builder.load(pointer, align=FLOAT))

    def spread(self, number):
        """Return a number in every lane."""
        undefined = ir.Constant(VECTOR, ir.Undefined)
        first = ir.Constant(ir.IntType(32), 0)
        one = self.builder.insert_element(undefined, number, first)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.builder.shuffle_vector(one, undefined, lanes)

    def fma(self, a, b, c):
        """Return ``a b + c``."""
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        name = f"llvm.fma.v{LANES}f32"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c]
        )

    def positive(self, where, value):
        """Return the value where a vector is above 0, and 0 elsewhere."""
        return self.builder.select(
            self.builder.fcmp_ordered(">", where, self.zero), value, self.zero
        )

    def at(self, address, *steps):
        """Return an address after some steps: a number of bytes, or one with its factor."""
        for step in steps:
            size, times = step if isinstance(step, tuple) else (step, 1)
            if isinstance(times, int):
                times = ir.Constant(INTEGER, times)
            if isinstance(size, int):
                size = ir.Constant(INTEGER, size)
            address = self.builder.add(address, self.builder.mul(size, times))
        return address

    def register(self, value):
        """Return a variable with a value."""
        return cgutils.alloca_once_value(self.builder, value)


def instructions(count, write):
    """Return the type of a function of integers, and what writes its instructions.

    Args:
        count: of its arguments.
        write: takes the writer of vectors and the arguments.
    """

    def codegen(context, builder, _, arguments):
        write(Vectors(builder), *arguments)
        return context.get_dummy_value()

    return types.void(*[types.int64] * count), codegen


@intrinsic
def add_up(_, x, sums, pixel, count):
    """Add the vectors of pixels up."""

    def write(v, x, sums, pixel, count):
        lanes = 4  # sums that do not wait for each other
        held = [v.register(v.zero) for _ in range(lanes)]
        rounds = v.builder.udiv(count, ir.Constant(INTEGER, lanes))
        with cgutils.for_range(v.builder, rounds) as some:
            start = v.at(x, (v.builder.mul(pixel, ir.Constant(INTEGER, lanes)), some.index))
            for p, total in enumerate(held):
                one = v.load(v.at(start, (pixel, p)))
                v.builder.store(v.builder.fadd(one, v.builder.load(total)), total)
        done = v.builder.mul(rounds, ir.Constant(INTEGER, lanes))
        with cgutils.for_range(v.builder, v.builder.sub(count, done)) as rest:
            one = v.load(v.at(x, (pixel, v.builder.add(done, rest.index))))
            v.builder.store(v.builder.fadd(one, v.builder.load(held[0])), held[0])
        value = v.load(sums)
        for total in held:
            value = v.builder.fadd(value, v.builder.load(total))
        v.store(value, sums)

    return instructions(4, write)


def runs(count, write):
    """Return the same for each vector of a run of numbers.

    Args:
        count: of the addresses, which the number of numbers follows.
        write: takes the writer and the addresses.
    """

    def all_of_them(v, *arguments):
        *addresses, numbers = arguments
        with cgutils.for_range(
            v.builder, v.builder.udiv(numbers, ir.Constant(INTEGER, LANES))
        ) as i:
            write(v, *(v.at(address, (FLOAT * LANES, i.index)) for address in addresses))

    return instructions(count + 1, all_of_them)


@intrinsic
def copy(_, x, out, numbers):
    """Copy numbers, a multiple of 16."""
    return runs(2, lambda v, x, out: v.store(v.load(x), out))


@intrinsic
def clear(_, out, numbers):
    """Set numbers to 0, a multiple of 16."""
    return runs(1, lambda v, out: v.store(v.zero, out))
