"""The formulas, summed term by term."""

import math

import numpy as np


def functional(law, rates):
    """Not summed by parts: the noise of every update, with the memory integrated over the time that it takes."""
    losses, effective, size = [], [], law.N0
    for rate in rates:
        kept = math.exp(-law.D * rate)
        size = size * kept + rate * (1.0 - kept)
        effective.append(rate * size**-law.kappa)
        total = sum(effective)
        loss = law.L0 + (law.A * total**-law.alpha if total else np.inf)
        for k, each in enumerate(effective):
            near = sum(effective[k + 1 :])
            loss += law.B * each ** (law.p - 1) * memory(law, near, near + each)
        losses.append(loss)
    return np.array(losses)


def memory(law, near, far):
    """The integral of (1 + C u)^-rho from u = near to far."""
    base, ratio, b = 1 + law.C * near, math.log1p(law.C * (far - near) / (1 + law.C * near)), law.rho - 1
    return base**-b * (-math.expm1(-b * ratio) / b if b else ratio) / law.C


def multi_power(law, rates):
    losses = []
    for t in range(len(rates)):
        total = sum(rates[: t + 1])
        loss = law.L0 + (law.A * total**-law.alpha if total else np.inf)
        for k in range(1, t + 1):
            gap = sum(rates[k : t + 1])  # S(t) - S(k-1)
            if rates[k] > 0:
                bracket = 1 - (1 + law.C * rates[k] ** -law.gamma * gap) ** -law.beta
            else:
                bracket = 1.0 if gap > 0 else 0.0
            loss += law.B * (rates[k] - rates[k - 1]) * bracket
        losses.append(loss)
    return np.array(losses)


def momentum(law, rates):
    losses, momentum, area = [], 0.0, 0.0
    for t in range(len(rates)):
        if t:
            momentum = law.decay * momentum + rates[t - 1] - rates[t]
            area += momentum
        total = sum(rates[: t + 1])
        losses.append(law.L0 + (law.A * total**-law.alpha if total else np.inf) - law.C * area)
    return np.array(losses)


def convex_value(rates, scale=1.0):
    """Omega_T for D = G = 1 and the rates gamma w."""
    eta = [scale * rate for rate in rates]
    total = sum(eta)
    omega = 1 / (2 * total) + sum(e * e for e in eta) / (2 * total)
    for k in range(len(eta) - 1):
        omega += 0.5 * eta[k] / sum(eta[k + 1 :]) * sum(e * e for e in eta[k:]) / sum(eta[k:])
    return omega
