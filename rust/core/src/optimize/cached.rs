//! What the entries of a cache make unnecessary.

/// What is left of a graph when some results are at hand already; by node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its result is needed: it is a root, or a needed node takes it that is not answered.
    pub is_needed: Vec<bool>,
    /// It is needed, and its result is at hand.
    pub is_answered: Vec<bool>,
}

/// Cuts off what only answered nodes need.
///
/// A needed node whose result is at hand takes nothing; what only it took is not needed any more, and nobody asks for the
/// results of that. So roots must be all nodes that may not be left out, as for [`needed`](super::needed), and whoever
/// answers must do so with what the node would return.
///
/// *Law.* A node that is not needed has no path of taken results to a root that does not go through an answered node.
/// Applied again to what is left, with the same answers, nothing more is left out.
///
/// # Arguments
///
/// * `n_nodes`: nodes are numbered such that results are taken by later nodes only.
/// * `is_root`: asked once for each node that no needed node takes.
/// * `taken`: the nodes whose results a node takes, perhaps repeatedly.
/// * `answer`: whether the result of a node is at hand; asked once for each needed node, the last one first.
///
/// # Complexity
///
/// O(n + m) for m taken results.
///
/// # Examples
///
/// ```
/// use makespan_core::optimize::cut_off;
///
/// // A chain whose middle is at hand.
/// let taken: [&[u32]; 3] = [&[], &[0], &[1]];
/// let left = cut_off(3, |node| node == 2, |node| taken[node].iter().copied(), |node| node == 1);
/// assert_eq!(left.is_needed, [false, true, true]);
/// assert_eq!(left.is_answered, [false, true, false]);
/// ```
#[must_use]
pub fn cut_off<Taken: Iterator<Item = u32>>(
    n_nodes: usize,
    is_root: impl Fn(usize) -> bool,
    taken: impl Fn(usize) -> Taken,
    mut answer: impl FnMut(usize) -> bool,
) -> Answered {
    let mut is_needed = vec![false; n_nodes];
    let mut is_answered = vec![false; n_nodes];
    for node in (0..n_nodes).rev() {
        if !(is_needed[node] || is_root(node)) {
            continue;
        }
        is_needed[node] = true;
        if answer(node) {
            is_answered[node] = true;
            continue;
        }
        for before in taken(node) {
            debug_assert!((before as usize) < node, "results are taken by later nodes");
            is_needed[before as usize] = true;
        }
    }
    Answered { is_needed, is_answered }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(taken: &[&[u32]], roots: &[usize], at_hand: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let found = cut_off(
            taken.len(),
            |node| roots.contains(&node),
            |node| taken[node].iter().copied(),
            |node| at_hand.contains(&node),
        );
        let nodes = |is: &[bool]| (0..is.len()).filter(|node| is[*node]).collect();
        (nodes(&found.is_needed), nodes(&found.is_answered))
    }

    #[test]
    fn test_what_somebody_else_takes_stays() {
        // 0 is taken by 1 and 2.
        assert_eq!(left(&[&[], &[0], &[0]], &[1, 2], &[1]), (vec![0, 1, 2], vec![1]));
        assert_eq!(left(&[&[], &[0], &[0]], &[1, 2], &[1, 2]), (vec![1, 2], vec![1, 2]));
    }

    #[test]
    fn test_nobody_is_asked_for_what_is_not_needed() {
        assert_eq!(left(&[&[], &[0], &[1]], &[2], &[0, 1]), (vec![1, 2], vec![1]));
    }

    #[test]
    fn test_roots_stay_and_nothing_at_hand_is_nothing_to_do() {
        assert_eq!(left(&[&[], &[0]], &[0, 1], &[1]), (vec![0, 1], vec![1]));
        assert_eq!(left(&[&[], &[0]], &[1], &[]), (vec![0, 1], vec![]));
        assert_eq!(left(&[], &[], &[]), (vec![], vec![]));
    }
}
