//! What a graph costs: building it, ordering it, and the walks over it. Each asserts its answer before it reports its time.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use makespan_core::graph::{Graph, critical_path, transitive_reduction};
use makespan_core::optimize::{EffectId, Touch, hazard_edges};
use makespan_core::plan::{StaticOrder, static_order};

mod instances;

use instances::{Instance, chain_10k, independent_100k, layered_100k, random_1m};

fn all_instances() -> [Instance; 5] {
    let random = random_1m();
    let permuted = random.permuted("random_1m_permuted");
    [independent_100k(), chain_10k(), layered_100k(), random, permuted]
}

/// Build, topological order, levels and critical path; returns what identifies the answer.
fn analyze(instance: &Instance, durations_ns: &[u64]) -> (usize, u64, u32, usize) {
    let graph = Graph::from_arrays(instance.n_nodes, &instance.sources, &instance.targets).expect("acyclic");
    let order: Vec<_> = graph.topological_order().collect();
    let levels = graph.levels();
    let critical = critical_path(&graph, durations_ns).expect("a duration per node");
    let level_max = levels.into_iter().max().unwrap_or(0);
    (order.len(), critical.length_ns, level_max, critical.path.len())
}

fn check_analysis(instance: &Instance, durations_ns: &[u64]) {
    let (n_ordered, length_ns, level_max, n_on_path) = analyze(instance, durations_ns);
    assert_eq!(n_ordered, instance.n_nodes);
    assert!(n_on_path <= level_max as usize + 1);
    let critical = critical_path(&instance.graph(), durations_ns).expect("a duration per node");
    let on_path = critical.path.iter().map(|node| durations_ns[node.index()]);
    assert_eq!(on_path.sum::<u64>(), length_ns);
}

fn bench_graph(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("graph");
    group.sample_size(10);
    for instance in all_instances() {
        group.throughput(Throughput::Elements(instance.n_nodes as u64));
        let durations_ns = instance.durations_ns();
        check_analysis(&instance, &durations_ns);
        let graph = instance.graph();
        let mut bench = |part: &str, run: &mut dyn FnMut()| {
            group.bench_function(BenchmarkId::new(part, instance.name), |bencher| {
                bencher.iter(&mut *run);
            });
        };
        bench("analyze", &mut || {
            black_box(analyze(&instance, &durations_ns));
        });
        bench("build", &mut || {
            black_box(instance.graph());
        });
        bench("levels", &mut || {
            black_box(graph.levels());
        });
        bench("critical_path", &mut || {
            black_box(critical_path(&graph, &durations_ns)).expect("a duration per node");
        });
        bench("static_order", &mut || {
            black_box(static_order(&graph, &durations_ns, 4));
        });
        if let StaticOrder::Order(order) = static_order(&graph, &durations_ns, 4) {
            assert!(graph.renumbered(&order).is_id_ordered());
            bench("renumbered", &mut || {
                black_box(graph.renumbered(&order));
            });
        }
    }
    group.finish();
}

fn bench_optimize(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("optimize");
    group.sample_size(10);
    let instance = layered_100k();
    let graph = instance.graph();
    assert_eq!(transitive_reduction(&graph), graph, "edges between neighboring layers are all needed");
    group.throughput(Throughput::Elements(instance.n_nodes as u64));
    group.bench_function("transitive_reduction/layered_100k", |bencher| {
        bencher.iter(|| black_box(transitive_reduction(&graph)));
    });

    // Every tenth node writes one of 16 effects, the others read it; a barrier now and then.
    let touches: Vec<_> = graph
        .nodes()
        .map(|node| {
            let effect = EffectId(node.get() / 7 % 16);
            let touch = match node.get() {
                id if id % 5_000 == 0 => Touch::Anything,
                id if id % 10 == 0 => Touch::Writes(effect),
                _ => Touch::Reads(effect),
            };
            (node, touch)
        })
        .collect();
    assert!(hazard_edges(&touches).len() <= 2 * touches.len());
    group.bench_function("hazard_edges/mixed_100k", |bencher| {
        bencher.iter(|| black_box(hazard_edges(&touches)));
    });
    group.finish();
}

criterion_group!(benches, bench_graph, bench_optimize);
criterion_main!(benches);
