//! Equal calls, found by giving every call a signature.

/// A part of a call's signature.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Word {
    /// The result of an earlier node.
    Result(u32),
    /// Anything else, numbered by the caller: the same number for what is the same, below 2^31.
    Value(u32),
}

const RESULT: u32 = 1 << 31;

/// The place of a node that no slot of the table holds.
const EMPTY: u32 = u32::MAX;

/// Returns, by node, the first node whose call is equal to its own; itself where there is none.
///
/// Two calls are equal when their signatures are, results of equal calls counting as the same: so a whole chain of repeated
/// calls is found in one pass (hash consing, Ershov 1958). Which calls may be equal to others at all is the caller's
/// decision: those of pure steps whose every argument can be compared.
///
/// *Law.* Whoever takes the result of a node may take that of its representative instead: by induction over program order both
/// are the same function of the same values. The representative of a representative is itself, so that a second pass over
/// what is left finds nothing.
///
/// # Arguments
///
/// * `n_nodes`: nodes are numbered such that results are taken by later nodes only.
/// * `sign`: appends the signature of a node's call, and tells whether it may be equal to another; what it appends
///   otherwise does not count.
///
/// # Complexity
///
/// O(n + w) expected, for w words of signatures; 4 bytes for a word of a call that is the first of its kind.
///
/// # Examples
///
/// ```
/// use makespan_core::optimize::{Word, first_equals};
///
/// // Step 7 of value 1, step 7 of value 1, step 8 of either.
/// let calls = [
///     [Word::Value(7), Word::Value(1)],
///     [Word::Value(7), Word::Value(1)],
///     [Word::Value(8), Word::Result(0)],
///     [Word::Value(8), Word::Result(1)],
/// ];
/// let first = first_equals(4, |node, signature| {
///     signature.extend(calls[node]);
///     true
/// });
/// assert_eq!(first, [0, 0, 2, 2]);
/// ```
#[must_use]
pub fn first_equals(n_nodes: usize, sign: impl Fn(usize, &mut Vec<Word>) -> bool) -> Vec<u32> {
    let mut first: Vec<u32> = (0..n_nodes as u32).collect();
    let mut seen = Signatures::new(n_nodes);
    let mut signature = Vec::new();
    for node in 0..n_nodes {
        signature.clear();
        if sign(node, &mut signature) {
            let words = signature.iter().map(|word| match *word {
                Word::Result(before) => {
                    debug_assert!((before as usize) < node, "results are taken by later nodes");
                    first[before as usize] | RESULT
                }
                Word::Value(value) => value & !RESULT,
            });
            first[node] = seen.first_with(node as u32, words);
        }
    }
    first
}

/// The signatures seen, each once, with the node that had it first.
struct Signatures {
    /// Indices into `firsts`, by hash, with linear probing.
    slots: Vec<u32>,
    /// Node, and where its words end; they begin where those before end.
    firsts: Vec<(u32, u32)>,
    words: Vec<u32>,
}

impl Signatures {
    fn new(n_nodes: usize) -> Self {
        // At most half full.
        let n_slots = (2 * n_nodes).next_power_of_two().max(2);
        Self { slots: vec![EMPTY; n_slots], firsts: Vec::new(), words: Vec::new() }
    }

    /// Returns the node that had these words first, which is `node` if they are new.
    fn first_with(&mut self, node: u32, words: impl Iterator<Item = u32>) -> u32 {
        let begin = self.words.len();
        let mut hash = 0_u64;
        for word in words {
            self.words.push(word);
            hash = (hash.rotate_left(5) ^ u64::from(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> 32) as usize & mask;
        loop {
            let idx = self.slots[slot];
            if idx == EMPTY {
                self.slots[slot] = self.firsts.len() as u32;
                self.firsts.push((node, self.words.len() as u32));
                return node;
            }
            let (first, end) = self.firsts[idx as usize];
            let known = match idx {
                0 => 0..end as usize,
                idx => self.firsts[idx as usize - 1].1 as usize..end as usize,
            };
            if self.words[known] == self.words[begin..] {
                self.words.truncate(begin);
                return first;
            }
            slot = (slot + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(calls: &[Option<&[Word]>], expected: &[u32]) {
        let first = first_equals(calls.len(), |node, signature| {
            signature.extend(calls[node].unwrap_or_default());
            calls[node].is_some()
        });
        assert_eq!(first, expected);
    }

    #[test]
    fn test_a_result_is_not_a_value_of_the_same_number() {
        check(&[Some(&[]), Some(&[Word::Result(0)]), Some(&[Word::Value(0)])], &[0, 1, 2]);
    }

    #[test]
    fn test_a_signature_is_not_its_own_prefix() {
        let long: &[Word] = &[Word::Value(1), Word::Value(2)];
        check(&[Some(long), Some(&long[..1]), Some(long), Some(&long[..1])], &[0, 1, 0, 1]);
    }

    #[test]
    fn test_what_may_not_be_merged_keeps_what_depends_on_it_apart() {
        let after = |node| [Word::Value(3), Word::Result(node)];
        check(&[None, None, Some(&after(0)), Some(&after(1)), Some(&after(0))], &[0, 1, 2, 3, 2]);
    }

    #[test]
    fn test_many_signatures_share_few_slots() {
        let words: Vec<[Word; 1]> = (0..1_000).map(|value| [Word::Value(value / 2)]).collect();
        let first = first_equals(1_000, |node, signature| {
            signature.extend(words[node]);
            true
        });
        assert!(first.iter().enumerate().all(|(node, first)| *first == node as u32 / 2 * 2));
    }
}
