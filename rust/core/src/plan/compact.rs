//! A problem as the search reads it: small integers, packed resources, neighbors by position.

use std::cmp::Reverse;

use super::lists::Precedence;
use super::problem::Problem;
use crate::graph::NodeId;

/// The most words that the amounts of one node may be packed into; beyond that the search does not pay.
pub(super) const N_WORDS_MAX: usize = 8;

/// Up to this many nodes, edges that others imply are left out: it takes O(n · m) bits of work once, and less per schedule.
const N_NODES_REDUCED_MAX: usize = 1_000;

/// The neighbors that a pass looks at, by position: predecessors when it goes forward, successors when it goes backward.
#[derive(Clone, Debug)]
pub(super) struct Neighbors {
    offsets: Vec<u32>,
    entries: Vec<u32>,
    /// The same in fours, the last of which are filled up with the number of positions: looked at without a branch for each.
    group_offsets: Vec<u32>,
    groups: Vec<[u32; 4]>,
}

impl Neighbors {
    #[inline]
    pub(super) fn of(&self, position: usize) -> &[u32] {
        &self.entries[self.offsets[position] as usize..self.offsets[position + 1] as usize]
    }

    #[inline]
    pub(super) fn groups_of(&self, position: usize) -> &[[u32; 4]] {
        &self.groups[self.group_offsets[position] as usize..self.group_offsets[position + 1] as usize]
    }
}

/// A problem, renumbered in topological order and packed.
///
/// The amounts of all resources that can ever be short share a few words: each has a field of as many bits as the largest
/// capacity in its word needs, and one more on top, the guard, which a subtraction sets when it goes below zero. One subtraction and one mask thus tell
/// whether a node fits beside others, for several resources at once.
///
/// Durations are divided by their greatest common divisor, so that data with whole numbers of minutes gets small ones.
#[derive(Clone, Debug)]
pub(super) struct Compact {
    /// The node at each position; edges lead from smaller to larger positions.
    pub(super) order: Vec<NodeId>,
    /// By position, in units.
    pub(super) durations: Vec<u64>,
    /// By position, `n_words` each.
    pub(super) demands: Vec<u64>,
    /// All of every resource, and the guards' bits.
    pub(super) capacity: Vec<u64>,
    pub(super) guards: Vec<u64>,
    /// How many bits the fields of each word have.
    pub(super) widths: Vec<u32>,
    pub(super) predecessors: Neighbors,
    pub(super) successors: Neighbors,
    /// Which positions come directly before which; empty in large problems.
    is_before: Vec<u64>,
    /// Nanoseconds per unit.
    pub(super) unit_ns: u64,
}

impl Compact {
    pub(super) fn new(problem: &Problem) -> Self {
        let graph = problem.graph();
        let order: Vec<_> = graph.topological_order().collect();
        let reduced = (order.len() <= N_NODES_REDUCED_MAX).then(|| crate::graph::transitive_reduction(graph));
        let numbered = reduced.as_ref().unwrap_or(graph).renumbered(&order);

        let unit_ns = problem.durations_ns().iter().copied().fold(0, gcd).max(1);
        let durations = order.iter().map(|node| problem.durations_ns()[node.index()] / unit_ns).collect();
        let packing = Packing::of(problem);
        let mut demands = Vec::with_capacity(order.len() * packing.widths.len());
        for node in &order {
            demands.extend(packing.packed(problem.demands_of(node.index())));
        }
        let n_nodes = order.len();
        let mut is_before = Vec::new();
        if n_nodes <= N_NODES_REDUCED_MAX {
            is_before.resize((n_nodes * n_nodes).div_ceil(64), 0);
            for (before, after) in numbered.edges() {
                let bit = after.index() * n_nodes + before.index();
                is_before[bit / 64] |= 1 << (bit % 64);
            }
        }
        Self {
            is_before,
            durations,
            demands,
            capacity: packing.packed(problem.capacities()),
            guards: packing.guards(),
            predecessors: neighbors(numbered.nodes().map(|node| numbered.predecessors(node))),
            successors: neighbors(numbered.nodes().map(|node| numbered.successors(node))),
            widths: packing.widths,
            unit_ns,
            order,
        }
    }

    pub(super) fn n_nodes(&self) -> usize {
        self.order.len()
    }

    pub(super) fn n_words(&self) -> usize {
        self.capacity.len()
    }

    /// How many bits of any word are in use.
    pub(super) fn n_bits_max(&self) -> u32 {
        self.guards.iter().map(|guards| u64::BITS - guards.leading_zeros()).max().unwrap_or(0)
    }

    /// Starts by position and in units as starts by node and in nanoseconds.
    pub(super) fn starts_ns(&self, starts: &[u64]) -> Vec<u64> {
        let mut starts_ns = vec![0; starts.len()];
        for (node, start) in self.order.iter().zip(starts) {
            starts_ns[node.index()] = start * self.unit_ns;
        }
        starts_ns
    }
}

impl Precedence for Compact {
    type Item = u32;

    fn before(&self, position: u32) -> impl Iterator<Item = u32> {
        self.predecessors.of(position as usize).iter().copied()
    }

    fn after(&self, position: u32) -> impl Iterator<Item = u32> {
        self.successors.of(position as usize).iter().copied()
    }

    #[inline]
    fn is_before(&self, position: u32, other: u32) -> bool {
        if self.is_before.is_empty() {
            return self.before(other).any(|before| before == position);
        }
        let bit = other as usize * self.n_nodes() + position as usize;
        self.is_before[bit / 64] >> (bit % 64) & 1 != 0
    }
}

/// Which bits of which word hold a resource.
#[derive(Copy, Clone, Debug)]
struct Field {
    resource: usize,
    word: usize,
    shift: u32,
    /// Amounts are divided by it; the capacity is rounded down, which changes nothing for whole multiples.
    divisor: i64,
}

#[derive(Clone, Debug)]
struct Packing {
    fields: Vec<Field>,
    /// How many bits the fields of each word have.
    widths: Vec<u32>,
}

impl Packing {
    fn of(problem: &Problem) -> Self {
        let mut short = Vec::new();
        for (resource, &capacity) in problem.capacities().iter().enumerate() {
            let amounts = || (0..problem.n_nodes()).map(|node| problem.demands_of(node)[resource]);
            if problem.total_demand(resource) <= i128::from(capacity) {
                continue; // It can never be short.
            }
            let divisor =
                amounts().fold(0, |divisor, amount| gcd(divisor, amount.cast_unsigned())).cast_signed();
            let n_bits = u64::BITS - (capacity / divisor).leading_zeros() + 1;
            short.push((Reverse(n_bits), resource, divisor));
        }
        // The widest first, so that those of similar width share a word.
        short.sort_unstable();
        let mut fields = Vec::new();
        let mut widths: Vec<u32> = Vec::new();
        let mut n_bits_free = 0;
        for (Reverse(n_bits), resource, divisor) in short {
            if widths.last().is_none_or(|&width| n_bits_free < width) {
                widths.push(n_bits);
                n_bits_free = u64::BITS;
            }
            let width = widths[widths.len() - 1];
            let shift = u64::BITS - n_bits_free;
            fields.push(Field { resource, word: widths.len() - 1, shift, divisor });
            n_bits_free -= width;
        }
        Self { fields, widths }
    }

    fn packed(&self, amounts: &[i64]) -> Vec<u64> {
        let mut words = vec![0; self.widths.len()];
        for field in &self.fields {
            words[field.word] |= (amounts[field.resource] / field.divisor).cast_unsigned() << field.shift;
        }
        words
    }

    fn guards(&self) -> Vec<u64> {
        let mut words = vec![0; self.widths.len()];
        for field in &self.fields {
            words[field.word] |= 1 << (field.shift + self.widths[field.word] - 1);
        }
        words
    }
}

fn neighbors<'a>(rows: impl ExactSizeIterator<Item = &'a [NodeId]>) -> Neighbors {
    let nobody = rows.len() as u32;
    let mut found =
        Neighbors { offsets: vec![0], entries: Vec::new(), group_offsets: vec![0], groups: Vec::new() };
    for row in rows {
        found.entries.extend(row.iter().map(|node| node.get()));
        found.offsets.push(found.entries.len() as u32);
        for members in row.chunks(4) {
            let mut group = [nobody; 4];
            group.iter_mut().zip(members).for_each(|(slot, node)| *slot = node.get());
            found.groups.push(group);
        }
        found.group_offsets.push(found.groups.len() as u32);
    }
    found
}

fn gcd(mut left: u64, mut right: u64) -> u64 {
    while right > 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::Graph;

    fn problem(demands: &[i64], capacities: &[i64]) -> Problem {
        let graph = Arc::new(Graph::from_arrays(3, &[2], &[0]).unwrap());
        Problem::new(graph, vec![6, 9, 0], demands.to_vec(), capacities.to_vec()).unwrap()
    }

    #[test]
    fn test_times_and_amounts_shrink_to_what_distinguishes_them() {
        let compact = Compact::new(&problem(&[2_000, 1, 1_000, 1, 0, 1], &[2_999, 3]));
        assert_eq!((compact.unit_ns, &*compact.durations), (3, [3, 0, 2].as_slice()));
        // The second resource can never be short; the first has two thousands, in two bits and a guard.
        assert_eq!((&*compact.capacity, &*compact.guards), ([2].as_slice(), [4].as_slice()));
        assert_eq!(compact.demands, [1, 0, 2]);
        assert_eq!(compact.starts_ns(&[0, 1, 2]), [6, 0, 3]);
    }

    #[test]
    fn test_wide_resources_get_words_of_their_own() {
        let wide = 1 << 59;
        let compact = Compact::new(&problem(&[wide, 3, wide - 1, 2, wide, 3], &[wide, 3]));
        assert_eq!(compact.n_words(), 2);
        let compact = Compact::new(&problem(&[wide, wide, wide - 1, wide - 1, wide, wide], &[wide, wide]));
        assert_eq!(compact.n_words(), 2);
    }

    #[test]
    fn test_the_guard_is_set_exactly_when_a_field_goes_below_zero() {
        let compact = Compact::new(&problem(&[3, 1, 2, 2, 1, 2], &[3, 2]));
        let [capacity, guards] = [compact.capacity[0], compact.guards[0]];
        let fits = |used: u64, demand: u64| (capacity - used).wrapping_sub(demand) & guards == 0;
        let [second, third, first] = [compact.demands[0], compact.demands[1], compact.demands[2]];
        assert!(fits(0, first) && fits(0, second) && fits(0, third));
        assert!(!fits(first, second) && !fits(second, third) && !fits(third, first));
    }

    #[test]
    fn test_neighbors_are_the_same_in_fours_and_as_bits() {
        let edges: Vec<(i64, i64)> =
            (1..9).flat_map(|after| (0..after.min(6)).map(move |b| (b, after))).collect();
        let (before, after): (Vec<i64>, Vec<i64>) = edges.into_iter().unzip();
        let graph = Arc::new(Graph::from_arrays(9, &before, &after).unwrap());
        let compact = Compact::new(&Problem::new(graph, vec![1; 9], vec![1; 9], vec![2]).unwrap());
        let large = Compact { is_before: Vec::new(), ..compact.clone() };
        for other in 0..9 {
            let direct = compact.predecessors.of(other);
            let grouped: Vec<u32> = compact.predecessors.groups_of(other).concat();
            assert_eq!(&grouped[..direct.len()], direct);
            assert!(grouped[direct.len()..].iter().all(|nobody| *nobody == 9));
            for position in 0..9 {
                let is_direct = direct.contains(&position);
                assert_eq!(compact.is_before(position, other as u32), is_direct);
                assert_eq!(large.is_before(position, other as u32), is_direct);
            }
        }
    }
}
