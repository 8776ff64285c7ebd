"""How long a step will probably take, by how long it took before."""

from __future__ import annotations

import math
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.planning.uncertain import DurationQuantiles
from makespan.prediction.predicted import Prediction, PredictionScore, TimeLimit
from makespan.prediction.profile import EXPECTED, profile_text, states_of
from makespan.scheduling.arguments import array_of, count, ns_of, times_ns_of, vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["DurationPredictor", "size_of"]

LEVELS = (0.05, 0.5, 0.95)
_N_CONCURRENT_MAX = 1 << 31


class DurationPredictor:
    """Learns how long steps take, and says how long they will: quantiles that hold, also while durations drift.

    Of each step the last few durations, the last 64, and where sizes are known a line through them are blended by how
    well each did lately. How far the quantiles are apart is corrected until as many durations lie outside as should
    (adaptive conformal inference, Gibbs and Candès 2021). A step that was never seen falls back on its kind, and then
    on all steps; one that was seen a few times borrows from them how much durations spread. A step that always takes
    the same comes back exactly.

    The same observations in the same order give the same predictions. What is remembered of a step is bounded. Any
    thread may observe and predict at any time.

    Examples
    --------
    >>> predictor = DurationPredictor()
    >>> predictor.observe_many("load", [1.1, 0.9, 1.0, 1.2, 1.0, 0.8])
    >>> predictor.predict("load", levels=[0.5])
    <Prediction from step: 50% 1 s>
    >>> predictor
    <DurationPredictor of 6 durations: 1 steps, 0 kinds>
    """

    def __init__(self) -> None:
        self._native = _core.Predictor()
        self._is_pinned = False

    @classmethod
    def _around(cls, native: _core.Predictor, *, is_pinned: bool) -> Self:
        """Wrap what an engine learns with."""
        predictor = cls.__new__(cls)
        predictor._native, predictor._is_pinned = native, is_pinned
        return predictor

    @property
    def is_pinned(self) -> bool:
        """Whether observations are ignored."""
        return self._is_pinned

    def observe(
        self,
        step: str,
        duration: float,
        *,
        kind: str | None = None,
        size: int | None = None,
        failed: bool = False,
        n_concurrent: int = 1,
        cpu_time: float | None = None,
    ) -> None:
        """Learn from an attempt of a step.

        Parameters
        ----------
        step
            Its name.
        duration
            Seconds from its start to its end.
        kind
            The name of what is taken to be alike; remembered until another one is given.
        size
            Of what it worked on, as `size_of` returns it.
        failed
            It did not come to its end: remembered for `time_limit`, and for nothing else.
        n_concurrent
            How many steps ran at the same time, itself among them.
        cpu_time
            Seconds of processor time of its thread. Where other steps ran beside it, the attempt counts as long as that
            would have taken alone, as far as it is known from attempts that ran alone; as ``duration`` otherwise.

        Raises
        ------
        ValidationError
            A value that cannot be meant, named.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.observe("load", 1.0, cpu_time=1.0)
        >>> predictor.observe("load", 4.0, n_concurrent=4, cpu_time=1.0)
        >>> predictor.predict("load", levels=[0.5]).seconds
        (1.0,)
        """
        duration_ns = ns_of(duration, "duration")
        known_size = None if size is None else count(size, "size")
        n_running = _n_running(n_concurrent)
        cpu_ns = None if cpu_time is None else ns_of(cpu_time, "cpu_time")
        _name(step, "step")
        if kind is not None:
            _name(kind, "kind")
        if not self._is_pinned:
            self._native.observe(step, kind, duration_ns, known_size, bool(failed), n_running, cpu_ns)

    def observe_many(
        self,
        steps: str | Sequence[str],
        durations: ArrayLike,
        *,
        kinds: str | Sequence[str | None] | None = None,
        sizes: ArrayLike | None = None,
        failed: ArrayLike | None = None,
        n_concurrent: ArrayLike | None = None,
        cpu_times: ArrayLike | None = None,
    ) -> None:
        """Learn from attempts, in order: the same as `observe` for each.

        Parameters
        ----------
        steps, kinds
            A name for all of them, or one for each.
        durations
            float64 seconds, shape ``(n,)``.
        sizes
            int64, shape ``(n,)``: -1 where it is not known.
        failed
            bool, shape ``(n,)``.
        n_concurrent
            int64, shape ``(n,)``.
        cpu_times
            float64 seconds, shape ``(n,)``: NaN where it is not known.

        Raises
        ------
        ValidationError
            A value that cannot be meant, named; then nothing is learned.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.observe_many(["load", "save", "load"], [1.0, 7.0, 1.0], kinds="disk")
        >>> predictor.predict("save", levels=[0.5]).seconds
        (7.0,)
        """
        seconds = vector(durations, "durations", np.float64)
        durations_ns = times_ns_of(seconds, "durations")
        n = seconds.size
        names, name_idx = _names(steps, kinds, n)
        running = np.ones(n, np.int64) if n_concurrent is None else vector(n_concurrent, "n_concurrent", np.int64, n)
        wrong = np.flatnonzero((running < 1) | (running > _N_CONCURRENT_MAX))
        if wrong.size:
            _n_running(int(running[wrong[0]]), f"n_concurrent[{wrong[0]}]")
        cpu_ns = np.full(n, -1, np.int64)
        if cpu_times is not None:
            cpu_seconds = vector(cpu_times, "cpu_times", np.float64, n)
            is_known = ~np.isnan(cpu_seconds)
            checked_ns = times_ns_of(np.where(is_known, cpu_seconds, 0.0), "cpu_times")
            cpu_ns = np.where(is_known, checked_ns.astype(np.int64), -1)
        is_failed = np.zeros(n, np.bool_)
        if failed is not None:
            is_failed = array_of(failed, "failed")
            if is_failed.shape != (n,) or (n and is_failed.dtype != np.bool_):
                found = f"dtype {is_failed.dtype}, shape {is_failed.shape}"
                raise ValidationError("failed", found, f"true or false, shape ({n},)")
        known_sizes = _sizes(sizes, n)
        if not self._is_pinned and n:
            self._native.observe_many(names, name_idx, durations_ns, known_sizes, is_failed, running, cpu_ns)

    def predict(
        self,
        step: str,
        *,
        kind: str | None = None,
        size: int | None = None,
        levels: Sequence[float] = LEVELS,
    ) -> Prediction | None:
        """Say how long a step will probably take, running alone.

        Parameters
        ----------
        step
            Its name.
        kind
            What to fall back on if the step was never observed; by default the kind that it was last observed with.
        size
            Of what it will work on, as `size_of` returns it.
        levels
            Shares between 0 and 1, ascending.

        Returns
        -------
        prediction
            Quantiles, or None if nothing was ever observed.

        Raises
        ------
        ValidationError
            ``levels`` do not ascend between 0 and 1, or ``size`` is no size.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.predict("load") is None
        True
        >>> predictor.observe("load", 0.25, kind="disk")
        >>> predictor.predict("save", kind="disk", levels=[0.5])
        <Prediction from kind: 50% 0.25 s>
        """
        shares = _levels(levels)
        found = self._native.predict(
            _name(step, "step"),
            None if kind is None else _name(kind, "kind"),
            None if size is None else count(size, "size"),
            shares,
        )
        if found is None:
            return None
        source, quantiles_ns = found
        return Prediction(tuple(shares), tuple(ns / 1e9 for ns in quantiles_ns), source)

    def predict_many(
        self,
        steps: str | Sequence[str],
        *,
        kinds: str | Sequence[str | None] | None = None,
        sizes: ArrayLike | None = None,
        levels: Sequence[float] = LEVELS,
        default: float | None = None,
    ) -> DurationQuantiles:
        """Say how long the nodes of a graph will probably take, to plan with.

        Parameters
        ----------
        steps
            The name of the step of each node; one name is one node.
        kinds
            A name for all of them, or one for each.
        sizes
            int64, shape ``(n_nodes,)``: -1 where it is not known.
        levels
            Shares between 0 and 1, ascending.
        default
            Seconds where nothing was ever observed.

        Returns
        -------
        quantiles
            With a row for each node.

        Raises
        ------
        ValidationError
            A value that cannot be meant, named; or nothing was ever observed and there is no default.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.observe_many(["load", "save"], [1.0, 2.0])
        >>> predictor.predict_many(["save", "load", "load"]).at(0.5).tolist()
        [2.0, 1.0, 1.0]
        """
        shares = _levels(levels)
        given = [steps] if isinstance(steps, str) else list(steps)
        names, name_idx = _names(given, kinds, len(given))
        default_ns = None if default is None else ns_of(default, "default")
        quantiles_ns = self._native.predict_many(names, name_idx, _sizes(sizes, len(given)), shares)
        # Either everything is known, if only by what other steps took, or nothing is.
        is_unknown = quantiles_ns == np.iinfo(np.uint64).max
        if is_unknown.any():
            if default_ns is None:
                expected = "seconds to assume, since nothing was ever observed"
                raise ValidationError("default", default, expected)
            quantiles_ns = np.where(is_unknown, np.uint64(default_ns), quantiles_ns)
        return DurationQuantiles(shares, quantiles_ns / 1e9)

    def time_limit(
        self,
        step: str,
        *,
        kind: str | None = None,
        size: int | None = None,
        level: float = 0.99,
        factor: float = 1.0,
    ) -> TimeLimit | None:
        """Say how much time to allow a step.

        Parameters
        ----------
        step, kind, size
            As for `predict`.
        level
            The share of the attempts that are to stay within the limit.
        factor
            The limit is so many times the quantile, at least 1.

        Returns
        -------
        limit
            Not less than the longest of the last 16 failed attempts took; None if nothing is known.

        Raises
        ------
        ValidationError
            ``level`` is not between 0 and 1, or ``factor`` below 1.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.observe_many("load", [2.0] * 20)
        >>> predictor.time_limit("load", factor=1.5)
        TimeLimit(seconds=3.0, is_lower_bound=False)
        >>> predictor.observe("load", 10.0, failed=True)
        >>> predictor.time_limit("load")
        TimeLimit(seconds=10.0, is_lower_bound=True)
        """
        if not 0 < level < 1:
            raise ValidationError("level", level, "a share between 0 and 1")
        if not 1 <= factor < math.inf:
            raise ValidationError("factor", factor, "a number, at least 1")
        prediction = self.predict(step, kind=kind, size=size, levels=[level])
        failed_ns = self._native.longest_failure_ns(step)
        needed = None if prediction is None else factor * prediction.seconds[0]
        if failed_ns is not None and (needed is None or failed_ns / 1e9 >= needed):
            return TimeLimit(failed_ns / 1e9, True)
        return None if needed is None else TimeLimit(needed, False)

    def score(self, step: str | None = None) -> PredictionScore:
        """Say how good the predictions were, each made before its observation.

        Parameters
        ----------
        step
            Its name; all steps together by default.

        Returns
        -------
        score
            Losses and coverage.

        Raises
        ------
        ValidationError
            No such step was ever observed.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.observe_many("load", [1.0, 2.0] * 50)
        >>> predictor.score("load").loss_per_mean < 1
        True
        """
        found = self._native.score(None if step is None else _name(step, "step"))
        if found is None:
            raise ValidationError("step", step, "the name of a step that was observed")
        n, n_below, n_above, losses_ns, off_mean_ns, off_last_ns = found
        loss_ns = sum(losses_ns)
        # A point is a prediction at all three levels: its losses sum to 1.5 times how far it is off.
        return PredictionScore(
            n=n,
            coverage=_ratio(n - n_below - n_above, n),
            below=_ratio(n_below, n),
            above=_ratio(n_above, n),
            loss_s=_ratio(loss_ns / 1e9, 3 * n),
            loss_per_mean=_ratio(loss_ns, 1.5 * off_mean_ns),
            loss_per_last=_ratio(loss_ns, 1.5 * off_last_ns),
        )

    def export(self) -> str:
        """Write down everything that was learned.

        Returns
        -------
        profile
            JSON, the same for the same observations; `from_profile` reads it.

        Examples
        --------
        >>> predictor = DurationPredictor()
        >>> predictor.observe("load", 1.0)
        >>> DurationPredictor.from_profile(predictor.export()).export() == predictor.export()
        True
        """
        return profile_text(self._native.states())

    @classmethod
    def from_profile(cls, profile: str, *, pinned: bool = False) -> Self:
        """Read what `export` has written.

        Parameters
        ----------
        profile
            JSON.
        pinned
            Ignore observations from now on, so that the same plans are made every time.

        Returns
        -------
        predictor
            Predicts what the one that was written down would have.

        Raises
        ------
        ValidationError
            ``profile`` was not written by `export`.

        Examples
        --------
        >>> learned = DurationPredictor()
        >>> learned.observe("load", 1.0)
        >>> predictor = DurationPredictor.from_profile(learned.export(), pinned=True)
        >>> predictor.observe("load", 9.0)
        >>> predictor.predict("load", levels=[0.5]).seconds
        (1.0,)
        >>> predictor
        <DurationPredictor of 1 durations: 1 steps, 0 kinds, pinned>
        """
        predictor = cls()
        try:
            broken = predictor._native.restore(*states_of(profile))
        except (TypeError, OverflowError) as error:
            raise ValidationError("profile", str(error), EXPECTED) from None
        if broken is not None:
            raise ValidationError("profile", f"numbers of {broken!r} that cannot be", EXPECTED)
        predictor._is_pinned = bool(pinned)
        return predictor

    def __repr__(self) -> str:
        n_steps, n_kinds, n_durations = self._native.counts()
        pinned = ", pinned" if self._is_pinned else ""
        return f"<DurationPredictor of {n_durations} durations: {n_steps} steps, {n_kinds} kinds{pinned}>"


def size_of(value: object) -> int | None:
    """Return how large something is, to predict by, without a look at what is in it.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    size
        The bytes of the file at a path, ``nbytes`` of arrays, else ``len``; None where there is none of those.

    Examples
    --------
    >>> import numpy as np
    >>> size_of(np.zeros(3)), size_of("four"), size_of(5)
    (24, 4, None)
    """
    try:
        if isinstance(value, Path):
            return value.stat().st_size if value.is_file() else None
        if isinstance(value, os.PathLike):
            return None
        n_bytes = getattr(value, "nbytes", None)
        size = n_bytes if isinstance(n_bytes, int | np.integer) else len(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 (whatever a foreign property or __len__ raises, the size is not known)
        return None
    return int(size) if size >= 0 else None


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _name(name: Any, argument: str) -> str:
    if not isinstance(name, str):
        raise ValidationError(argument, name, "a name, a string")
    return name


def _n_running(n_concurrent: Any, argument: str = "n_concurrent") -> int:
    number = count(n_concurrent, argument)
    if not 1 <= number <= _N_CONCURRENT_MAX:
        raise ValidationError(argument, number, f"from 1, the step alone, to {_N_CONCURRENT_MAX}")
    return number


def _levels(levels: Sequence[float]) -> list[float]:
    try:
        shares = [float(level) for level in levels]
    except (TypeError, ValueError):
        raise ValidationError("levels", levels, "shares that ascend between 0 and 1, at least one") from None
    is_ascending = all(low < high for low, high in pairwise(shares))
    if not shares or not is_ascending or not (shares[0] > 0 and shares[-1] < 1):
        raise ValidationError("levels", shares, "shares that ascend between 0 and 1, at least one")
    return shares


def _sizes(sizes: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if sizes is None:
        return np.full(n, -1, np.int64)
    known = vector(sizes, "sizes", np.int64, n)
    wrong = np.flatnonzero(known < -1)
    if wrong.size:
        place = int(wrong[0])
        raise ValidationError(f"sizes[{place}]", int(known[place]), "a whole number that is not negative, or -1")
    return known


def _names(
    steps: str | Sequence[str], kinds: str | Sequence[str | None] | None, n: int
) -> tuple[list[tuple[str, str | None]], NDArray[np.uint32]]:
    """Return pairs of a step and its kind, and which of them each is."""
    if isinstance(steps, str) and (kinds is None or isinstance(kinds, str)):
        return [(steps, kinds)], np.zeros(n, np.uint32)
    of_step = [steps] * n if isinstance(steps, str) else list(steps)
    of_kind = [kinds] * n if kinds is None or isinstance(kinds, str) else list(kinds)
    for names, argument in ((of_step, "steps"), (of_kind, "kinds")):
        if len(names) != n:
            raise ValidationError(argument, f"{len(names)} names", f"one for all or {n}, one for each")
    index: dict[tuple[str, str | None], int] = {}
    rows = [index.setdefault(pair, len(index)) for pair in zip(of_step, of_kind, strict=True)]
    for step, kind in index:
        _name(step, "steps")
        if kind is not None:
            _name(kind, "kinds")
    return list(index), np.array(rows, np.uint32)
