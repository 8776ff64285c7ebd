"""The slow, obvious manager of resources, to be compared with the fast one.

Exact fractions, lists that are sorted again each time, no threads: who holds and who waits is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

__all__ = ["ReferenceResources"]


class _Asked(NamedTuple):
    """A request: what goes before others is smaller."""

    order: tuple[Fraction, int]
    holder: str
    needs: dict[str, Fraction]


class ReferenceResources:
    """Who holds what and who waits for what, by the rules of `makespan.ResourceManager`.

    Parameters
    ----------
    limits
        How much of each resource may be held at once.
    rates
        How much of each resource comes per second, which is also the most that there is after a pause.
    ageing
        What a second of waiting adds to a priority.

    Examples
    --------
    >>> resources = ReferenceResources({"net": 2}, {}, 1)
    >>> resources.request("a", {"net": 2}, 0, 0)
    >>> resources.request("b", {"net": 1}, 0, 1)
    >>> sorted(resources.held), resources.waiting
    (['a'], ['b'])
    >>> resources.release("a", 2)
    >>> sorted(resources.held), resources.waiting
    (['b'], [])
    """

    def __init__(self, limits: Mapping[str, float], rates: Mapping[str, float], ageing: float) -> None:
        self.limits = {name: Fraction(amount) for name, amount in limits.items()}
        self.rates = {name: Fraction(amount) for name, amount in rates.items()}
        self.tokens = dict(self.rates)
        self.held: dict[str, dict[str, Fraction]] = {}
        """What each holder holds of what is limited in amount."""
        self._ageing = Fraction(ageing)
        self._line: list[_Asked] = []
        self._n_asked = 0
        self._now = Fraction(0)

    @property
    def waiting(self) -> list[str]:
        """Who waits, in order."""
        return [asked.holder for asked in sorted(self._line)]

    def used(self, name: str) -> Fraction:
        """Return how much of a resource is held.

        Parameters
        ----------
        name
            The resource.

        Returns
        -------
        amount
            The sum of what is held.

        Examples
        --------
        >>> ReferenceResources({"net": 2}, {}, 1).used("net")
        Fraction(0, 1)
        """
        return sum((needs.get(name, Fraction(0)) for needs in self.held.values()), Fraction(0))

    def request(self, holder: str, needs: Mapping[str, float], priority: float, now: float) -> None:
        """Ask for amounts.

        Parameters
        ----------
        holder
            Who asks; asks once.
        needs
            Amounts by resource.
        priority
            Larger goes first.
        now
            The time in seconds.

        Examples
        --------
        >>> resources = ReferenceResources({"net": 2}, {}, 1)
        >>> resources.request("a", {"net": 1}, 0, 0)
        >>> resources.held
        {'a': {'net': Fraction(1, 1)}}
        """
        self._count(now)
        urgency = Fraction(priority) - self._ageing * self._now
        amounts = {name: Fraction(amount) for name, amount in needs.items()}
        self._line.append(_Asked((-urgency, self._n_asked), holder, amounts))
        self._n_asked += 1
        self._settle()

    def release(self, holder: str, now: float) -> None:
        """Give back what a holder holds, or let it wait no more.

        Parameters
        ----------
        holder
            Who asked.
        now
            The time in seconds.

        Examples
        --------
        >>> resources = ReferenceResources({"net": 2}, {}, 1)
        >>> resources.request("a", {"net": 1}, 0, 0)
        >>> resources.release("a", 1)
        >>> resources.held
        {}
        """
        self._count(now)
        self.held.pop(holder, None)
        self._line = [asked for asked in self._line if asked.holder != holder]
        self._settle()

    def set_limit(self, name: str, amount: float, now: float) -> None:
        """Change how much of a resource may be held.

        Parameters
        ----------
        name
            The resource.
        amount
            How much.
        now
            The time in seconds.

        Examples
        --------
        >>> resources = ReferenceResources({"net": 2}, {}, 1)
        >>> resources.set_limit("net", 0, 1)
        >>> resources.request("a", {"net": 1}, 0, 2)
        >>> resources.waiting
        ['a']
        """
        self._count(now)
        self.limits[name] = Fraction(amount)
        self._settle()

    def wait(self, now: float) -> None:
        """Let time go on.

        Parameters
        ----------
        now
            The time in seconds.

        Examples
        --------
        >>> resources = ReferenceResources({}, {"api": 1}, 1)
        >>> resources.request("a", {"api": 1}, 0, 0)
        >>> resources.request("b", {"api": 1}, 0, 0)
        >>> resources.wait(1)
        >>> resources.waiting
        []
        """
        self._count(now)
        self._settle()

    def _count(self, now: float) -> None:
        elapsed = max(Fraction(now) - self._now, Fraction(0))
        self._now += elapsed
        for name, rate in self.rates.items():
            self.tokens[name] = min(rate, self.tokens[name] + rate * elapsed)

    def _settle(self) -> None:
        """Grant what can be granted: nobody is served from what somebody in front is short of.

        For the first who cannot be served what it could use of other resources is kept as well.
        """
        left = {("limit", name): limit - self.used(name) for name, limit in self.limits.items()}
        # Tokens count whole thousandths, as amounts do.
        left |= {("rate", name): Fraction(int(1000 * tokens), 1000) for name, tokens in self.tokens.items()}
        has_head = False
        closed: set[tuple[str, str]] = set()
        for asked in sorted(self._line):
            if any(amount > self.limits.get(name, amount) for name, amount in asked.needs.items()):
                continue
            wanted = {(kind, name): n for name, n in asked.needs.items() for kind in ("limit", "rate")}
            wanted = {key: amount for key, amount in wanted.items() if key in left}
            if closed & wanted.keys():
                continue
            short = {key for key, amount in wanted.items() if amount > left[key]}
            if not short:
                for (kind, name), amount in wanted.items():
                    left[kind, name] -= amount
                    if kind == "rate":
                        self.tokens[name] -= amount
                self._line.remove(asked)
                self.held[asked.holder] = {n: amount for n, amount in asked.needs.items() if n in self.limits}
                continue
            closed |= short
            if not has_head:
                for key in wanted.keys() - short:
                    left[key] -= wanted[key]
            has_head = True
