//! What the scheduler and the queue cost. Each asserts its answer before it reports its time.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use makespan_core::graph::Graph;
use makespan_core::sched::{Action, Event, Inputs, ReadySet, RunScheduler, SchedulerOptions};

#[expect(dead_code, reason = "each bench program uses a part of what they share")]
mod instances;

use instances::{Instance, chain_10k, independent_100k, layered_100k, random_1m};

/// A scheduler at the beginning of a run in which every edge carries data.
fn scheduler(graph: &Arc<Graph>, inputs: &Arc<Inputs>) -> RunScheduler {
    let kept = vec![false; graph.n_nodes()].into();
    RunScheduler::new(Arc::clone(graph), Arc::clone(inputs), kept, SchedulerOptions::default())
}

fn inputs(graph: &Graph) -> Inputs {
    let mut inputs = Inputs { offsets: vec![0], nodes: Vec::with_capacity(graph.n_edges()) };
    for node in graph.nodes() {
        inputs.nodes.extend_from_slice(graph.predecessors(node));
        inputs.offsets.push(inputs.nodes.len() as u32);
    }
    inputs
}

/// Runs to the end, telling of up to `n_at_once` nodes per call; returns how many actions there were.
fn drain(scheduler: &mut RunScheduler, n_at_once: u32) -> usize {
    let mut events = vec![Event::Requested { n_nodes: n_at_once }];
    let mut actions = Vec::new();
    let mut n_actions = 0;
    while !scheduler.is_settled() {
        scheduler.advance(0, &events, &mut actions).expect("only what was dispatched is reported");
        n_actions += actions.len();
        events.clear();
        events.extend(actions.drain(..).filter_map(|action| match action {
            Action::Dispatch { node } => Some(Event::Finished { node }),
            Action::Join { .. }
            | Action::Ask { .. }
            | Action::Release { .. }
            | Action::Skip { .. }
            | Action::Cancel { .. }
            | Action::Settle => None,
        }));
        events.push(Event::Requested { n_nodes: n_at_once });
    }
    n_actions
}

fn bench_scheduler(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler");
    group.sample_size(10);
    let instances: [Instance; 4] = [independent_100k(), chain_10k(), layered_100k(), random_1m()];
    for instance in instances {
        group.throughput(Throughput::Elements(instance.n_nodes as u64));
        let graph = Arc::new(instance.graph());
        let inputs = Arc::new(inputs(&graph));
        group.bench_function(BenchmarkId::new("new", instance.name), |bencher| {
            bencher.iter(|| black_box(scheduler(&graph, &inputs)));
        });
        for n_at_once in [1, 1_024] {
            // A dispatch and a release for each node, and the end.
            assert_eq!(drain(&mut scheduler(&graph, &inputs), n_at_once), 2 * instance.n_nodes + 1);
            let name = BenchmarkId::new(format!("drain_by_{n_at_once}"), instance.name);
            group.bench_function(name, |bencher| {
                let set_up = || scheduler(&graph, &inputs);
                bencher.iter_batched_ref(
                    set_up,
                    |scheduler| drain(scheduler, n_at_once),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn bench_ready_set(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ready_set");
    group.sample_size(10);
    let n_slots = 1_000_000_u32;
    group.throughput(Throughput::Elements(n_slots.into()));
    let drain_set = || {
        let mut set = ReadySet::new(n_slots as usize);
        for id in (0..n_slots).rev() {
            set.insert(id);
        }
        let mut n_in_order = 0;
        while let Some(id) = set.pop_first() {
            n_in_order += u32::from(id == n_in_order);
        }
        n_in_order
    };
    assert_eq!(drain_set(), n_slots);
    group.bench_function("ready_set_insert_pop/1m", |bencher| {
        bencher.iter(|| black_box(drain_set()));
    });
    group.finish();
}

criterion_group!(benches, bench_scheduler, bench_ready_set);
criterion_main!(benches);
