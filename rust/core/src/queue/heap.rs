//! An indexed heap of small fan-out.

/// The number of children of a heap entry: a flatter heap than a binary one, and siblings share a cache line.
const N_CHILDREN: usize = 4;

/// The place of a slot that is not in the heap.
const ABSENT: u32 = u32::MAX;

/// An indexed priority queue over dense slots: the largest priority first, first come first served among equals.
///
/// A slot is a small number that the caller gives to what it queues; where each slot is in the heap is remembered, so that
/// its priority can be changed and it can be removed. Memory grows with the largest slot ever used.
///
/// # Complexity
///
/// O(log n) to push, pop, update and remove, O(1) for the rest.
///
/// # Examples
///
/// ```
/// use makespan_core::queue::IndexedHeap;
///
/// let mut heap = IndexedHeap::new();
/// heap.push(0, 1);
/// heap.push(1, 5);
/// heap.push(2, 5);
/// assert_eq!(heap.pop(), Some((1, 5)));
/// heap.update(0, 9);
/// assert_eq!(heap.pop(), Some((0, 9)));
/// assert_eq!(heap.remove(2), Some(5));
/// assert!(heap.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct IndexedHeap<P> {
    /// Every entry goes before its children; those of entry i are at `N_CHILDREN * i + 1` and following.
    entries: Vec<Entry<P>>,
    /// Where each slot is in `entries`, or `ABSENT`.
    places: Vec<u32>,
    next_arrival: u64,
}

#[derive(Copy, Clone, Debug)]
struct Entry<P> {
    priority: P,
    arrival: u64,
    slot: u32,
}

impl<P: Ord> Entry<P> {
    fn goes_before(&self, other: &Self) -> bool {
        match self.priority.cmp(&other.priority) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self.arrival < other.arrival,
            std::cmp::Ordering::Less => false,
        }
    }
}

impl<P: Copy + Ord> IndexedHeap<P> {
    /// An empty heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new(), places: Vec::new(), next_arrival: 0 }
    }

    /// An empty heap that holds slots below `capacity` without growing.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), places: vec![ABSENT; capacity], next_arrival: 0 }
    }

    /// The number of queued slots.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether `slot` is queued.
    #[must_use]
    pub fn contains(&self, slot: u32) -> bool {
        self.place(slot).is_some()
    }

    /// The priority of `slot`, if it is queued.
    #[must_use]
    pub fn priority(&self, slot: u32) -> Option<P> {
        self.place(slot).map(|place| self.entries[place].priority)
    }

    /// Queues `slot` behind those of the same priority; returns false, and changes nothing, if it is queued already.
    ///
    /// # Panics
    ///
    /// When `slot` is `u32::MAX`.
    pub fn push(&mut self, slot: u32, priority: P) -> bool {
        assert!(slot < ABSENT, "slots are below {ABSENT}");
        if self.contains(slot) {
            return false;
        }
        if slot as usize >= self.places.len() {
            self.places.resize(slot as usize + 1, ABSENT);
        }
        let entry = Entry { priority, arrival: self.next_arrival, slot };
        self.next_arrival += 1;
        self.entries.push(entry);
        self.sift_up(self.entries.len() - 1, entry);
        true
    }

    /// The slot that would be popped next, with its priority.
    #[must_use]
    pub fn peek(&self) -> Option<(u32, P)> {
        self.entries.first().map(|first| (first.slot, first.priority))
    }

    /// Takes out the slot with the largest priority, the earliest among equals.
    pub fn pop(&mut self) -> Option<(u32, P)> {
        let first = *self.entries.first()?;
        self.remove_at(0);
        Some((first.slot, first.priority))
    }

    /// Changes the priority of `slot` and keeps its time of arrival; returns false if it is not queued.
    pub fn update(&mut self, slot: u32, priority: P) -> bool {
        let Some(place) = self.place(slot) else {
            return false;
        };
        let entry = Entry { priority, ..self.entries[place] };
        self.sift(place, entry);
        true
    }

    /// Takes out `slot`; returns its priority if it was queued.
    pub fn remove(&mut self, slot: u32) -> Option<P> {
        let place = self.place(slot)?;
        let priority = self.entries[place].priority;
        self.remove_at(place);
        Some(priority)
    }

    /// Takes out everything, and keeps the memory.
    pub fn clear(&mut self) {
        for entry in self.entries.drain(..) {
            self.places[entry.slot as usize] = ABSENT;
        }
    }

    fn place(&self, slot: u32) -> Option<usize> {
        match self.places.get(slot as usize) {
            Some(&place) if place != ABSENT => Some(place as usize),
            Some(_) | None => None,
        }
    }

    fn remove_at(&mut self, place: usize) {
        self.places[self.entries[place].slot as usize] = ABSENT;
        let last = self.entries.pop().expect("an entry is at this place");
        if place < self.entries.len() {
            self.sift(place, last);
        }
    }

    /// Puts `entry` in at the hole `place` or wherever above or below it belongs.
    fn sift(&mut self, place: usize, entry: Entry<P>) {
        if place > 0 && entry.goes_before(&self.entries[(place - 1) / N_CHILDREN]) {
            self.sift_up(place, entry);
        } else {
            self.sift_down(place, entry);
        }
    }

    fn sift_up(&mut self, mut place: usize, entry: Entry<P>) {
        while place > 0 {
            let parent = (place - 1) / N_CHILDREN;
            if !entry.goes_before(&self.entries[parent]) {
                break;
            }
            self.put(place, self.entries[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    fn sift_down(&mut self, mut place: usize, entry: Entry<P>) {
        loop {
            let children_begin = N_CHILDREN * place + 1;
            if children_begin >= self.entries.len() {
                break;
            }
            let children_end = self.entries.len().min(children_begin + N_CHILDREN);
            let mut first = children_begin;
            for child in children_begin + 1..children_end {
                if self.entries[child].goes_before(&self.entries[first]) {
                    first = child;
                }
            }
            if !self.entries[first].goes_before(&entry) {
                break;
            }
            self.put(place, self.entries[first]);
            place = first;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: usize, entry: Entry<P>) {
        self.entries[place] = entry;
        self.places[entry.slot as usize] = place as u32;
    }
}

impl<P: Copy + Ord> Default for IndexedHeap<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut heap: IndexedHeap<i32>) -> Vec<u32> {
        std::iter::from_fn(|| heap.pop()).map(|(slot, _)| slot).collect()
    }

    #[test]
    fn test_equals_come_in_order_of_arrival() {
        let mut heap = IndexedHeap::with_capacity(4);
        for slot in [3, 1, 7, 0] {
            assert!(heap.push(slot, 2));
        }
        assert_eq!(drained(heap), [3, 1, 7, 0]);
    }

    #[test]
    fn test_pushing_again_changes_nothing() {
        let mut heap = IndexedHeap::new();
        assert!(heap.push(1, 1));
        assert!(!heap.push(1, 5));
        assert_eq!(heap.priority(1), Some(1));
        assert_eq!(heap.len(), 1);
    }

    #[test]
    fn test_update_keeps_the_arrival() {
        let mut heap = IndexedHeap::new();
        for slot in 0..3 {
            heap.push(slot, 0);
        }
        heap.update(0, 5);
        heap.update(0, 0);
        assert!(!heap.update(9, 1));
        assert_eq!(drained(heap), [0, 1, 2]);
    }

    #[test]
    fn test_clear_forgets_slots() {
        let mut heap = IndexedHeap::new();
        heap.push(4, 1);
        heap.clear();
        assert!(!heap.contains(4));
        assert_eq!((heap.peek(), heap.pop(), heap.remove(4)), (None, None, None));
        assert!(heap.push(4, 2));
    }
}
