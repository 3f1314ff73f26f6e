"""Loops that numba compiles, and the vectors of 16 or 4 channels of a pixel in them.

The innermost loops keep their sums in registers, which numba does not promise for Python code, so
they are written as LLVM instructions: functions of integers, which are addresses, steps in bytes
and counts. Numba keeps the machine code of the loops that use them beside their files, or in the
user's cache folder, as long as those files stay the same: each says which state of this one it is
compiled with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Channels of a vector as long as so many are left."""
FEW = 4
"""Channels of a vector after that; the number of all channels is a multiple of it."""
FLOAT = 4
"""Bytes of a number."""
FAR = 4096
"""Bytes between what is computed and what is fetched meanwhile."""


NUMBER = ir.FloatType()
INTEGER = ir.IntType(64)
SMALL = ir.IntType(32)


@njit
def lanes_at(c, channel):
    """Return how many channels the next vector takes."""
    return LANES if c - channel >= LANES else FEW


def record(*names: str) -> np.dtype:
    """Return the type of a loop's arguments: integers, which are addresses, sizes and counts."""
    return np.dtype([(name, np.int64) for name in names])


class Loop:
    """A function of C that is compiled when its address is first asked for.

    It takes the address of its arguments. A division by zero gives infinity or NaN.

    Args:
        kind: of the record of its arguments.
        loop: takes the address.
    """

    def __init__(self, kind: np.dtype, loop: Callable[[int], None]) -> None:
        self.kind = kind
        self._loop = loop
        self.__doc__ = loop.__doc__

    @cached_property
    def _made(self):
        kind = types.void(types.int64)
        try:
            return cfunc(kind, cache=True, error_model="numpy")(self._loop)
        except RuntimeError:  # there is no folder to keep the code in
            return cfunc(kind, error_model="numpy")(self._loop)

    @cached_property
    def address(self) -> int:
        """Where it is."""
        return int(self._made.address)

    @cached_property
    def call(self) -> Callable[[int], None]:
        """The function itself; it runs without the interpreter."""
        made: Callable[[int], None] = self._made.ctypes
        return made


def compiled(kind: np.dtype) -> Callable[[Callable[[int], None]], Loop]:
    """Return what makes a loop of a function.

    Args:
        kind: of the record whose address the function takes.
    """
    return partial(Loop, kind)


@intrinsic
def pointer(_, address):
    """Return an address as what numba makes arrays of."""

    def codegen(context, builder, _, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@njit
def record_at(address, kind):
    """Return the record at an address."""
    return carray(pointer(address), 1, kind)[0]


@njit
def table_at(address, rows, columns):
    """Return the int64 table ``(rows, columns)`` at an address."""
    return carray(pointer(address), (rows, columns), np.int64)


@intrinsic
def _next(_, counter):
    """Return the number at an address and add 1 to it, at once for all threads."""

    def codegen(context, builder, _, arguments):
        at = builder.inttoptr(arguments[0], INTEGER.as_pointer())
        return builder.atomic_rmw("add", at, ir.Constant(INTEGER, 1), "seq_cst")

    return types.int64(types.int64), codegen


@intrinsic
def _call(_, loop, argument):
    """Call a loop by its address."""

    def codegen(context, builder, _, arguments):
        kind = ir.FunctionType(ir.VoidType(), [INTEGER])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


TEAM = record("next", "count", "loop", "first", "size")
"""What a team of threads does: calls of a loop with records of some bytes that follow each other.

The first field is the number of the next call, which the threads take one after the other.
"""


@compiled(TEAM)
def work(at):
    """Call a loop as one of a team's threads, until no call is left."""
    team = record_at(at, TEAM)
    while True:
        done = int(_next(at))
        if done >= team.count:
            return
        _call(team.loop, team.first + done * team.size)


class Vectors:
    """Writes instructions on vectors.

    Args:
        builder: of the function that is being compiled.
        lanes: numbers of a vector.
    """

    def __init__(self, builder, lanes) -> None:
        self.builder, self.lanes = builder, lanes
        self.kind = ir.VectorType(NUMBER, lanes)
        self.zero = self.all(0.0)

    def all(self, value):
        """Return a constant in every lane."""
        return ir.Constant(self.kind, [value] * self.lanes)

    def load(self, address):
        """Return the vector at an address."""
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        return self.builder.load(pointer, align=FLOAT)

    def store(self, value, address) -> None:
        """Write a vector to an address."""
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        self.builder.store(value, pointer, align=FLOAT)

    def ahead(self, address, writes=0) -> None:
        """Fetch the memory at an address that will be read soon, or written."""
        pointer = self.builder.inttoptr(address, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, SMALL, SMALL, SMALL])
        fetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        how = [ir.Constant(SMALL, number) for number in (writes, 3, 1)]  # near, data
        self.builder.call(fetch, [pointer, *how])

    def repeat(self, address):
        """Return the number at an address in every lane."""
        pointer = self.builder.inttoptr(address, NUMBER.as_pointer())
        return self.spread(self.builder.load(pointer, align=FLOAT))

    def spread(self, number):
        """Return a number in every lane."""
        undefined = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        one = self.builder.insert_element(undefined, number, ir.Constant(SMALL, 0))
        lanes = ir.Constant(ir.VectorType(SMALL, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, undefined, lanes)

    def fma(self, a, b, c):
        """Return ``a b + c``."""
        kind = ir.FunctionType(self.kind, [self.kind] * 3)
        name = f"llvm.fma.v{self.lanes}f32"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c]
        )

    def positive(self, where, value):
        """Return 0 where a vector is at most 0, and the value elsewhere: where it is NaN, too."""
        return self.builder.select(
            self.builder.fcmp_ordered("<=", where, self.zero), self.zero, value
        )

    def exceeds(self, value, other):
        """Return where a vector is larger than another, or NaN."""
        larger = self.builder.fcmp_ordered(">", value, other)
        return self.builder.or_(larger, self.builder.fcmp_unordered("uno", value, value))

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

    def settled(self, address):
        """Return the same address, of which the compiler does not know how it came about.

        Otherwise it keeps each of many addresses at constant distances in a variable of its own,
        far more than there are registers, and reading those takes longer than the arithmetic.
        """
        kind = ir.FunctionType(INTEGER, [INTEGER])
        return self.builder.asm(kind, "", "=r,0", [address], False)

    def register(self, value):
        """Return a variable with a value."""
        return cgutils.alloca_once_value(self.builder, value)


def instructions(count, write):
    """Return the type of a function of integers, and what writes its instructions.

    Args:
        count: of its arguments, without the last one: the lanes of a vector, 16 or 4.
        write: takes the writer of vectors and the arguments.
    """

    def codegen(context, builder, _, arguments):
        *arguments, lanes = arguments
        many = builder.icmp_signed("==", lanes, ir.Constant(INTEGER, LANES))
        with builder.if_else(many) as (then, otherwise):
            with then:
                write(Vectors(builder, LANES), *arguments)
            with otherwise:
                write(Vectors(builder, FEW), *arguments)
        return context.get_dummy_value()

    return types.void(*[types.int64] * (count + 1)), codegen


def runs(count, write, scalars=0):
    """Return the same for each vector of a run of numbers.

    Args:
        count: of the addresses, which the number of numbers follows.
        write: takes the writer and the addresses.
        scalars: how many of the last addresses stay the same.
    """

    def codegen(context, builder, _, arguments):
        *addresses, numbers = arguments
        done = ir.Constant(INTEGER, 0)
        for lanes in (LANES, FEW):
            v = Vectors(builder, lanes)
            times = builder.udiv(builder.sub(numbers, done), ir.Constant(INTEGER, lanes))
            with cgutils.for_range(builder, times) as i:
                step = builder.add(done, builder.mul(i.index, ir.Constant(INTEGER, lanes)))
                moved = [v.at(one, (FLOAT, step)) for one in addresses[: count - scalars]]
                write(v, *moved, *addresses[count - scalars :])
            done = builder.mul(times, ir.Constant(INTEGER, lanes))
        return context.get_dummy_value()

    return types.void(*[types.int64] * (count + 1)), codegen


@intrinsic
def add_up(_, x, sums, pixel, count, lanes):
    """Add the vectors of pixels up."""

    def write(v, x, sums, pixel, count):
        many = 4  # sums that do not wait for each other
        held = [v.register(v.zero) for _ in range(many)]
        rounds = v.builder.udiv(count, ir.Constant(INTEGER, many))
        with cgutils.for_range(v.builder, rounds) as some:
            start = v.at(x, (v.builder.mul(pixel, ir.Constant(INTEGER, many)), some.index))
            for p, total in enumerate(held):
                one = v.load(v.at(start, (pixel, p)))
                v.builder.store(v.builder.fadd(one, v.builder.load(total)), total)
        done = v.builder.mul(rounds, ir.Constant(INTEGER, many))
        with cgutils.for_range(v.builder, v.builder.sub(count, done)) as rest:
            one = v.load(v.at(x, (pixel, v.builder.add(done, rest.index))))
            v.builder.store(v.builder.fadd(one, v.builder.load(held[0])), held[0])
        value = v.load(sums)
        for total in held:
            value = v.builder.fadd(value, v.builder.load(total))
        v.store(value, sums)

    return instructions(4, write)


@intrinsic
def copy(_, x, out, numbers):
    """Copy numbers, a multiple of 4."""
    return runs(2, lambda v, x, out: v.store(v.load(x), out))


@intrinsic
def ahead(_, x, numbers):
    """Fetch numbers that will be read soon; any memory may be named."""
    return runs(1, lambda v, x: v.ahead(x))


@intrinsic
def ahead_to_write(_, x, numbers):
    """Fetch numbers that will be written soon."""
    return runs(1, lambda v, x: v.ahead(x, writes=1))


@intrinsic
def clear(_, out, numbers):
    """Set numbers to 0, a multiple of 4."""
    return runs(1, lambda v, out: v.store(v.zero, out))
