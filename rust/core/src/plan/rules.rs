//! Priority rules: which node goes first, by what is known before anything is scheduled.

use super::compact::Compact;

/// Total successors are counted with bits per pair of nodes; larger problems count immediate ones instead.
const N_NODES_CLOSED_MAX: usize = 1_000;

/// A rule of the scheduling literature (surveyed by Kolisch 1996).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// LFT: the node that must finish first for the longest path not to grow.
    LatestFinish,
    /// LST: the node that must start first, which is the one with the largest upward rank.
    LatestStart,
    /// MTS: the node with most nodes after it.
    MostTotalSuccessors,
    /// GRPW: the largest duration, those of the immediate successors included.
    GreatestRankPositionalWeight,
    /// RPW: the largest duration, those of all that comes after included.
    RankedPositionalWeight,
}

impl Rule {
    pub(super) const ALL: [Self; 5] = [
        Self::LatestFinish,
        Self::LatestStart,
        Self::MostTotalSuccessors,
        Self::GreatestRankPositionalWeight,
        Self::RankedPositionalWeight,
    ];

    /// The priority of every position, the larger first.
    pub(super) fn priorities(self, compact: &Compact) -> Vec<u64> {
        let positions = 0..compact.n_nodes();
        let own = |position: usize| compact.durations[position];
        match self {
            Self::LatestFinish => {
                let ranks = upward_ranks(compact);
                positions.map(|position| ranks[position] - own(position)).collect()
            }
            Self::LatestStart => upward_ranks(compact),
            Self::MostTotalSuccessors => sums_over_descendants(compact, |_| 1),
            Self::GreatestRankPositionalWeight => {
                let following =
                    |position| compact.successors.of(position).iter().map(|&next| own(next as usize));
                positions.map(|position| own(position) + following(position).sum::<u64>()).collect()
            }
            Self::RankedPositionalWeight => {
                let below = sums_over_descendants(compact, own);
                positions.map(|position| own(position) + below[position]).collect()
            }
        }
    }
}

/// The longest path from each position's start to the end.
fn upward_ranks(compact: &Compact) -> Vec<u64> {
    let mut ranks = vec![0; compact.n_nodes()];
    for position in (0..compact.n_nodes()).rev() {
        let following = compact.successors.of(position).iter().map(|&next| ranks[next as usize]);
        ranks[position] = compact.durations[position] + following.max().unwrap_or(0);
    }
    ranks
}

/// The sum of a value over all positions that come after each.
fn sums_over_descendants(compact: &Compact, value: impl Fn(usize) -> u64) -> Vec<u64> {
    let n_nodes = compact.n_nodes();
    if n_nodes > N_NODES_CLOSED_MAX {
        let next_of = |position| compact.successors.of(position).iter().map(|&next| value(next as usize));
        return (0..n_nodes).map(|position| next_of(position).sum()).collect();
    }
    let n_words = n_nodes.div_ceil(64);
    let mut reached = vec![0_u64; n_nodes * n_words];
    let mut sums = vec![0; n_nodes];
    for position in (0..n_nodes).rev() {
        // Successors stand behind, so their rows are complete.
        let (head, rows) = reached.split_at_mut((position + 1) * n_words);
        let own = &mut head[position * n_words..];
        for &next in compact.successors.of(position) {
            let next = next as usize;
            own[next / 64] |= 1 << (next % 64);
            let row = &rows[(next - position - 1) * n_words..][..n_words];
            own.iter_mut().zip(row).for_each(|(own, row)| *own |= row);
        }
        let is_reached = |&after: &usize| own[after / 64] >> (after % 64) & 1 == 1;
        sums[position] = (position + 1..n_nodes).filter(is_reached).map(&value).sum();
    }
    sums
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::problem::Problem;
    use super::*;
    use crate::graph::Graph;

    fn compact(durations_ns: &[u64], source: &[i64], target: &[i64]) -> Compact {
        let n_nodes = durations_ns.len();
        let graph = Arc::new(Graph::from_arrays(n_nodes, source, target).unwrap());
        Compact::new(&Problem::new(graph, durations_ns.to_vec(), vec![1; n_nodes], vec![1]).unwrap())
    }

    #[test]
    fn test_every_rule_gives_the_priorities_of_its_definition() {
        // 0 → 1 → 3 and 0 → 2.
        let compact = compact(&[1, 2, 7, 4], &[0, 1, 0], &[1, 3, 2]);
        let expected = [[7, 4, 0, 0], [8, 6, 7, 4], [3, 1, 0, 0], [10, 6, 7, 4], [14, 6, 7, 4]];
        for (rule, expected) in Rule::ALL.into_iter().zip(expected) {
            assert_eq!(rule.priorities(&compact), expected, "{rule:?}");
        }
    }
}
