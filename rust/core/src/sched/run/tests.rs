//! Exact action lists of small runs.

use super::*;

/// A graph in which every edge carries data.
fn scheduler(n_nodes: usize, edges: &[(u32, u32)], kept: &[u32], on_failure: FailurePolicy) -> RunScheduler {
    let edges: Vec<_> =
        edges.iter().map(|&(before, after)| (NodeId::new(before), NodeId::new(after))).collect();
    let graph = Graph::from_edges(n_nodes, &edges).unwrap();
    let mut inputs = Inputs { offsets: vec![0], nodes: Vec::new() };
    for node in graph.nodes() {
        inputs.nodes.extend_from_slice(graph.predecessors(node));
        inputs.offsets.push(inputs.nodes.len() as u32);
    }
    let kept = (0..n_nodes as u32).map(|id| kept.contains(&id)).collect();
    let options = SchedulerOptions { on_failure };
    RunScheduler::new(Arc::new(graph), Arc::new(inputs), kept, options)
}

fn requested(n_nodes: u32) -> Event {
    Event::Requested { n_nodes }
}

fn finished(id: u32) -> Event {
    Event::Finished { node: NodeId::new(id) }
}

fn failed(id: u32) -> Event {
    Event::Failed { node: NodeId::new(id) }
}

/// One word per action, such as `dispatch 3`.
fn check(scheduler: &mut RunScheduler, events: &[Event], expected: &[&str]) {
    let mut actions = Vec::new();
    scheduler.advance(0, events, &mut actions).unwrap();
    scheduler.validate();
    let words: Vec<_> = actions
        .into_iter()
        .map(|action| match action {
            Action::Dispatch { node } => format!("dispatch {node}"),
            Action::Join { node } => format!("join {node}"),
            Action::Ask { node } => format!("ask {node}"),
            Action::Release { node } => format!("release {node}"),
            Action::Skip { node } => format!("skip {node}"),
            Action::Cancel { node } => format!("cancel {node}"),
            Action::Settle => "settle".to_owned(),
        })
        .collect();
    assert_eq!(words, expected);
}

const DIAMOND: [(u32, u32); 4] = [(0, 1), (0, 2), (1, 3), (2, 3)];

#[test]
fn test_diamond_runs_and_releases() {
    let mut scheduler = scheduler(4, &DIAMOND, &[3], FailurePolicy::Stop);
    check(&mut scheduler, &[requested(8)], &["dispatch 0"]);
    check(&mut scheduler, &[finished(0)], &[]);
    assert_eq!(scheduler.n_ready(), 2);
    assert_eq!(scheduler.waits_for(NodeId::new(3)), [1, 2].map(NodeId::new));
    check(&mut scheduler, &[requested(8)], &["dispatch 1", "dispatch 2"]);
    assert!(scheduler.running().eq([1, 2].map(NodeId::new)));
    check(&mut scheduler, &[finished(2)], &[]);
    check(&mut scheduler, &[finished(1), requested(1)], &["release 0", "dispatch 3"]);
    check(&mut scheduler, &[finished(3)], &["release 1", "release 2", "settle"]);
    assert!(scheduler.is_settled());
    assert_eq!((scheduler.n_finished(), scheduler.n_left(), scheduler.n_dispatched()), (4, 0, 4));
    check(&mut scheduler, &[requested(1), Event::CancelRequested], &[]);
}

#[test]
fn test_the_smallest_ready_goes_first_and_unmet_requests_are_forgotten() {
    let mut scheduler = scheduler(4, &[(1, 0)], &[], FailurePolicy::Stop);
    check(&mut scheduler, &[requested(2)], &["dispatch 1", "dispatch 2"]);
    check(&mut scheduler, &[finished(1), requested(1)], &["dispatch 0"]);
    check(&mut scheduler, &[requested(9)], &["dispatch 3"]);
    check(&mut scheduler, &[finished(0)], &["release 1", "release 0"]);
}

#[test]
fn test_a_result_that_nobody_uses_is_released_when_it_is_there() {
    let mut scheduler = scheduler(2, &[], &[1], FailurePolicy::Stop);
    check(
        &mut scheduler,
        &[requested(2), finished(0), finished(1)],
        &["dispatch 0", "dispatch 1", "release 0", "settle"],
    );
}

#[test]
fn test_stop_cancels_what_has_not_started_and_lets_the_rest_end() {
    let mut scheduler = scheduler(6, &[(0, 3), (1, 3), (1, 4)], &[], FailurePolicy::Stop);
    check(&mut scheduler, &[requested(2)], &["dispatch 0", "dispatch 1"]);
    check(&mut scheduler, &[failed(0)], &["cancel 2", "cancel 3", "cancel 4", "cancel 5"]);
    check(&mut scheduler, &[requested(1)], &[]);
    check(&mut scheduler, &[finished(1)], &["release 1", "settle"]);
}

#[test]
fn test_stop_releases_inputs_of_what_it_cancels() {
    let mut scheduler = scheduler(3, &[(0, 2)], &[], FailurePolicy::Stop);
    check(&mut scheduler, &[requested(2), finished(0)], &["dispatch 0", "dispatch 1"]);
    check(&mut scheduler, &[failed(1)], &["cancel 2", "release 0", "settle"]);
}

#[test]
fn test_continue_skips_what_is_downstream() {
    let mut scheduler = scheduler(6, &[(0, 2), (1, 3), (2, 4), (3, 4)], &[], FailurePolicy::Continue);
    check(&mut scheduler, &[requested(2)], &["dispatch 0", "dispatch 1"]);
    check(&mut scheduler, &[failed(0)], &["skip 2", "skip 4"]);
    check(&mut scheduler, &[finished(1), requested(9)], &["dispatch 3", "dispatch 5"]);
    check(&mut scheduler, &[failed(3)], &["release 1"]);
    check(&mut scheduler, &[finished(5)], &["release 5", "settle"]);
    let states: Vec<_> = (0..6).map(|id| scheduler.state(NodeId::new(id)).as_str()).collect();
    assert_eq!(states, ["failed", "finished", "skipped", "failed", "skipped", "finished"]);
}

#[test]
fn test_cancel_overrides_continue_and_may_be_repeated() {
    let mut scheduler = scheduler(3, &[(0, 1)], &[], FailurePolicy::Continue);
    check(&mut scheduler, &[requested(1)], &["dispatch 0"]);
    check(&mut scheduler, &[Event::CancelRequested, Event::CancelRequested], &["cancel 1", "cancel 2"]);
    check(&mut scheduler, &[failed(0)], &["settle"]);
}

#[test]
fn test_an_empty_graph_settles_at_once_and_once() {
    let mut scheduler = scheduler(0, &[], &[], FailurePolicy::Stop);
    assert!(!scheduler.is_settled());
    check(&mut scheduler, &[], &["settle"]);
    check(&mut scheduler, &[requested(1)], &[]);
}

#[test]
fn test_a_rejected_event_changes_nothing() {
    let mut scheduler = scheduler(2, &[(0, 1)], &[], FailurePolicy::Stop);
    let mut actions = Vec::new();
    let refused = scheduler.advance(0, &[requested(1), finished(1), finished(0)], &mut actions);
    assert_eq!(
        refused,
        Err(SchedulerError::IllegalTransition {
            node: NodeId::new(1),
            state: NodeState::Waiting,
            event: "finished"
        })
    );
    assert_eq!(actions, [Action::Dispatch { node: NodeId::new(0) }]);
    assert_eq!(scheduler.state(NodeId::new(0)), NodeState::Running);
    let refused = scheduler.advance(0, &[failed(2)], &mut actions).unwrap_err();
    assert_eq!(refused.to_string(), "an event names node 2, but the graph has 2 nodes");
    scheduler.validate();
    check(&mut scheduler, &[finished(0)], &[]);
    let refused = scheduler.advance(0, &[finished(0)], &mut actions).unwrap_err();
    assert_eq!(refused.to_string(), "node 0 was reported as finished, but it is finished");
}

#[test]
fn test_after_prefix_takes_over_a_run() {
    let whole = scheduler(4, &DIAMOND, &[3], FailurePolicy::Stop);
    let RunScheduler { graph, inputs, kept, options, .. } = whole;
    let mut scheduler = RunScheduler::after_prefix(graph, inputs, kept, options, 1, Some(NodeId::new(1)));
    scheduler.validate();
    check(&mut scheduler, &[requested(2)], &["dispatch 2"]);
    check(&mut scheduler, &[finished(1), finished(2)], &["release 0"]);
    assert_eq!(scheduler.n_dispatched(), 3);
}

fn granted(id: u32) -> Event {
    Event::Granted { node: NodeId::new(id) }
}

fn declined(id: u32) -> Event {
    Event::Declined { node: NodeId::new(id) }
}

/// Three nodes without edges, of which the first two need a grant.
fn needing() -> RunScheduler {
    scheduler(3, &[], &[], FailurePolicy::Stop).with_needs(Arc::new([true, true, false]))
}

#[test]
fn test_a_node_that_needs_a_grant_is_asked_for_and_others_go_on() {
    let mut scheduler = needing();
    check(&mut scheduler, &[requested(1)], &["ask 0"]);
    assert_eq!(scheduler.state(NodeId::new(0)), NodeState::Delayed);
    check(&mut scheduler, &[requested(2)], &["ask 1", "dispatch 2"]);
    check(&mut scheduler, &[requested(1)], &[]);
    check(&mut scheduler, &[granted(1), granted(0)], &[]);
    assert_eq!(scheduler.n_granted(), 2);
    check(&mut scheduler, &[requested(2)], &["dispatch 0", "dispatch 1"]);
    check(
        &mut scheduler,
        &[finished(1), finished(2), finished(0)],
        &["release 1", "release 2", "release 0", "settle"],
    );
}

#[test]
fn test_a_grant_that_is_declined_is_asked_for_again() {
    let mut scheduler = needing();
    check(&mut scheduler, &[requested(1), granted(0), declined(0)], &["ask 0"]);
    assert_eq!(scheduler.n_granted(), 0);
    check(&mut scheduler, &[requested(1)], &["ask 0"]);
    check(&mut scheduler, &[granted(0), requested(1)], &["dispatch 0"]);
}

#[test]
fn test_who_waits_for_a_grant_is_cancelled_with_the_run() {
    let mut scheduler = needing();
    check(&mut scheduler, &[requested(2), granted(1)], &["ask 0", "ask 1"]);
    check(&mut scheduler, &[Event::CancelRequested], &["cancel 0", "cancel 1", "cancel 2", "settle"]);
    assert_eq!(scheduler.n_granted(), 0);
}

#[test]
fn test_grants_that_nobody_asked_for_are_refused() {
    let mut scheduler = needing();
    for (event, state) in [(granted(0), "ready"), (declined(0), "ready"), (granted(2), "ready")] {
        let refused = scheduler.advance(0, &[event], &mut Vec::new()).unwrap_err();
        assert!(refused.to_string().contains(state), "{refused}");
    }
    let unknown = scheduler.advance(0, &[granted(9)], &mut Vec::new());
    assert_eq!(unknown, Err(SchedulerError::UnknownNode { node: NodeId::new(9), n_nodes: 3 }));
}
