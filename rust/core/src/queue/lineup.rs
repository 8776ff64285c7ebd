//! The order of what waits: a heap for what comes one by one, sorted runs for what comes in batches.
//!
//! Nothing is ever moved or taken out of the middle. What was removed or has got another place stays behind as a stale
//! entry until it comes to the front, or until stale entries are the majority; the caller says which are live. So a step
//! of the heap writes one entry and nothing else, and a batch is read and written front to back.

/// A place in the order. Smaller goes first.
pub(crate) trait Entry: Copy + Ord {
    /// Goes after every other.
    const LAST: Self;

    /// Makes an entry of what it is ordered by: a rank, a second one among equals, then the ticket.
    fn new(rank: Rank, ticket: u32, slot: u32) -> Self;

    /// Whether it was made of these.
    fn is_of(self, rank: Rank, ticket: u32) -> bool;

    fn slot(self) -> u32;
}

/// What entries are ordered by, the smaller first.
pub(crate) type Rank = (u64, u64);

/// An entry of a queue without second ranks: rank, ticket and slot in one number, compared at once.
pub(crate) type Narrow = u128;

impl Entry for Narrow {
    const LAST: Self = u128::MAX;

    fn new(rank: Rank, ticket: u32, slot: u32) -> Self {
        u128::from(rank.0) << 64 | u128::from(ticket) << 32 | u128::from(slot)
    }

    fn is_of(self, rank: Rank, ticket: u32) -> bool {
        self >> 32 == u128::from(rank.0) << 32 | u128::from(ticket)
    }

    fn slot(self) -> u32 {
        self as u32
    }
}

/// An entry of a queue with both ranks.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
pub(crate) struct Wide {
    ranks: u128,
    ticket_and_slot: u64,
}

impl Entry for Wide {
    const LAST: Self = Self { ranks: u128::MAX, ticket_and_slot: u64::MAX };

    fn new(rank: Rank, ticket: u32, slot: u32) -> Self {
        Self {
            ranks: u128::from(rank.0) << 64 | u128::from(rank.1),
            ticket_and_slot: u64::from(ticket) << 32 | u64::from(slot),
        }
    }

    fn is_of(self, rank: Rank, ticket: u32) -> bool {
        self.ranks == u128::from(rank.0) << 64 | u128::from(rank.1)
            && self.ticket_and_slot >> 32 == u64::from(ticket)
    }

    fn slot(self) -> u32 {
        self.ticket_and_slot as u32
    }
}

/// A batch below this size goes into the heap: another run costs a comparison at every later pop.
const RUN_LEN_MIN: usize = 32;

/// How many entries are touched together: enough to keep memory busy, few enough to stay in the nearest cache.
const N_TOUCHED_MAX: usize = 128;
const N_TOUCHED_MIN: usize = 8;

/// Entries in order.
///
/// The lengths of the runs at least halve from each to the next, so there are few: a run that would be longer than that is
/// merged with those before it. Each entry is merged O(log n) times at most, and not at all where batches are alike in
/// order or rare.
#[derive(Clone, Debug)]
pub(crate) struct Lineup<E> {
    heap: Heap<E>,
    /// Each from the last to the first, so that the first is popped off its end; none is empty.
    runs: Vec<Vec<E>>,
    len: usize,
}

#[derive(Copy, Clone)]
enum Source {
    Heap,
    Run(usize),
}

impl<E: Entry> Lineup<E> {
    pub(crate) const fn new() -> Self {
        Self { heap: Heap::new(), runs: Vec::new(), len: 0 }
    }

    /// How many entries there are, stale ones included.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, entry: E) {
        self.len += 1;
        self.heap.push(entry);
    }

    pub(crate) fn extend(&mut self, mut batch: Vec<E>) {
        self.len += batch.len();
        if batch.len() < RUN_LEN_MIN {
            for entry in batch {
                self.heap.push(entry);
            }
            return;
        }
        batch.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(run) = self.runs.pop_if(|last| last.len() / 2 < batch.len()) {
            batch = merged(&run, &batch);
        }
        self.runs.push(batch);
    }

    /// The first live entry; the stale ones before it are forgotten.
    pub(crate) fn first(&mut self, is_live: impl Fn(E) -> bool) -> Option<E> {
        loop {
            let (source, first, _) = self.front()?;
            if is_live(first) {
                return Some(first);
            }
            self.pop_from(source);
        }
    }

    /// Takes out the first `n` live entries, or all; `take` says of each entry whether it was one.
    ///
    /// `touch` is shown entries before they are taken, so that it can have what belongs to them brought from memory at
    /// once: one after the other, each would wait for the one before.
    pub(crate) fn pop_many<C>(
        &mut self,
        n: usize,
        context: &mut C,
        touch: impl Fn(&C, &[E]),
        mut take: impl FnMut(&mut C, E) -> bool,
    ) {
        let mut n_taken = 0;
        while n_taken < n
            && let Some((source, _, limit)) = self.front()
        {
            match source {
                Source::Heap => {
                    let first = self.pop_from(source);
                    n_taken += usize::from(take(context, first));
                }
                Source::Run(run_idx) => {
                    let run = &mut self.runs[run_idx];
                    let begin = run.len() - run.len().min(n - n_taken).min(N_TOUCHED_MAX);
                    if run.len() - begin >= N_TOUCHED_MIN {
                        touch(context, &run[begin..]);
                    }
                    // Everything up to `limit` comes from this run.
                    while run.len() > begin
                        && let Some(first) = run.pop_if(|first| *first <= limit)
                    {
                        self.len -= 1;
                        n_taken += usize::from(take(context, first));
                    }
                    if run.is_empty() {
                        self.runs.remove(run_idx);
                    }
                }
            }
        }
    }

    /// Forgets entries that are not live, and all but one of those that are the same.
    pub(crate) fn retain(&mut self, is_live: impl Fn(E) -> bool) {
        let mut left: Vec<E> = self.runs.drain(..).flatten().filter(|&entry| is_live(entry)).collect();
        while let Some(entry) = self.heap.take_last() {
            if is_live(entry) {
                left.push(entry);
            }
        }
        left.sort_unstable_by(|a, b| b.cmp(a));
        left.dedup();
        self.len = left.len();
        if !left.is_empty() {
            self.runs.push(left);
        }
    }

    /// Where the first entry is, that entry, and what goes first of all the others outside of the same run.
    fn front(&self) -> Option<(Source, E, E)> {
        let mut source = Source::Heap;
        let mut first = self.heap.first();
        let mut limit = E::LAST;
        for (run_idx, run) in self.runs.iter().enumerate() {
            let head = *run.last().expect("no run is empty");
            if head < first {
                limit = first;
                first = head;
                source = Source::Run(run_idx);
            } else {
                limit = limit.min(head);
            }
        }
        (first != E::LAST).then_some((source, first, limit))
    }

    fn pop_from(&mut self, source: Source) -> E {
        self.len -= 1;
        match source {
            Source::Heap => self.heap.pop(),
            Source::Run(run_idx) => {
                let run = &mut self.runs[run_idx];
                let first = run.pop().expect("no run is empty");
                if run.is_empty() {
                    self.runs.remove(run_idx);
                }
                first
            }
        }
    }
}

/// One descending run of two.
fn merged<E: Entry>(left: &[E], right: &[E]) -> Vec<E> {
    let mut both = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left, right);
    while let (Some(a), Some(b)) = (left.first(), right.first()) {
        if a > b {
            both.push(*a);
            left = &left[1..];
        } else {
            both.push(*b);
            right = &right[1..];
        }
    }
    both.extend_from_slice(left);
    both.extend_from_slice(right);
    both
}

/// A heap of fan-out four whose siblings share a cache line: entry i of line l has line 4 l + i + 1 below it.
#[derive(Clone, Debug)]
struct Heap<E> {
    lines: Vec<Line<E>>,
    len: usize,
}

/// Lanes without an entry hold `Entry::LAST`, so that the first of a line is found without looking how many it has.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Line<E>([E; 4]);

impl<E: Entry> Line<E> {
    fn first(&self) -> (usize, E) {
        let Self([a, b, c, d]) = *self;
        let left = if b < a { (1, b) } else { (0, a) };
        let right = if d < c { (3, d) } else { (2, c) };
        if right.1 < left.1 { right } else { left }
    }
}

impl<E: Entry> Heap<E> {
    const fn new() -> Self {
        Self { lines: Vec::new(), len: 0 }
    }

    /// `Entry::LAST` if it is empty.
    fn first(&self) -> E {
        self.lines.first().map_or(E::LAST, |line| line.first().1)
    }

    fn get(&self, place: usize) -> E {
        self.lines[place / 4].0[place % 4]
    }

    fn set(&mut self, place: usize, entry: E) {
        self.lines[place / 4].0[place % 4] = entry;
    }

    fn push(&mut self, entry: E) {
        let mut place = self.len;
        if place.is_multiple_of(4) {
            self.lines.push(Line([E::LAST; 4]));
        }
        self.len += 1;
        while place >= 4 {
            let above = place / 4 - 1;
            let entry_above = self.get(above);
            if entry_above < entry {
                break;
            }
            self.set(place, entry_above);
            place = above;
        }
        self.set(place, entry);
    }

    /// Takes out the first entry; there is one.
    fn pop(&mut self) -> E {
        let (mut hole, first) = self.lines[0].first();
        let last = self.take_last().expect("an entry is there");
        if hole >= self.len {
            return first;
        }
        while let Some(line) = self.lines.get(hole + 1) {
            let (lane, below) = line.first();
            if last < below {
                break;
            }
            self.set(hole, below);
            hole = 4 * (hole + 1) + lane;
        }
        self.set(hole, last);
        first
    }

    /// Takes out the entry in the last place, which need not be the last in order.
    fn take_last(&mut self) -> Option<E> {
        let place = self.len.checked_sub(1)?;
        let last = self.get(place);
        self.len = place;
        if place.is_multiple_of(4) {
            self.lines.pop();
        } else {
            self.set(place, E::LAST);
        }
        Some(last)
    }
}
