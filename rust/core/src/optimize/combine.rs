//! Calls that one call of another step stands for, where steps declare it.

/// A call that is no longer made: what takes its result makes a call for both.
pub const NOT_COMBINED: u32 = u32::MAX;

/// Which calls are made for two or more.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Combined {
    /// By call, the step that is called now.
    pub step_of_call: Vec<u32>,
    /// By call, the later one that is made for it as well; [`NOT_COMBINED`] where it is made or left by itself.
    pub made_by: Vec<u32>,
}

/// A call, and the step that is called as far as it is known by now.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Called {
    /// The call.
    pub call: usize,
    /// Its own step, or one that does what earlier calls did as well.
    pub step: u32,
}

/// Combines pairs of calls, a result and the one call that takes it, into one call of a step that does both.
///
/// `merged(producer, consumer)` is the step that was declared to do what the two calls do one after the other, if one was.
/// Calls are gone through in order, so that chains combine from their begin: what a combined call
/// makes may be combined with what comes after. Returns none where nothing is combined.
///
/// *Law.* Whoever takes the result of a combined call takes what its two calls would have given, by the declaration; the
/// result between them is seen by nobody else, as one argument of one call is all its use. So every result that is
/// left is as before. Applied again to what is left, the declarations of the new steps aside, nothing more combines.
///
/// # Arguments
///
/// * `step_of_call`: by call, in an order in which results are taken by later calls only.
/// * `producer`: of a call, the earlier one whose result is its first argument, if both may be combined at all and
///   this argument is the only use of the result.
/// * `merged`: the step that does what two calls do, producer and consumer; where there is one, the call of the consumer
///   is a call of it from then on.
///
/// # Complexity
///
/// O(n) questions.
///
/// # Examples
///
/// ```
/// use makespan_core::optimize::{Called, combined};
///
/// // Step 2 of the result of step 1 is step 3.
/// let merged = |producer: Called, consumer: Called| ((producer.step, consumer.step) == (1, 2)).then_some(3);
/// let found = combined(vec![1, 2, 1], |call| (call == 1).then_some(0), merged).unwrap();
/// assert_eq!(found.step_of_call, [1, 3, 1]);
/// assert_eq!(found.made_by[0], 1);
/// ```
#[must_use]
pub fn combined(
    mut step_of_call: Vec<u32>,
    producer: impl Fn(usize) -> Option<u32>,
    mut merged: impl FnMut(Called, Called) -> Option<u32>,
) -> Option<Combined> {
    let mut made_by: Vec<u32> = Vec::new();
    for call in 0..step_of_call.len() {
        let Some(producer) = producer(call) else { continue };
        debug_assert!((producer as usize) < call, "results are taken by later calls");
        let called = |call: usize| Called { call, step: step_of_call[call] };
        if let Some(step) = merged(called(producer as usize), called(call)) {
            step_of_call[call] = step;
            made_by.resize(step_of_call.len(), NOT_COMBINED);
            made_by[producer as usize] = call as u32;
        }
    }
    (!made_by.is_empty()).then_some(Combined { step_of_call, made_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_chains_combine_from_their_begin() {
        // 1 of 0 is 3, and 2 of 3 is 4: all three calls become one.
        let merged = |producer: Called, consumer: Called| match (producer.step, consumer.step) {
            (0, 1) => Some(3),
            (3, 2) => Some(4),
            _ => None,
        };
        let chain = |call: usize| call.checked_sub(1).map(|before| before as u32);
        let found = combined(vec![0, 1, 2], chain, merged).unwrap();
        assert_eq!(found.step_of_call, [0, 3, 4]);
        assert_eq!(found.made_by, [1, 2, NOT_COMBINED]);
    }

    #[test]
    fn test_nothing_combines_without_a_declaration_or_a_producer() {
        assert_eq!(combined(vec![0, 1], |_| Some(0).filter(|_| false), |_, _| Some(2)), None);
        assert_eq!(combined(vec![0, 1], |call| (call == 1).then_some(0), |_, _| None), None);
        assert_eq!(combined(vec![], |_| None, |_, _| Some(2)), None);
    }
}
