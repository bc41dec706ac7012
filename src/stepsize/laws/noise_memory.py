"""How much of the noise of an update is left: the memory (1 + C u)^-rho of the intrinsic time u since then."""

import numpy as np

from stepsize.laws.law import Floats


def kept_noise(c: float, rho: float, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """G(x), the integral of the memory from u = 0 to x, and its derivatives by C, rho and x."""
    b, log1p = rho - 1.0, np.log1p(c * x)
    kept = integral(rho, log1p)
    faded = 1.0 - b * kept  # (1 + C x)^(1 - rho)
    memory = faded / (1.0 + c * x)
    by_rho = (log1p * faded - kept) / max(b, 1e-300)
    small = b * log1p <= 1e-3
    u, y = log1p[small], b * log1p[small]
    by_rho[small] = -(u**2) * (0.5 - y * (1.0 / 3.0 - y * (0.125 - y / 30.0)))
    return kept / c, (x * memory - kept / c) / c, by_rho / c, memory


def integral(rho: float, log1p: Floats) -> Floats:
    """C G(x) = (1 - e^(-b log(1 + C x))) / b, with b = rho - 1, or log(1 + C x) at b = 0."""
    b = rho - 1.0
    return np.asarray(-np.expm1(-b * log1p) / b if b else log1p)
