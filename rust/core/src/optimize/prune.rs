//! The nodes that somebody needs.

/// Returns, by node, whether its result is needed: it is a root, or a needed node takes it.
///
/// What is not needed may be left out if running it can be seen by nobody. So the roots are all nodes that may not be
/// left out: those whose step does not promise to be pure, the outputs, what is kept, and what declared order names.
///
/// *Law.* A node that is not needed has no path of taken results to a root: no root's arguments change when it is left out.
/// Applied again to what is left, nothing more is left out.
///
/// # Arguments
///
/// * `n_nodes`: nodes are numbered such that results are taken by later nodes only.
/// * `is_root`: asked once for each node that no needed node takes.
/// * `taken`: the nodes whose results a node takes, perhaps repeatedly.
///
/// # Complexity
///
/// O(n + m) for m taken results, of which those of nodes that are left out are not looked at.
///
/// # Examples
///
/// ```
/// use makespan_core::optimize::needed;
///
/// // 0 is taken by 1 and 2; only 2 is an output.
/// let taken: [&[u32]; 3] = [&[], &[0], &[0]];
/// let is_needed = needed(3, |node| node == 2, |node| taken[node].iter().copied());
/// assert_eq!(is_needed, [true, false, true]);
/// ```
#[must_use]
pub fn needed<Taken: Iterator<Item = u32>>(
    n_nodes: usize,
    is_root: impl Fn(usize) -> bool,
    taken: impl Fn(usize) -> Taken,
) -> Vec<bool> {
    let mut is_needed = vec![false; n_nodes];
    for node in (0..n_nodes).rev() {
        if !is_needed[node] {
            is_needed[node] = is_root(node);
        }
        if is_needed[node] {
            for before in taken(node) {
                debug_assert!((before as usize) < node, "results are taken by later nodes");
                is_needed[before as usize] = true;
            }
        }
    }
    is_needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(taken: &[&[u32]], roots: &[usize], expected: &[bool]) {
        let found = needed(taken.len(), |node| roots.contains(&node), |node| taken[node].iter().copied());
        assert_eq!(found, expected);
    }

    #[test]
    fn test_a_chain_that_nobody_needs_goes_as_a_whole() {
        check(&[&[], &[0], &[1]], &[], &[false, false, false]);
        check(&[&[], &[0], &[1]], &[1], &[true, true, false]);
    }

    #[test]
    fn test_what_one_root_needs_stays_for_the_other() {
        check(&[&[], &[], &[0, 1, 0], &[1]], &[3], &[false, true, false, true]);
    }

    #[test]
    fn test_nothing_to_do() {
        check(&[], &[], &[]);
        check(&[&[], &[0]], &[0, 1], &[true, true]);
    }
}
