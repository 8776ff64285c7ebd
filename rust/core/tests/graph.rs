//! Laws of graphs, with petgraph and slow obvious algorithms as oracles.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::collections::{BTreeSet, VecDeque};

use makespan_core::graph::{
    Graph, GraphError, NodeId, ancestors, critical_path, descendants, subgraph, transitive_reduction,
    upward_rank,
};
use petgraph::algo::tred::{dag_to_toposorted_adjacency_list, dag_transitive_reduction_closure};
use petgraph::graph::DiGraph;
use petgraph::visit::IntoEdgeReferences;
use proptest::collection::vec;
use proptest::prelude::*;

use common::{closure, config, descriptions, graphs};

fn edge_set(graph: &Graph) -> BTreeSet<(NodeId, NodeId)> {
    graph.edges().collect()
}

fn to_petgraph(graph: &Graph) -> DiGraph<(), ()> {
    let mut other = DiGraph::new();
    for _ in graph.nodes() {
        other.add_node(());
    }
    for (before, after) in graph.edges() {
        other.add_edge(before.get().into(), after.get().into(), ());
    }
    other
}

fn positions(graph: &Graph) -> Vec<usize> {
    let mut positions = vec![usize::MAX; graph.n_nodes()];
    for (position, node) in graph.topological_order().enumerate() {
        positions[node.index()] = position;
    }
    positions
}

/// Kahn's algorithm over a sorted set.
fn smallest_order(graph: &Graph) -> Vec<NodeId> {
    let mut n_unmet: Vec<_> = graph.nodes().map(|node| graph.predecessors(node).len()).collect();
    let mut ready: BTreeSet<_> = graph.sources().collect();
    let mut order = Vec::new();
    while let Some(node) = ready.pop_first() {
        order.push(node);
        for next in graph.successors(node) {
            n_unmet[next.index()] -= 1;
            if n_unmet[next.index()] == 0 {
                ready.insert(*next);
            }
        }
    }
    order
}

/// The length of a shortest cycle through `start`, in edges.
fn girth_at(n_nodes: usize, edges: &[(NodeId, NodeId)], start: NodeId) -> Option<usize> {
    let mut distances = vec![None; n_nodes];
    let mut pending = VecDeque::from([(start, 0)]);
    while let Some((node, distance)) = pending.pop_front() {
        for &(_, after) in edges.iter().filter(|(before, _)| *before == node) {
            if distances[after.index()].is_none() {
                distances[after.index()] = Some(distance + 1);
                pending.push_back((after, distance + 1));
            }
        }
    }
    distances[start.index()]
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn test_graph_holds_exactly_the_edges_given((n_nodes, edges) in descriptions(40)) {
        let graph = Graph::from_edges(n_nodes, &edges).unwrap();
        let expected: BTreeSet<_> = edges.iter().copied().collect();
        prop_assert_eq!(graph.n_edges(), expected.len());
        prop_assert_eq!(edge_set(&graph), expected.clone());
        let backwards: BTreeSet<_> = graph
            .nodes()
            .flat_map(|node| graph.predecessors(node).iter().map(move |&before| (before, node)))
            .collect();
        prop_assert_eq!(backwards, expected);
        for node in graph.nodes() {
            prop_assert!(graph.successors(node).is_sorted_by(|left, right| left < right));
            prop_assert!(graph.predecessors(node).is_sorted_by(|left, right| left < right));
        }
    }

    #[test]
    fn test_all_constructors_build_the_same((n_nodes, edges) in descriptions(40)) {
        let graph = Graph::from_edges(n_nodes, &edges).unwrap();
        let (sources, targets): (Vec<_>, Vec<_>) = edges
            .iter()
            .map(|(before, after)| (i64::from(before.get()), i64::from(after.get())))
            .unzip();
        prop_assert_eq!(&Graph::from_arrays(n_nodes, &sources, &targets).unwrap(), &graph);
        let mut offsets = vec![0];
        let mut preds = Vec::new();
        for node in graph.nodes() {
            let of_node = edges.iter().filter(|(_, after)| *after == node);
            preds.extend(of_node.map(|(before, _)| *before));
            offsets.push(preds.len() as u32);
        }
        prop_assert_eq!(&Graph::from_predecessors(&offsets, &preds).unwrap(), &graph);
        let (offsets, targets) = graph.rows();
        let offsets: Vec<_> = offsets.iter().map(|&offset| i64::from(offset)).collect();
        let targets: Vec<_> = targets.iter().map(|target| i64::from(target.get())).collect();
        prop_assert_eq!(&Graph::from_csr(&offsets, &targets).unwrap(), &graph);
    }

    #[test]
    fn test_topological_order_is_the_smallest(graph in graphs(40)) {
        let order: Vec<_> = graph.topological_order().collect();
        prop_assert_eq!(&order, &smallest_order(&graph));
        let is_identity = order.iter().copied().eq(graph.nodes());
        prop_assert_eq!(graph.is_id_ordered(), is_identity);
    }

    #[test]
    fn test_levels_are_longest_paths_in_edges(graph in graphs(40)) {
        let levels = graph.levels();
        let mut expected = vec![0; graph.n_nodes()];
        for node in petgraph::algo::toposort(&to_petgraph(&graph), None).unwrap() {
            let node = NodeId::from_index(node.index());
            let before = graph.predecessors(node).iter();
            expected[node.index()] = before.map(|before| expected[before.index()] + 1).max().unwrap_or(0);
        }
        prop_assert_eq!(&levels, &expected);
        let n_on_level = |level| levels.iter().filter(|&&other| other == level).count();
        prop_assert_eq!(Some(graph.width()), levels.iter().map(|&level| n_on_level(level)).max());
    }

    #[test]
    fn test_critical_path_is_a_longest_path(
        (graph, durations_ns) in graphs(40).prop_flat_map(|graph| {
            let durations_ns = vec(0_u64..4, graph.n_nodes());
            (Just(graph), durations_ns)
        }),
    ) {
        let critical = critical_path(&graph, &durations_ns).unwrap();
        let order = smallest_order(&graph);
        let mut earliest_ns = vec![0; graph.n_nodes()];
        for node in &order {
            let before = graph.predecessors(*node).iter();
            let ends_ns = before.map(|before| earliest_ns[before.index()] + durations_ns[before.index()]);
            earliest_ns[node.index()] = ends_ns.max().unwrap_or(0);
        }
        let ends_ns = earliest_ns.iter().zip(&durations_ns).map(|(start_ns, ns)| start_ns + ns);
        let length_ns = ends_ns.max().unwrap();
        let mut latest_ns = vec![0; graph.n_nodes()];
        for node in order.iter().rev() {
            let after = graph.successors(*node).iter();
            let end_ns = after.map(|after| latest_ns[after.index()]).min().unwrap_or(length_ns);
            latest_ns[node.index()] = end_ns - durations_ns[node.index()];
        }
        prop_assert_eq!(critical.length_ns, length_ns);
        prop_assert_eq!(&critical.earliest_start_ns, &earliest_ns);
        prop_assert_eq!(&critical.latest_start_ns, &latest_ns);

        let path = &critical.path;
        prop_assert_eq!(path.iter().map(|node| durations_ns[node.index()]).sum::<u64>(), length_ns);
        prop_assert!(path.windows(2).all(|pair| graph.successors(pair[0]).contains(&pair[1])));
        prop_assert!(graph.predecessors(path[0]).is_empty());
        prop_assert!(graph.successors(path[path.len() - 1]).is_empty());
        let slack_ns = critical.slack_ns();
        prop_assert!(path.iter().all(|node| slack_ns[node.index()] == 0));

        let ranks_ns = upward_rank(&graph, &durations_ns).unwrap();
        for node in graph.nodes() {
            prop_assert_eq!(ranks_ns[node.index()], length_ns - latest_ns[node.index()]);
        }
    }

    #[test]
    fn test_reach_agrees_with_the_closure(graph in graphs(24)) {
        let edges: Vec<_> = graph.edges().collect();
        let reaches = closure(graph.n_nodes(), &edges);
        for node in graph.nodes() {
            let below = graph.nodes().filter(|other| reaches[node.index()][other.index()]);
            prop_assert_eq!(descendants(&graph, node), below.collect::<Vec<_>>());
            let above = graph.nodes().filter(|other| reaches[other.index()][node.index()]);
            prop_assert_eq!(ancestors(&graph, node), above.collect::<Vec<_>>());
        }
    }

    #[test]
    fn test_transitive_reduction_agrees_with_petgraph(graph in graphs(40)) {
        let other = to_petgraph(&graph);
        let order = petgraph::algo::toposort(&other, None).unwrap();
        let (list, _) = dag_to_toposorted_adjacency_list::<_, u32>(&other, &order);
        let (reduced, _) = dag_transitive_reduction_closure(&list);
        let name = |position: u32| NodeId::from_index(order[position as usize].index());
        let expected: BTreeSet<_> = reduced
            .edge_references()
            .map(|edge| {
                use petgraph::visit::EdgeRef;
                (name(edge.source()), name(edge.target()))
            })
            .collect();
        prop_assert_eq!(edge_set(&transitive_reduction(&graph)), expected);
    }

    #[test]
    fn test_reduction_keeps_reach_and_order_and_is_its_own(graph in graphs(200)) {
        let reduced = transitive_reduction(&graph);
        prop_assert!(edge_set(&reduced).is_subset(&edge_set(&graph)));
        prop_assert!(reduced.topological_order().eq(graph.topological_order()));
        prop_assert_eq!(reduced.is_id_ordered(), graph.is_id_ordered());
        prop_assert_eq!(reduced.levels(), graph.levels());
        for node in graph.nodes() {
            prop_assert_eq!(descendants(&reduced, node), descendants(&graph, node));
        }
        prop_assert_eq!(transitive_reduction(&reduced), reduced);
    }

    #[test]
    fn test_subgraph_is_induced(
        (graph, nodes) in graphs(40).prop_flat_map(|graph| {
            let ids: Vec<_> = graph.nodes().map(|node| i64::from(node.get())).collect();
            let n_nodes = graph.n_nodes();
            (Just(graph), (Just(ids).prop_shuffle(), 0..=n_nodes).prop_map(|(ids, n)| ids[..n].to_vec()))
        }),
    ) {
        let part = subgraph(&graph, &nodes).unwrap();
        let new_id = |node: NodeId| nodes.iter().position(|&id| id == i64::from(node.get()));
        let expected: BTreeSet<_> = graph
            .edges()
            .filter_map(|(before, after)| Some((new_id(before)?, new_id(after)?)))
            .map(|(before, after)| (NodeId::from_index(before), NodeId::from_index(after)))
            .collect();
        prop_assert_eq!(part.n_nodes(), nodes.len());
        prop_assert_eq!(edge_set(&part), expected);
    }

    #[test]
    fn test_renumbered_keeps_the_edges((graph, order) in graphs(40).prop_flat_map(|graph| {
        let order: Vec<_> = graph.topological_order().collect();
        (Just(graph), Just(order))
    })) {
        let renumbered = graph.renumbered(&order);
        prop_assert!(renumbered.is_id_ordered());
        let positions = positions(&graph);
        let expected: BTreeSet<_> = graph
            .edges()
            .map(|(before, after)| [before, after].map(|node| NodeId::from_index(positions[node.index()])))
            .map(|[before, after]| (before, after))
            .collect();
        prop_assert_eq!(edge_set(&renumbered), expected);
    }

    #[test]
    fn test_a_cycle_is_real_and_shortest_through_its_first_node(
        n_nodes in 2_usize..16,
        pairs in vec((0_u32..16, 0_u32..16), 1..40),
    ) {
        let edges: Vec<_> = pairs
            .into_iter()
            .map(|(before, after)| (before % n_nodes as u32, after % n_nodes as u32))
            .filter(|(before, after)| before != after)
            .map(|(before, after)| (NodeId::new(before), NodeId::new(after)))
            .collect();
        let girths: Vec<_> = (0..n_nodes)
            .map(|idx| girth_at(n_nodes, &edges, NodeId::from_index(idx)))
            .collect();
        match Graph::from_edges(n_nodes, &edges) {
            Ok(_) => prop_assert!(girths.iter().all(Option::is_none)),
            Err(GraphError::Cycle { nodes }) => {
                prop_assert_eq!(girths[nodes[0].index()], Some(nodes.len()));
                let next = nodes.iter().cycle().skip(1);
                for (&before, &after) in nodes.iter().zip(next) {
                    prop_assert!(edges.contains(&(before, after)));
                }
            }
            Err(other) => prop_assert!(false, "unexpected error {}", other),
        }
    }
}

#[test]
fn test_a_million_nodes_in_a_chain() {
    let n_nodes = 1_000_000_u32;
    let ids: Vec<_> = (0..i64::from(n_nodes)).collect();
    for is_reversed in [false, true] {
        let (sources, targets) =
            if is_reversed { (&ids[1..], &ids[..ids.len() - 1]) } else { (&ids[..ids.len() - 1], &ids[1..]) };
        let graph = Graph::from_arrays(n_nodes as usize, sources, targets).unwrap();
        let critical = critical_path(&graph, &vec![2; n_nodes as usize]).unwrap();
        assert_eq!(critical.length_ns, 2 * u64::from(n_nodes));
        assert_eq!(critical.path.len(), n_nodes as usize);
        assert_eq!(graph.levels().into_iter().max(), Some(n_nodes - 1));
        let first = critical.path[0];
        assert_eq!(descendants(&graph, first).len(), n_nodes as usize - 1);
        assert_eq!(transitive_reduction(&graph), graph);
    }
}
