"""The graphs that benchmarks run on, as arrays: names, numbers and seeds are those of `rust/core/benches/instances`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "INSTANCES",
    "Instance",
    "chain_10k",
    "durations_ns",
    "independent_100k",
    "layered",
    "layered_100k",
    "permuted",
    "random",
    "random_1m",
    "random_1m_permuted",
    "random_2k_permuted",
    "random_100k_permuted",
]

Ids = NDArray[np.int64]

N_LAYERS = 100
LAYER_WIDTH = 1_000
N_PARENTS = 3


@dataclass(frozen=True, eq=False)
class Instance:
    """A graph by its edges: `sources[k]` comes before `targets[k]`; an edge may be there twice."""

    name: str
    n_nodes: int
    sources: Ids
    targets: Ids

    def parents(self) -> list[list[int]]:
        """Return the parents of each node, in the order of the edges."""
        parents: list[list[int]] = [[] for _ in range(self.n_nodes)]
        for source, target in zip(self.sources.tolist(), self.targets.tolist(), strict=True):
            parents[target].append(source)
        return parents


def independent_100k() -> Instance:
    """Make 100,000 nodes without edges."""
    return _instance("independent_100k", 100_000, [], [])


def chain_10k() -> Instance:
    """Make 10,000 nodes, each after the one before."""
    return _instance("chain_10k", 10_000, range(9_999), range(1, 10_000))


def layered(name: str, n_layers: int, width: int) -> Instance:
    """Make layers of nodes, each with 3 parents drawn from the layer before."""
    targets = np.repeat(np.arange(width, n_layers * width, dtype=np.int64), N_PARENTS)
    drawn = _below(3, targets.size, np.uint64(width))
    return _instance(name, n_layers * width, (targets // width - 1) * width + drawn, targets)


@cache
def layered_100k() -> Instance:
    """Make 100 layers of 1,000 nodes, each with 3 parents drawn from the layer before."""
    return layered("layered_100k", N_LAYERS, LAYER_WIDTH)


@cache
def random_1m() -> Instance:
    """Make 1,000,000 nodes and 3,000,000 pairs of them drawn at random, from the smaller to the larger."""
    return random("random_1m", 1_000_000, 3_000_000)


@cache
def random_1m_permuted() -> Instance:
    """Rename the nodes of `random_1m` at random, so that ids are not a topological order."""
    return permuted("random_1m_permuted", random_1m())


@cache
def random_100k_permuted() -> Instance:
    """Make a tenth of `random_1m_permuted`, for what takes long."""
    return permuted("random_100k_permuted", random("random_100k", 100_000, 300_000))


@cache
def random_2k_permuted() -> Instance:
    """Make a graph of 2,000 nodes and 6,000 pairs, for what is quadratic elsewhere."""
    return permuted("random_2k_permuted", random("random_2k", 2_000, 6_000))


def random(name: str, n_nodes: int, n_edges: int) -> Instance:
    """Draw pairs of nodes at random, from the smaller to the larger."""
    # A few pairs are of a node with itself and are drawn again.
    pairs = _below(5, 2 * (n_edges + 1_000), np.uint64(n_nodes)).reshape(-1, 2)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]][:n_edges]
    assert len(pairs) == n_edges
    return _instance(name, n_nodes, pairs.min(axis=1), pairs.max(axis=1))


def permuted(name: str, graph: Instance) -> Instance:
    """Rename the nodes at random, so that ids are not a topological order."""
    descending = np.arange(graph.n_nodes - 1, 0, -1, dtype=np.uint64)
    partners = _below(7, descending.size, descending + np.uint64(1)).tolist()
    names = list(range(graph.n_nodes))
    for idx, other in zip(descending.tolist(), partners, strict=True):
        names[idx], names[other] = names[other], names[idx]
    renamed = np.array(names, dtype=np.int64)
    return _instance(name, graph.n_nodes, renamed[graph.sources], renamed[graph.targets])


def durations_ns(n_nodes: int) -> Ids:
    """Draw durations between 1 and 1,000."""
    return 1 + _below(11, n_nodes, np.uint64(1_000))


INSTANCES: tuple[Callable[[], Instance], ...] = (
    independent_100k,
    chain_10k,
    layered_100k,
    random_1m,
    random_1m_permuted,
)
"""Those that both sides have."""


def _instance(name: str, n_nodes: int, sources: object, targets: object) -> Instance:
    return Instance(name, n_nodes, np.asarray(sources, dtype=np.int64), np.asarray(targets, dtype=np.int64))


def _below(seed: int, n_draws: int, bound: np.uint64 | NDArray[np.uint64]) -> Ids:
    """Draw integers from 0 to `bound` with Vigna's splitmix64: small, seeded, the same everywhere."""
    bits = np.uint64(seed) + np.arange(1, n_draws + 1, dtype=np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    bits ^= bits >> np.uint64(31)
    # The upper half of the 128-bit product; bounds are below 2³².
    low = (bits & np.uint64(0xFFFF_FFFF)) * bound
    high = (bits >> np.uint64(32)) * bound
    return ((high + (low >> np.uint64(32))) >> np.uint64(32)).astype(np.int64)
