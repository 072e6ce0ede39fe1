"""The fast form equals one with dense matrices, explicit contrasts and refitting."""

import numpy as np
import pytest
from scipy.linalg import eigh

from mne_brainae.models.linear_gaussian import PENALTIES, Steps, solve

DURATION, N_IMAGES, N_TRIALS = 0.3, 110, 3


def _experiment(n_features, n_channels=5, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N_IMAGES + 20, n_features)) / np.sqrt(n_features)
    fields, times = (
        rng.standard_normal((4, n_channels)),
        rng.standard_normal((4, 20)).cumsum(1),
    )
    drives = features @ rng.standard_normal((n_features, 4)) * [2, 1.7, 1.4, 1]
    signal = np.einsum("nk,kc,kt->nct", drives, fields, times)
    noise = rng.standard_normal((len(features), N_TRIALS, n_channels, 20))
    mixing = rng.standard_normal((n_channels, n_channels))
    noise = np.einsum("cd,nrdt->nrct", mixing, noise)
    trials = signal[:, None] / signal.std() + 2 * noise / noise.std() + 3
    # The reference does not scale channels: they are of unit variance already.
    mean = trials[:N_IMAGES].mean(axis=1)
    trials /= (mean - mean.mean(axis=0)).std(axis=(0, 2))[:, None]
    features, trials = features.astype("f4"), trials.astype("f4")
    return features, trials, np.arange(N_IMAGES) // 2


class DenseRidge:
    """Ridge regression through its hat matrix."""

    def __init__(self, X):
        self.mean = X.mean(axis=0)
        self.X = X - self.mean
        self.total = np.square(self.X).sum() / len(X)
        self.rank = np.linalg.matrix_rank(self.X, rtol=1e-4)

    def solution(self, penalty):
        gram = self.X @ self.X.T + penalty * self.total * np.eye(len(self.X))
        return self.X.T @ np.linalg.inv(gram)

    def errors(self, Y, penalty):
        hat = self.X @ self.solution(penalty) + 1 / len(Y)
        return (Y - hat @ Y) / (1 - np.diag(hat))[:, None]


def _cosines(n_times):
    place = (np.arange(n_times) + 0.5) / n_times
    basis = np.cos(np.pi * np.outer(place, np.arange(int(np.ceil(20 * DURATION)))))
    return basis / np.linalg.norm(basis, axis=0)


def _contrasts(trials):
    """Contrast the trials of every image by any orthonormal basis but Helmert's."""
    weights = np.linalg.svd(np.ones((1, N_TRIALS)))[2][1:]
    return np.einsum("jr,nrq->njq", weights, trials)


def _shrink(rows, shape, target):
    n, q = rows.shape
    S = rows.T @ rows / n
    S += 1e-6 * np.diag(np.diag(S))
    T = np.diag(np.diag(S))
    if target == "kronecker":
        S4, B = S.reshape(*shape, *shape), np.eye(shape[1]) * np.trace(S) / q
        for _ in range(5):
            A = np.einsum("itju,tu->ij", S4, np.linalg.inv(B)) / shape[1]
            A += 1e-5 * np.trace(A) / len(A) * np.eye(len(A))
            A /= np.trace(A) / len(A)
            B = np.einsum("itju,ij->tu", S4, np.linalg.inv(A)) / shape[0]
            B += 1e-5 * np.trace(B) / len(B) * np.eye(len(B))
        T = np.kron(A, B)
    white = rows @ np.linalg.inv(np.linalg.cholesky(T)).T
    covariance = white.T @ white / n
    products = np.einsum("ni,nj->nij", white, white)
    error = np.square(products - covariance).sum() / n**2
    a = min(1, error / np.square(covariance - np.eye(q)).sum())
    return (1 - a) * S + a * T, 1 - a


def _positive(M):
    values, V = eigh((M + M.T) / 2)
    return (V * np.maximum(values, 0)) @ V.T


def _fit(X, Y, rows, shape, target):
    """Follow steps 2 to 5, with every matrix written out."""
    ridge, mean = DenseRidge(X), Y.mean(axis=0)
    Yc, n_axes = Y - mean, min(30, max(8, len(Y) // 4))
    n_axes = min(n_axes, ridge.rank)
    penalty, residual = 3.0, None
    for _ in range(2):
        if rows is not None:
            N, share = _shrink(
                rows.reshape(-1, len(mean)) / N_TRIALS**0.5, shape, target
            )
        elif residual is None:
            N, share = np.diag(Yc.var(axis=0)), 0
        else:
            N, share = _shrink(residual, shape, "kronecker")
        L = np.linalg.cholesky(N)
        Yw = Yc @ np.linalg.inv(L).T
        P = Yc - ridge.errors(Yc, penalty)
        for _ in range(3 if len(Y) >= 100 else 1):
            grid = (P.T @ Yc).reshape(*shape, *shape)
            Cs = _positive(np.einsum("itjt->ij", grid))
            Ct = _positive(np.einsum("itiu->tu", grid))
            G = np.linalg.inv(L) @ np.kron(Cs, Ct) @ np.linalg.inv(L).T
            values, axes = eigh(G)
            if len(G) > 30:
                axes = axes[:, values > 1e-9 * values[-1]][:, ::-1][:, :30]
            Z = Yw @ axes
            for _ in range(3):
                M = (Z - ridge.errors(Z, penalty)).T @ Z
                U = Z @ (turn := eigh(M + M.T)[1][:, ::-1][:, :n_axes])
                mse = np.array(
                    [np.square(ridge.errors(U, p)).mean(axis=0) for p in PENALTIES]
                )
                gain = np.square(U).mean(axis=0) - mse.min(axis=0)
                penalties, g = PENALTIES[mse.argmin(axis=0)], np.maximum(gain, 0)
                penalty = np.exp((np.log(penalties) * g).sum() / g.sum())
            kept = gain > 0
            A, each = axes @ turn[:, kept], penalties[kept]
            U = Yw @ A
            e = np.hstack([ridge.errors(U[:, [k]], p) for k, p in enumerate(each)])
            P = (U - e) @ (L @ A).T
        residual = Yc - P
    W = np.hstack([ridge.solution(p) @ U[:, [k]] for k, p in enumerate(each)])
    F = np.linalg.inv(L).T @ A
    return {"x": ridge.mean, "y": mean, "F": F, "P": L @ A, "W": W, "N": N,
            "share": share, "penalties": each}  # fmt: skip


def _solve(X, Y, rows, shape, target, concepts):
    """Add steps 6 and 8 to :func:`_fit`."""
    model = _fit(X, Y, rows, shape, target)
    order = np.random.default_rng(0).permutation(concepts.max() + 1)
    folds = (order % 5)[concepts]
    pairs, predicted = [], np.empty((len(Y), model["F"].shape[1]))
    for k in range(5):
        test = folds == k
        kept = None if rows is None else rows[~test]
        fold = _fit(X[~test], Y[~test], kept, shape, target)
        z_I, z_B = (X[test] - fold["x"]) @ fold["W"], (Y[test] - fold["y"]) @ fold["F"]
        pairs.append((z_B, z_I, test, fold))
    above = sum((z_B * z_I).sum() for z_B, z_I, *_ in pairs)
    s = np.clip(above / sum((z_I**2).sum() for _, z_I, *_ in pairs), 0, 1)
    for _, z_I, test, fold in pairs:
        expected = fold["y"] - model["y"] + s * z_I @ fold["P"].T
        predicted[test] = expected @ model["F"]
    e = (Y - model["y"]) @ model["F"] - predicted
    n, k = e.shape
    C = e.T @ e / n
    spread = sum(
        np.square(
            e[concepts == g].T @ e[concepts == g] - (concepts == g).sum() * C
        ).sum()
        for g in range(concepts.max() + 1)
    )
    mu = np.trace(C) / k
    a = min(1, spread / n**2 / np.square(C - mu * np.eye(k)).sum())
    C = (1 - a) * C + a * mu * np.eye(k)
    alpha, E = 0.0, C
    if rows is not None:
        flat = rows.reshape(-1, Y.shape[1])
        S = flat.T @ flat / len(flat) / N_TRIALS
        h = model["share"] * np.trace(np.linalg.inv(model["N"]) @ S) / len(flat)
        alpha = np.diag(model["F"].T @ S @ model["F"]).mean() / (1 - h) ** 2
        values, V = eigh(C - alpha * np.eye(k))
        E = (V * np.maximum(values, 0.5 * max(mu - alpha, 0.02))) @ V.T
    return model | {"slope": s, "alpha": alpha, "E": E}


def _align(found, expected):
    """Return the sign of every axis."""
    return np.sign((found * expected).sum(axis=0))


def _assert_close(found, expected, share=0.02):
    error = np.linalg.norm(found - expected)
    assert error < share * np.linalg.norm(expected)


@pytest.mark.parametrize(("n_features", "n_channels"), [(12, 5), (200, 5), (12, 8)])
@pytest.mark.parametrize("target", ["diagonal", "kronecker", None])
def test_every_map_is_that_of_the_dense_form(n_features, n_channels, target):
    features, trials, concepts = _experiment(n_features, n_channels)
    X, Y = features[:N_IMAGES], trials[:N_IMAGES].mean(axis=1)
    repeated = {}
    if target:
        repeated = {
            "trials": trials[:N_IMAGES].reshape(-1, n_channels, 20),
            "trial_images": np.repeat(np.arange(N_IMAGES), N_TRIALS),
            "steps": Steps(target=target),
        }
    model = solve(
        X, Y, duration=DURATION, concepts=concepts, keep_noise=True, **repeated
    )
    basis = _cosines(20)
    flat = (Y.astype(float) @ basis).reshape(N_IMAGES, -1)
    rows = None
    if target:
        each = (trials[:N_IMAGES].astype(float) @ basis).reshape(N_IMAGES, N_TRIALS, -1)
        rows = _contrasts(each)
    dense = _solve(X.astype(float), flat, rows, (n_channels, 6), target, concepts)
    # Axes that gain next to nothing depend on rounding.
    k = int((model.gain > 0.01 * model.gain[0]).sum())
    assert k >= 2
    for name, of in (("filters", "F"), ("patterns", "P"), ("weights", "W")):
        found, expected = getattr(model, name)[:, :k], dense[of][:, :k]
        _assert_close(found * _align(found, expected), expected)
    np.testing.assert_allclose(model.penalties[:k], dense["penalties"][:k])
    _assert_close(model.noise, dense["N"])
    sign = _align(model.filters[:, :k], dense["F"][:, :k])
    extra = model.errors.extra[:k, :k] * np.outer(sign, sign)
    _assert_close(extra, dense["E"][:k, :k], 0.05)
    assert model.slope == pytest.approx(dense["slope"], abs=5e-3)
    assert model.errors.alpha == pytest.approx(dense["alpha"], rel=1e-2)
    predicted = dense["slope"] * (features - dense["x"]) @ dense["W"] @ dense["P"].T
    predicted = (dense["y"] + predicted).reshape(-1, n_channels, 6) @ basis.T
    beyond = Y.mean(axis=0) @ (np.eye(20) - basis @ basis.T)
    _assert_close(model.predict(features), predicted + beyond)


@pytest.mark.parametrize("target", ["diagonal", "kronecker", None])
def test_generalized_errors_find_almost_the_same(target):
    features, trials, concepts = _experiment(12)
    X, Y = features[:N_IMAGES], trials[:N_IMAGES].mean(axis=1)
    repeated = {}
    if target:
        repeated["trials"] = trials[:N_IMAGES].reshape(-1, 5, 20)
        repeated["trial_images"] = np.repeat(np.arange(N_IMAGES), N_TRIALS)
    exact, fast = (
        solve(
            X,
            Y,
            duration=DURATION,
            concepts=concepts,
            steps=Steps(errors=errors, target=target or "auto"),
            **repeated,
        )
        for errors in ("exact", "generalized")
    )
    a, b = (model.predict(features) - model.mean for model in (exact, fast))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98
    assert fast.slope == pytest.approx(exact.slope, abs=0.05)
