//! The queue against a list that is sorted whenever it is asked.

#![expect(
    clippy::cast_possible_wrap,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "one model, in one piece"
)]

#[allow(dead_code, reason = "the graphs are for the other tests")]
mod common;

use std::time::Duration;

use makespan_core::Priority;
use makespan_core::queue::{EntryState, NewEntry, OrderBy, Queue, QueueFull, QueueOptions, Taken, WhenFull};
use proptest::collection::vec;
use proptest::prelude::*;

use common::config;

const NO_DEADLINE: i64 = i64::MAX;

#[derive(Clone, Debug)]
enum Step {
    Push { priority: i8, deadline_ns: Option<i8>, delay_ns: u8 },
    PushMany(Vec<(i8, Option<i8>)>),
    Pop,
    PopMany(usize),
    Done(usize),
    Fail(usize),
    Revive(usize),
    Update(usize, i8),
    Remove(usize),
    Clear,
    Wait(u8),
}

fn steps(with_deadlines: bool) -> impl Strategy<Value = Vec<Step>> {
    let priority = -3_i8..4;
    let deadline_ns =
        if with_deadlines { proptest::option::of(-20_i8..20).boxed() } else { Just(None).boxed() };
    let which = 0_usize..64;
    let delay_ns = prop_oneof![3 => Just(0_u8), 1 => 1_u8..20];
    let step = prop_oneof![
        6 => (priority.clone(), deadline_ns.clone(), delay_ns)
            .prop_map(|(priority, deadline_ns, delay_ns)| Step::Push { priority, deadline_ns, delay_ns }),
        2 => vec((priority.clone(), deadline_ns), 0..80).prop_map(Step::PushMany),
        4 => Just(Step::Pop),
        2 => (0_usize..60).prop_map(Step::PopMany),
        2 => which.clone().prop_map(Step::Done),
        2 => which.clone().prop_map(Step::Fail),
        1 => which.clone().prop_map(Step::Revive),
        3 => (which.clone(), priority).prop_map(|(which, priority)| Step::Update(which, priority)),
        2 => which.prop_map(Step::Remove),
        1 => Just(Step::Wait(1)),
        1 => (0_u8..30).prop_map(Step::Wait),
    ];
    // Seldom, or nothing else would be seen.
    let step = prop_oneof![60 => step, 1 => Just(Step::Clear)];
    vec(step, 0..120)
}

/// An entry of the model; `order` is its place among all that came to wait or to be delayed.
#[derive(Clone, Debug)]
struct Known {
    slot: u32,
    label: i64,
    priority: f64,
    deadline_ns: i64,
    arrived_ns: u64,
    order: usize,
    n_attempts: u16,
    state: EntryState,
}

struct Model {
    options: QueueOptions,
    entries: Vec<Known>,
    now_ns: u64,
    next_order: usize,
    n_dropped: u64,
}

impl Model {
    fn order(&mut self) -> usize {
        self.next_order += 1;
        self.next_order
    }

    fn advance(&mut self) {
        let now_ns = self.now_ns;
        let mut due: Vec<_> = self
            .entries
            .iter_mut()
            .filter(|entry| entry.state == EntryState::Delayed && entry.arrived_ns <= now_ns)
            .collect();
        due.sort_by_key(|entry| (entry.arrived_ns, entry.order));
        for entry in due {
            self.next_order += 1;
            entry.order = self.next_order;
            entry.state = EntryState::Waiting;
        }
    }

    /// The labels of what waits, in order.
    fn waiting(&self) -> Vec<i64> {
        let mut waiting: Vec<_> =
            self.entries.iter().filter(|entry| entry.state == EntryState::Waiting).collect();
        waiting.sort_by(|a, b| {
            let aged = |entry: &Known| {
                entry.priority - self.options.ageing_per_s / 1e9 * f64::from(entry.arrived_ns as u32)
            };
            let by_priority = aged(b).total_cmp(&aged(a));
            let by_deadline = a.deadline_ns.cmp(&b.deadline_ns);
            let first = match self.options.order {
                OrderBy::Priority => by_priority.then(by_deadline),
                OrderBy::Deadline => by_deadline.then(by_priority),
            };
            first.then(a.order.cmp(&b.order))
        });
        waiting.into_iter().map(|entry| entry.label).collect()
    }

    fn size(&self) -> usize {
        let counts = |entry: &&Known| matches!(entry.state, EntryState::Waiting | EntryState::Delayed);
        self.entries.iter().filter(counts).count()
    }

    fn with_label(&mut self, label: i64) -> &mut Known {
        self.entries.iter_mut().find(|entry| entry.label == label).expect("a label that the queue returned")
    }

    fn forget(&mut self, label: i64) {
        self.entries.retain(|entry| entry.label != label);
    }

    /// The labels of what the queue drops for the sake of new entries.
    fn drop_lowest(&mut self, new: impl DoubleEndedIterator<Item = i64>) -> Vec<i64> {
        let mut dropped = Vec::new();
        for newest in new.rev() {
            if !(self.options.when_full == WhenFull::DropLowest
                && self.options.size_max.is_some_and(|size_max| self.size() > size_max))
            {
                break;
            }
            let is_there = self.entries.iter().any(|entry| entry.label == newest);
            let Some(lowest) = self.waiting().pop().or(is_there.then_some(newest)) else {
                break;
            };
            self.forget(lowest);
            self.n_dropped += 1;
            dropped.push(lowest);
        }
        dropped
    }

    fn taken(&mut self, label: i64) {
        if self.options.is_tracked {
            self.with_label(label).state = EntryState::InWork;
        } else {
            self.forget(label);
        }
    }
}

fn options() -> impl Strategy<Value = QueueOptions> {
    let order = prop_oneof![Just(OrderBy::Priority), Just(OrderBy::Deadline)];
    let when_full = prop_oneof![Just(WhenFull::Refuse), Just(WhenFull::DropLowest)];
    let ageing = prop_oneof![Just(0.0), Just(2e8)];
    (order, ageing, any::<bool>(), 0_u16..3, proptest::option::of(1_usize..50), when_full).prop_map(
        |(order, ageing_per_s, is_tracked, n_retries, size_max, when_full)| QueueOptions {
            order,
            ageing_per_s,
            is_tracked,
            n_retries,
            retry_delay_ns: 3,
            retry_delay_ns_max: 5,
            size_max,
            when_full,
        },
    )
}

fn check(options: QueueOptions, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut queue = Queue::new(options.clone());
    let mut model = Model { options, entries: Vec::new(), now_ns: 100, next_order: 0, n_dropped: 0 };
    let mut next_label = 0_i64;
    let new = |label, priority: i8, deadline_ns: Option<i8>, delay_ns: u8| NewEntry {
        label,
        priority: Priority::from_f64(f64::from(priority)).unwrap(),
        deadline_ns: deadline_ns.map_or(NO_DEADLINE, i64::from),
        delay_ns: u64::from(delay_ns),
    };
    for step in steps {
        let now_ns = model.now_ns;
        queue.advance(now_ns);
        model.advance();
        let which = |which: usize| model.entries.get(which % model.entries.len().max(1)).cloned();
        match step {
            Step::Push { priority, deadline_ns, delay_ns } => {
                let entry = new(next_label, priority, deadline_ns, delay_ns);
                let n_free =
                    model.options.size_max.map_or(usize::MAX, |max| max.saturating_sub(model.size()));
                if n_free == 0 && model.options.when_full == WhenFull::Refuse {
                    let size_max = model.options.size_max.unwrap();
                    prop_assert_eq!(queue.push(now_ns, entry), Err(QueueFull { size_max, n_refused: 1 }));
                } else {
                    let expected_slot = queue.next_slots(1).next();
                    let (slot, dropped) = queue.push(now_ns, entry).unwrap();
                    prop_assert_eq!(Some(slot), expected_slot);
                    add(&mut model, entry, slot);
                    let expected = model.drop_lowest(next_label..=next_label);
                    prop_assert_eq!(dropped.map(|gone| gone.label).into_iter().collect::<Vec<_>>(), expected);
                    next_label += 1;
                }
            }
            Step::PushMany(pushed) => {
                let entries: Vec<_> = (next_label..)
                    .zip(pushed)
                    .map(|(label, (priority, deadline_ns))| new(label, priority, deadline_ns, 0))
                    .collect();
                let n_free =
                    model.options.size_max.map_or(usize::MAX, |max| max.saturating_sub(model.size()));
                let slots: Vec<_> = queue.next_slots(entries.len()).collect();
                let result = queue.push_many(now_ns, entries.iter().copied());
                if n_free < entries.len() && model.options.when_full == WhenFull::Refuse {
                    let size_max = model.options.size_max.unwrap();
                    prop_assert_eq!(result, Err(QueueFull { size_max, n_refused: entries.len() }));
                } else {
                    next_label += entries.len() as i64;
                    for (&entry, slot) in entries.iter().zip(slots) {
                        add(&mut model, entry, slot);
                    }
                    let expected = model.drop_lowest(next_label - entries.len() as i64..next_label);
                    let dropped: Vec<_> = result.unwrap().into_iter().map(|gone| gone.label).collect();
                    prop_assert_eq!(dropped, expected);
                }
            }
            Step::Pop => {
                let first = model.waiting().first().copied();
                prop_assert_eq!(queue.peek(now_ns).map(|first| first.label), first);
                prop_assert_eq!(queue.pop(now_ns).map(|taken| taken.label), first);
                if let Some(first) = first {
                    model.taken(first);
                }
            }
            Step::PopMany(n) => {
                let mut taken = Vec::new();
                queue.pop_many(now_ns, n, |Taken { label, .. }| taken.push(label));
                let mut expected = model.waiting();
                expected.truncate(n);
                prop_assert_eq!(&taken, &expected);
                for label in taken {
                    model.taken(label);
                }
            }
            Step::Done(at) => {
                if let Some(entry) = which(at) {
                    prop_assert_eq!(queue.finish(entry.slot).is_ok(), entry.state == EntryState::InWork);
                    if entry.state == EntryState::InWork {
                        model.forget(entry.label);
                    }
                }
            }
            Step::Fail(at) => {
                if let Some(entry) = which(at) {
                    let outcome = queue.fail(now_ns, entry.slot, Some("reason".into()));
                    prop_assert_eq!(outcome.is_ok(), entry.state == EntryState::InWork);
                    if let Ok(due_ns) = outcome {
                        let is_retried = entry.n_attempts < model.options.n_retries;
                        let delay_ns = [3, 5, 5][usize::from(entry.n_attempts)];
                        prop_assert_eq!(due_ns, is_retried.then_some(now_ns + delay_ns));
                        let order = model.order();
                        let failed = model.with_label(entry.label);
                        failed.n_attempts += 1;
                        failed.order = order;
                        failed.arrived_ns = due_ns.unwrap_or(now_ns);
                        failed.state = if is_retried { EntryState::Delayed } else { EntryState::Dead };
                    }
                }
            }
            Step::Revive(at) => {
                if let Some(entry) = which(at) {
                    prop_assert_eq!(
                        queue.revive(now_ns, entry.slot).is_ok(),
                        entry.state == EntryState::Dead
                    );
                    if entry.state == EntryState::Dead {
                        let order = model.order();
                        let revived = model.with_label(entry.label);
                        revived.order = order;
                        revived.arrived_ns = now_ns;
                        revived.n_attempts = 0;
                        revived.state = EntryState::Waiting;
                    }
                }
            }
            Step::Update(at, priority) => {
                if let Some(entry) = which(at) {
                    let priority = f64::from(priority);
                    let may = matches!(entry.state, EntryState::Waiting | EntryState::Delayed);
                    let updated = queue.update(entry.slot, Priority::from_f64(priority).unwrap());
                    prop_assert_eq!(updated.is_ok(), may);
                    if may {
                        model.with_label(entry.label).priority = priority;
                    }
                }
            }
            Step::Remove(at) => {
                if let Some(entry) = which(at) {
                    prop_assert_eq!(queue.remove(entry.slot).is_ok(), entry.state != EntryState::InWork);
                    if entry.state != EntryState::InWork {
                        model.forget(entry.label);
                    }
                }
            }
            Step::Clear => {
                queue.clear();
                model.entries.clear();
            }
            Step::Wait(ns) => model.now_ns += u64::from(ns),
        }
        agree(&queue, &model)?;
    }
    // What is written down gives the same queue; what is in work waits in its old place.
    let exported: Vec<_> = queue.slots().into_iter().map(|slot| queue.export(slot)).collect();
    let mut restored = Queue::restored(queue.options().clone(), queue.counts(), exported.into_iter());
    restored.validate();
    for entry in &mut model.entries {
        if entry.state == EntryState::InWork {
            entry.state = EntryState::Waiting;
        }
    }
    model.now_ns += 1_000;
    model.advance();
    let expected = model.waiting();
    let mut taken = Vec::new();
    restored.pop_many(model.now_ns, usize::MAX, |Taken { label, .. }| taken.push(label));
    prop_assert_eq!(taken, expected);
    Ok(())
}

fn add(model: &mut Model, entry: NewEntry, slot: u32) {
    let order = model.order();
    model.entries.push(Known {
        slot,
        label: entry.label,
        priority: entry.priority.to_f64(),
        deadline_ns: entry.deadline_ns,
        arrived_ns: model.now_ns + entry.delay_ns,
        order,
        n_attempts: 0,
        state: if entry.delay_ns > 0 { EntryState::Delayed } else { EntryState::Waiting },
    });
}

fn agree(queue: &Queue, model: &Model) -> Result<(), TestCaseError> {
    queue.validate();
    let label_of = |slot| queue.export(slot).label;
    prop_assert_eq!(queue.waiting().into_iter().map(label_of).collect::<Vec<_>>(), model.waiting());
    prop_assert_eq!(queue.counts().n_dropped, model.n_dropped);
    let mut dead: Vec<_> = model.entries.iter().filter(|entry| entry.state == EntryState::Dead).collect();
    dead.sort_by_key(|entry| entry.order);
    let dead: Vec<_> = dead.into_iter().map(|entry| entry.label).collect();
    prop_assert_eq!(queue.dead().map(label_of).collect::<Vec<_>>(), dead);
    for entry in &model.entries {
        let exported = queue.export(entry.slot);
        prop_assert_eq!(
            (exported.label, exported.state, exported.arrived_ns, exported.n_attempts, exported.deadline_ns),
            (entry.label, entry.state, entry.arrived_ns, entry.n_attempts, entry.deadline_ns)
        );
        prop_assert_eq!(exported.reason.is_some(), entry.state == EntryState::Dead);
    }
    let oldest_ns = model
        .entries
        .iter()
        .filter(|entry| entry.state == EntryState::Waiting)
        .map(|entry| entry.arrived_ns)
        .min();
    prop_assert_eq!(queue.oldest_ns(), oldest_ns);
    Ok(())
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn test_queue_agrees_with_a_sorted_list(options in options(), steps in steps(true)) {
        check(options, steps)?;
    }

    #[test]
    fn test_queue_without_deadlines_agrees_with_a_sorted_list(options in options(), steps in steps(false)) {
        check(options, steps)?;
    }

    #[test]
    fn test_newcomers_overtake_for_a_bounded_time(
        rate in 1_u32..5,
        first in 0_i32..20,
        lead in 0_i32..20,
        // By how many milliseconds the newcomer is later than the bound.
        late_ms in 1_u32..1_000,
    ) {
        let (rate, first, lead) = (f64::from(rate), f64::from(first), f64::from(lead));
        let mut queue = Queue::new(QueueOptions { ageing_per_s: rate, ..QueueOptions::default() });
        queue.push(0, NewEntry::new(1, Priority::from_f64(first).unwrap())).unwrap();
        let bound_ns = Duration::from_secs_f64(lead / rate).as_nanos() as u64;
        let newcomer = NewEntry::new(2, Priority::from_f64(first + lead).unwrap());
        queue.push(bound_ns + u64::from(late_ms) * 1_000_000, newcomer).unwrap();
        prop_assert_eq!(queue.pop(u64::MAX).unwrap().label, 1);
    }
}
