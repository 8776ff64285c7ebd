//! What a run leaves behind about its nodes: when each ran, on which worker, how it ended. No Python.

use std::collections::BTreeMap;

use crate::thread_cpu::CpuShare;

/// How a node ended; the numbers are the `outcome_code` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    Finished = 0,
    Failed = 1,
    /// Never ran: something upstream failed.
    Skipped = 2,
    /// Never ran: the run was stopped.
    Cancelled = 3,
    /// Never ran: nobody needs its result.
    Pruned = 4,
    /// Never ran: an equal call did.
    Merged = 5,
    /// Never ran: the cache had its result.
    Cached = 6,
    /// Never ran by itself: a later call was made for both.
    Combined = 7,
}

/// How many outcomes there are.
pub(crate) const N_OUTCOMES: usize = 8;

/// One node run in shared mode, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) position: u32,
    pub(crate) worker: u16,
    pub(crate) cpu: CpuShare,
    pub(crate) start: u64,
    pub(crate) finish: u64,
}

/// Nodes at neighboring positions that a soloist ran: each starts where the one before ended.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Position of the first one, and when it started.
    pub(crate) first: u32,
    pub(crate) started: u64,
    /// Finish of each, in ticks.
    pub(crate) finishes: Vec<u64>,
}

/// Nodes that were called together with calls of other runs, or of another worker.
#[derive(Debug)]
pub(crate) struct Joint {
    /// Positions: of what each worker brought, the first.
    pub(crate) firsts: Vec<u32>,
    /// How many calls were made in one, those of others included.
    pub(crate) n_calls: u32,
}

/// Nodes that were called in one call.
#[derive(Debug)]
pub(crate) struct Together {
    pub(crate) spans: Vec<Span>,
    /// How many calls were made in one: more than there are spans, where some are of other runs.
    pub(crate) n_calls: u32,
}

/// How the nodes ended.
#[derive(Debug)]
pub(crate) enum Outcomes {
    AllFinished,
    /// Positions before were finished, this one failed, later ones never ran.
    FailedAt(u32),
    /// By position.
    Mixed(Box<[Outcome]>),
}

/// The raw record of a run, written as it goes; read at leisure.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) solo: Vec<Stretch>,
    pub(crate) spans: Vec<Span>,
    /// Calls of batch forms: where the spans of the nodes of each begin, and how many they are.
    pub(crate) batches: Vec<(u32, u32)>,
    pub(crate) outcomes: Outcomes,
    /// Positions, ascending, whose result the cache had.
    pub(crate) cached: Vec<u32>,
    /// What was called together with calls of other runs.
    pub(crate) joint: Vec<Joint>,
}

impl Columns {
    /// Calls `take` with position, worker, start and finish of every node that ran.
    pub(crate) fn each_span(&self, mut take: impl FnMut(Span)) {
        for stretch in &self.solo {
            let mut start = stretch.started;
            for (position, finish) in (stretch.first..).zip(&stretch.finishes) {
                take(Span { position, worker: 0, cpu: CpuShare::UNKNOWN, start, finish: *finish });
                start = *finish;
            }
        }
        self.spans.iter().copied().for_each(take);
    }

    /// The sum over the nodes that ran of how long they took, in ticks.
    pub(crate) fn work(&self) -> u64 {
        // A soloist's nodes follow each other without a gap.
        let of_stretch = |stretch: &Stretch| {
            let finish = stretch.finishes.last().copied().unwrap_or(stretch.started);
            finish.saturating_sub(stretch.started)
        };
        let solo: u64 = self.solo.iter().map(of_stretch).sum();
        let shared: u64 = self.spans.iter().map(|span| span.finish.saturating_sub(span.start)).sum();
        solo + shared
    }

    /// Whether the cache had the result of the node at a position.
    pub(crate) fn is_cached(&self, position: u32) -> bool {
        !self.cached.is_empty() && self.cached.binary_search(&position).is_ok()
    }

    /// The nodes that were called together, call by call; last those that were called with nodes of other runs.
    pub(crate) fn called_together(&self) -> Vec<Together> {
        let of_call = |(begin, n): &(u32, u32)| {
            let spans = &self.spans[*begin as usize..(*begin + *n) as usize];
            spans.iter().copied().filter(|span| !self.is_cached(span.position)).collect::<Vec<_>>()
        };
        let mut calls: Vec<Together> = self
            .batches
            .iter()
            .map(of_call)
            .filter(|spans| !spans.is_empty())
            .map(|spans| Together { n_calls: spans.len() as u32, spans })
            .collect();
        if self.joint.is_empty() {
            return calls;
        }
        let mut brought: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
        self.each_span(|span| {
            brought.insert(span.position, vec![span]);
        });
        let is_first = |position: &u32| self.joint.iter().any(|joint| joint.firsts.contains(position));
        for call in calls.extract_if(.., |call| is_first(&call.spans[0].position)) {
            brought.insert(call.spans[0].position, call.spans);
        }
        for joint in &self.joint {
            let spans = joint.firsts.iter().filter_map(|first| brought.remove(first)).flatten().collect();
            calls.push(Together { spans, n_calls: joint.n_calls });
        }
        calls
    }

    /// How many calls of functions were made: the nodes of a batch are one.
    pub(crate) fn n_calls(&self) -> usize {
        let mut n_calls = 0;
        if self.cached.is_empty() {
            n_calls =
                self.solo.iter().map(|stretch| stretch.finishes.len()).sum::<usize>() + self.spans.len();
        } else {
            self.each_span(|span| n_calls += usize::from(!self.is_cached(span.position)));
        }
        if self.batches.is_empty() && self.joint.is_empty() {
            return n_calls;
        }
        self.called_together().iter().fold(n_calls, |n_calls, call| n_calls - (call.spans.len() - 1))
    }

    /// Returns how the node at a position ended.
    pub(crate) fn outcome(&self, position: u32) -> Outcome {
        if self.is_cached(position) {
            return Outcome::Cached;
        }
        match &self.outcomes {
            Outcomes::AllFinished => Outcome::Finished,
            Outcomes::FailedAt(failed) => match position.cmp(failed) {
                std::cmp::Ordering::Less => Outcome::Finished,
                std::cmp::Ordering::Equal => Outcome::Failed,
                std::cmp::Ordering::Greater => Outcome::Cancelled,
            },
            Outcomes::Mixed(outcomes) => outcomes[position as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solo_spans_begin_where_the_last_ended() {
        let columns = Columns {
            started: 10,
            ended: 30,
            solo: vec![
                Stretch { first: 0, started: 10, finishes: vec![12, 20] },
                Stretch { first: 3, started: 22, finishes: vec![25] },
            ],
            spans: vec![Span { position: 2, worker: 1, cpu: CpuShare::UNKNOWN, start: 21, finish: 29 }],
            batches: Vec::new(),
            outcomes: Outcomes::FailedAt(2),
            cached: vec![1],
            joint: Vec::new(),
        };
        let mut seen = Vec::new();
        columns.each_span(|span| seen.push((span.position, span.worker, span.start, span.finish)));
        assert_eq!(seen, [(0, 0, 10, 12), (1, 0, 12, 20), (3, 0, 22, 25), (2, 1, 21, 29)]);
        let outcomes: Vec<Outcome> = (0..4).map(|position| columns.outcome(position)).collect();
        assert_eq!(outcomes, [Outcome::Finished, Outcome::Cached, Outcome::Failed, Outcome::Cancelled]);
        assert_eq!(columns.n_calls(), 3);
        assert_eq!(columns.work(), 2 + 8 + 3 + 8);
        assert_eq!(Columns { cached: Vec::new(), ..columns }.n_calls(), 4);
    }
}
