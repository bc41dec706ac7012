"""Schedules in the array library of the step: JAX, MLX, PyTorch and TensorFlow, also inside their compilers.

Single precision can tell whole steps apart up to 2**24 only. So a step stays an integer until a formula divides or
multiplies it: `ArraySteps` subtracts the start of a phase and compares with its end in integers.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stepsize.errors import StepError, shown
from stepsize.schedules.maths import Maths

if TYPE_CHECKING:
    from stepsize.schedules.base import Schedule

Array = Any
"""An array of one of these libraries."""

_FEW = 8  # this many constants are compared one by one; more are looked up in an array


@dataclass(frozen=True, eq=False)
class Library:
    """What formulas need of an array library."""

    functions: Any  # a module with cos, sin, exp, log, sqrt and floor
    where: Callable[[Array, Any, Any], Array]
    power: Callable[[Any, Any], Array]
    is_whole: Callable[[Array], bool]  # whether its type is one of integers, not of booleans
    is_real: Callable[[Array], bool]  # whether its type is one of floats
    cast: Callable[[Array, Any], Array]
    constant: Callable[[Any, Any, Array], Array]  # from lists of numbers: of a type, on the device of an array
    look_up: Callable[[Array, Array], Array]  # the items of an array at an array of indices
    on_host: Callable[[Array], np.ndarray[Any, Any] | None]  # as a NumPy array; None inside a compiler
    whole_type: Any
    real_type: Any
    largest: int  # of the whole type

    def whole(self, n: Any) -> Any:
        """n as a whole number of the library; of a Python number beyond its type, the largest."""
        return n.whole if isinstance(n, ArraySteps) else min(n, self.largest)

    def real(self, x: Any) -> Any:
        """x as floats of the library's default type; a Python number as a float."""
        if isinstance(x, ArraySteps):
            return x * 1.0
        return float(x) if isinstance(x, int | float) else self.cast(x, self.real_type)


class ArraySteps:
    """Steps as whole numbers; if some are fractional, `part` holds what lies beyond, a float in (-1, 1).

    The other operand of an operator is a Python number or of this class too, never an array: PyTorch's compiler would
    take the operation for one between arrays.
    """

    def __init__(self, library: Library, whole: Array, part: Array | None = None) -> None:
        self.library, self.whole, self.part = library, whole, part

    @classmethod
    def of(cls, library: Library, step: Array) -> "ArraySteps":
        """From an array of numbers; negative ones and NaN become 0, and those too large the largest."""
        if library.is_whole(step):
            whole = library.cast(step, library.whole_type)
            beyond = library.largest if "uint" in str(step.dtype) else 0  # large unsigned ones become negative
            return cls(library, library.where(whole < 0, beyond, whole))
        if not library.is_real(step):
            raise StepError(f"a step is a finite number >= 0 (or an array of them), got {shown(step)}")
        most = (library.largest + 1) * (1.0 - 2.0**-24)  # the largest in single precision too
        step = library.where(step >= 0, step, 0)
        step = library.where(step > most, most, step)
        floor = library.functions.floor(step)
        return cls(library, library.cast(floor, library.whole_type), library.real(step - floor))

    @property
    def array(self) -> Array:
        """The steps as one array of the library."""
        return self.whole if self.part is None else self * 1.0

    def __ge__(self, n: Any) -> Array:
        if isinstance(n, ArraySteps):
            return self.whole >= n.whole
        if n > self.library.largest:
            return self.whole < 0
        if self.part is None or n == math.floor(n):
            return self.whole >= math.ceil(n)
        return (self.whole > math.floor(n)) | ((self.whole == math.floor(n)) & (self.part >= n - math.floor(n)))

    def __add__(self, n: Any) -> "ArraySteps":
        highest = self.library.largest - self.library.whole(n)  # the sum stays within the type
        return ArraySteps(
            self.library,
            self.library.where(self.whole > highest, highest, self.whole) + self.library.whole(n),
            self.part,
        )

    def __sub__(self, n: Any) -> "ArraySteps":
        part = self.part
        if isinstance(n, ArraySteps) and n.part is not None:
            part = -n.part if part is None else part - n.part
        return ArraySteps(self.library, self.whole - self.library.whole(n), part)

    def __rsub__(self, n: Any) -> "ArraySteps":
        return ArraySteps(self.library, self.library.whole(n) - self.whole, None if self.part is None else -self.part)

    def __floordiv__(self, n: Any) -> "ArraySteps":
        return ArraySteps(self.library, self.whole // self.library.whole(n))

    def __mod__(self, n: Any) -> "ArraySteps":
        return ArraySteps(self.library, self.whole % self.library.whole(n), self.part)

    def __mul__(self, x: Any) -> Array:
        whole, x = self.library.real(self.whole), self.library.real(x)
        return whole * x if self.part is None else whole * x + self.part * x

    __rmul__ = __mul__

    def __truediv__(self, x: Any) -> Array:
        whole, x = self.library.real(self.whole), self.library.real(x)
        return whole / x if self.part is None else whole / x + self.part / x


def maths_of(library: Library) -> Maths:
    """The functions of a formula; each takes steps, arrays of the library and Python's numbers."""
    real, functions = library.real, library.functions

    def power(base: Any, exponent: Any) -> Any:
        if isinstance(base, int | float) and base > 0 and base * 4096 % 1:  # neither 0.5 nor 0.75, but 0.9
            # In single precision a factor near 1 is off by 3e-8, and its millionth power by 3%; its logarithm is not.
            return functions.exp(real(exponent) * math.log(base))
        return library.power(real(base), real(exponent))

    def where(condition: Array, x: Any, y: Any) -> Any:
        if not isinstance(x, ArraySteps) and not isinstance(y, ArraySteps):
            return library.where(condition, x, y)
        part, other = (each.part if isinstance(each, ArraySteps) else None for each in (x, y))
        if part is not None or other is not None:
            part = library.where(condition, 0.0 if part is None else part, 0.0 if other is None else other)
        return ArraySteps(library, library.where(condition, library.whole(x), library.whole(y)), part)

    def arrays_first(x: Any, y: Any) -> tuple[Any, Any]:
        return (y, x) if isinstance(x, int | float) else (x, y)

    def minimum(x: Any, y: Any) -> Any:
        x, y = arrays_first(x, y)
        return min(x, y) if isinstance(x, int | float) else where(x >= y, y, x)

    def maximum(x: Any, y: Any) -> Any:
        x, y = arrays_first(x, y)
        return max(x, y) if isinstance(x, int | float) else where(x >= y, x, y)

    def count(boundaries: Sequence[float], t: ArraySteps) -> Array:
        zero = t.whole * 0
        if len(boundaries) <= _FEW:
            return sum((library.where(t >= boundary, 1, zero) for boundary in boundaries), zero)
        # A binary search among 2^k - 1 boundaries, the last of which are never reached.
        bits = [2**k for k in reversed(range(len(boundaries).bit_length()))]
        padded = [*boundaries, *[math.inf] * (sum(bits) - len(boundaries))]
        floors, parts = split(padded, t.whole)
        found = zero
        for bit in bits:
            next_one = library.look_up(floors, found + (bit - 1))
            passed = t.whole >= next_one
            if parts is not None:
                part = 0.0 if t.part is None else t.part
                passed = (t.whole > next_one) | (passed & (part >= library.look_up(parts, found + (bit - 1))))
            found = library.where(passed, found + bit, found)
        return found

    def split(numbers: Sequence[float], beside: Array) -> tuple[Array, Array | None]:
        """Numbers as their floors and, if some are fractional, what lies beyond."""
        floors = [math.floor(library.whole(number)) for number in numbers]
        parts = [0.0 if floor == library.largest else n - floor for n, floor in zip(numbers, floors, strict=True)]
        constant = library.constant(floors, library.whole_type, beside)
        return constant, library.constant(parts, library.real_type, beside) if any(parts) else None

    def take(values: Sequence[float], index: Any) -> Any:
        place = index.whole if isinstance(index, ArraySteps) else index
        if all(isinstance(value, int) for value in values):
            return ArraySteps(library, pick([library.whole(value) for value in values], library.whole_type, place))
        return pick(values, library.real_type, place)

    def pick(values: Sequence[float], kind: Any, place: Array) -> Array:
        if len(values) > _FEW:
            return library.look_up(library.constant(list(values), kind, place), place)
        picked = library.cast(place * 0, kind) + values[0]
        for number, value in enumerate(values[1:], start=1):
            picked = library.where(place >= number, value, picked)
        return picked

    def half_wave(z: Array, rest: Array) -> tuple[Array, Array]:
        # The square of a sine keeps its digits near zero, where 1 + cos(pi z) cancels.
        small = functions.sin(math.pi / 2 * minimum(z, rest)) ** 2
        return library.where(z < rest, 1.0 - small, small), library.where(z < rest, small, 1.0 - small)

    def scaled(t: ArraySteps, a: Any, b: Any, most: float) -> ArraySteps:
        if t.part is not None or most > library.largest:
            return as_step(t * a / real(b))
        product, b = t.whole * library.whole(a), library.whole(b)
        if not isinstance(b, int):  # PyTorch's compiled code also divides by the zeros that pad its vectors
            b = library.where(b < 1, 1, b)
        return ArraySteps(library, product // b, real(product % b) / real(b))

    def as_step(x: Array) -> ArraySteps:
        return ArraySteps.of(library, x)

    return Maths(
        cos=functions.cos,
        log=lambda x: math.log(x) if isinstance(x, float) else functions.log(x),
        sqrt=functions.sqrt,
        floor=lambda t: ArraySteps(library, t.whole) if isinstance(t, ArraySteps) else functions.floor(t),
        power=power,
        minimum=minimum,
        maximum=maximum,
        where=where,
        count=count,
        take=take,
        half_wave=half_wave,
        scaled=scaled,
        as_step=as_step,
        rounding=2.0**-22,
        largest_step=library.largest,
    )


def evaluated_in_library(schedule: "Schedule", step: Array) -> Array:
    """The values at an array of steps. Its library is never imported here: whoever made the array has done so."""
    library = _LIBRARIES[type(step).__module__.partition(".")[0]]()
    return schedule._at(ArraySteps.of(library, step), maths_of(library))


def _jax() -> Library:
    jnp, jax = sys.modules["jax.numpy"], sys.modules["jax"]
    whole_type, real_type = jnp.result_type(int), jnp.result_type(float)  # these depend on jax_enable_x64
    largest = int(jnp.iinfo(whole_type).max)

    def on_host(x: Array) -> np.ndarray[Any, Any] | None:
        return None if isinstance(x, jax.core.Tracer) else np.asarray(x)

    return _like_numpy(jnp, on_host, whole_type, real_type, largest)


def _mlx() -> Library:
    mx = sys.modules["mlx.core"]

    def on_host(x: Array) -> np.ndarray[Any, Any] | None:
        try:
            return np.array(x)
        except ValueError:  # it has no value while mx.compile traces
            return None

    return _like_numpy(mx, on_host, mx.int64, mx.float32, 2**63 - 1)


def _like_numpy(module: Any, on_host: Any, whole_type: Any, real_type: Any, largest: int) -> Library:
    return Library(
        functions=module,
        where=module.where,
        power=module.power,
        is_whole=lambda x: bool(module.issubdtype(x.dtype, module.integer)),
        is_real=lambda x: bool(module.issubdtype(x.dtype, module.floating)),
        cast=lambda x, kind: x.astype(kind),
        constant=lambda numbers, kind, beside: module.array(numbers, kind),
        look_up=lambda array, index: array[index],
        on_host=on_host,
        whole_type=whole_type,
        real_type=real_type,
        largest=largest,
    )


def _torch() -> Library:
    torch = sys.modules["torch"]

    def on_host(x: Array) -> np.ndarray[Any, Any] | None:
        if torch.compiler.is_compiling() or x.requires_grad:
            return None
        try:
            return x.cpu().numpy()  # type: ignore[no-any-return]
        except RuntimeError:  # it has no value in torch.func.vmap, and on the device "meta"
            return None

    return Library(
        functions=torch,
        where=torch.where,
        power=torch.pow,
        is_whole=lambda x: not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool),
        is_real=torch.is_floating_point,
        cast=lambda x, kind: x.to(kind),
        constant=lambda numbers, kind, beside: torch.tensor(numbers, dtype=kind, device=beside.device),
        # As a list of indices: a single one would leave the graph.
        look_up=lambda array, index: array[index.reshape(-1)].reshape(index.shape),
        on_host=on_host,
        whole_type=torch.int64,
        real_type=torch.get_default_dtype(),
        largest=2**63 - 1,
    )


def _tensorflow() -> Library:
    tf = sys.modules["tensorflow"]

    def where(condition: Array, x: Any, y: Any) -> Array:
        kind = next((each.dtype for each in (x, y) if not isinstance(each, int | float)), tf.float32)
        return tf.where(condition, tf.cast(x, kind), tf.cast(y, kind))

    return Library(
        functions=tf.math,
        where=where,
        power=tf.pow,
        is_whole=lambda x: bool(x.dtype.is_integer),
        is_real=lambda x: bool(x.dtype.is_floating),
        cast=tf.cast,
        constant=lambda numbers, kind, beside: tf.constant(numbers, kind),
        look_up=tf.gather,
        on_host=lambda x: x.numpy() if tf.executing_eagerly() else None,
        whole_type=tf.int64,
        real_type=tf.float32,
        largest=2**63 - 1,
    )


_LIBRARIES = {"jax": _jax, "jaxlib": _jax, "mlx": _mlx, "torch": _torch, "tensorflow": _tensorflow}
