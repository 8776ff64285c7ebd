//! What is told by example; laws and the obvious scheduler beside it are in `tests/list_scheduler`.

use super::*;

fn scheduler(
    n_nodes: usize,
    edges: &[(i64, i64)],
    columns: NodeColumns,
    options: ListOptions,
) -> ListScheduler {
    let (sources, targets): (Vec<_>, Vec<_>) = edges.iter().copied().unzip();
    let graph = Graph::from_arrays(n_nodes, &sources, &targets).unwrap();
    ListScheduler::new(Arc::new(graph), columns, options).unwrap()
}

fn taken(scheduler: &mut ListScheduler, now_ns: u64) -> Vec<u32> {
    let mut taken = Vec::new();
    scheduler.take(now_ns, usize::MAX, &mut taken);
    taken
}

/// After a failure, what does not depend on it goes on.
fn going_on() -> ListOptions {
    ListOptions { on_failure: FailurePolicy::Continue, ..ListOptions::default() }
}

#[test]
fn test_the_largest_priority_goes_first_and_the_smallest_id_among_equals() {
    let columns = NodeColumns {
        priorities: Some(priorities_of(&[1.0, 3.0, 1.0, 3.0]).unwrap()),
        ..NodeColumns::default()
    };
    let mut scheduler = scheduler(4, &[], columns, ListOptions::default());
    assert_eq!(taken(&mut scheduler, 0), [1, 3, 0, 2]);
}

#[test]
fn test_a_small_demand_does_not_pass_the_head_without_durations() {
    let demands = Some(vec![2, 3, 1]);
    let options = ListOptions { capacities: vec![3], ..ListOptions::default() };
    let mut scheduler = scheduler(3, &[], NodeColumns { demands, ..NodeColumns::default() }, options);
    assert_eq!(taken(&mut scheduler, 0), [0]);
    assert_eq!(scheduler.explain(0, 1), Ok(Reason::Short(vec![(0, 3, 1)])));
    assert_eq!(scheduler.explain(0, 2), Ok(Reason::Behind(1)));
    scheduler.complete(1, &[0]).unwrap();
    assert_eq!(taken(&mut scheduler, 1), [1]);
}

#[test]
fn test_a_node_that_is_over_in_time_passes_the_head_where_durations_are_known() {
    // Node 1 can start at 10. Node 2 is over by then, node 3 is not, node 4 needs what the head leaves.
    let columns = NodeColumns {
        demands: Some(vec![2, 0, 3, 1, 1, 0, 1, 0, 0, 1]),
        durations_ns: Some(vec![10, 5, 10, 11, 99]),
        ..NodeColumns::default()
    };
    let options = ListOptions { capacities: vec![3, 2], ..ListOptions::default() };
    let mut scheduler = scheduler(5, &[], columns, options);
    assert_eq!(taken(&mut scheduler, 0), [0, 2, 4]);
    assert_eq!(scheduler.reservation(), Some((1, 10)));
}

#[test]
fn test_no_more_of_a_group_run_than_its_limit() {
    let columns = NodeColumns { groups: Some(vec![0, 0, NO_GROUP, 0]), ..NodeColumns::default() };
    let options = ListOptions { group_limits: vec![2], ..ListOptions::default() };
    let mut scheduler = scheduler(4, &[], columns, options);
    assert_eq!(taken(&mut scheduler, 0), [0, 1, 2]);
    scheduler.complete(0, &[2]).unwrap();
    assert_eq!(taken(&mut scheduler, 0), []);
    scheduler.complete(0, &[1]).unwrap();
    assert_eq!(taken(&mut scheduler, 0), [3]);
}

#[test]
fn test_a_node_that_always_fails_is_tried_once_more_than_it_is_retried() {
    let options = ListOptions { n_retries: 3, retry_delay_ns: 10, retry_delay_max_ns: 25, ..going_on() };
    let mut scheduler = scheduler(2, &[(0, 1)], NodeColumns::default(), options);
    let mut starts = Vec::new();
    let mut given_up = Vec::new();
    for now_ns in 0..200 {
        if taken(&mut scheduler, now_ns) == [0] {
            starts.push(now_ns);
            scheduler.fail(now_ns, &[0], &mut given_up).unwrap();
        }
    }
    assert_eq!(starts, [0, 10, 30, 55]);
    assert_eq!(given_up, [1]);
    assert!(scheduler.states().eq([NodeState::Failed, NodeState::Skipped]));
}

#[test]
fn test_the_fastest_idle_worker_gets_the_first_node() {
    let options = ListOptions { speeds: Some(vec![1.0, 4.0, 2.0]), ..ListOptions::default() };
    let mut scheduler = scheduler(4, &[], NodeColumns::default(), options);
    assert_eq!(taken(&mut scheduler, 0), [0, 1, 2]);
    let workers: Vec<_> = (0..4).map(|node| scheduler.worker_of(node).unwrap()).collect();
    assert_eq!(workers, [Some(1), Some(2), Some(0), None]);
    assert_eq!(scheduler.explain(0, 3), Ok(Reason::NoIdleWorker));
    scheduler.complete(1, &[1]).unwrap();
    assert_eq!(taken(&mut scheduler, 1), [3]);
    assert_eq!(scheduler.worker_of(3), Ok(Some(2)));
}

#[test]
fn test_a_node_waits_for_a_faster_worker_where_it_is_over_sooner_so() {
    let columns = NodeColumns { durations_ns: Some(vec![10, 30, 4]), ..NodeColumns::default() };
    let options = ListOptions { speeds: Some(vec![1.0, 10.0]), ..ListOptions::default() };
    let mut scheduler = scheduler(3, &[], columns, options);
    // Node 1 is over at 1 + 3 on the fast worker, at 30 on the slow one; node 2 at 5 behind it, at 4 on the slow one.
    assert_eq!(taken(&mut scheduler, 0), [0, 2]);
    assert_eq!((scheduler.worker_of(0), scheduler.worker_of(2)), (Ok(Some(1)), Ok(Some(0))));
    scheduler.complete(1, &[0]).unwrap();
    assert_eq!(taken(&mut scheduler, 1), [1]);
}

#[test]
fn test_a_worker_that_was_just_given_a_node_is_busy_for_those_behind() {
    let columns = NodeColumns { durations_ns: Some(vec![4, 4]), ..NodeColumns::default() };
    let options = ListOptions { speeds: Some(vec![1.0, 2.0]), ..ListOptions::default() };
    assert_eq!(taken(&mut scheduler(2, &[], columns, options), 0), [0, 1]);
}

#[test]
fn test_a_node_that_needs_more_than_there_is_is_promised_no_worker() {
    let columns = NodeColumns {
        demands: Some(vec![0, 2, 1]),
        durations_ns: Some(vec![10, 100, 10]),
        ..NodeColumns::default()
    };
    let options =
        ListOptions { capacities: vec![2], speeds: Some(vec![1.0, 10.0]), ..ListOptions::default() };
    let mut scheduler = scheduler(3, &[], columns, options);
    let mut first = Vec::new();
    scheduler.take(0, 1, &mut first);
    assert_eq!(first, [0]);
    scheduler.set_capacity(0, 1).unwrap();
    assert_eq!(taken(&mut scheduler, 0), [], "node 2 waits for the fast worker, which is promised to nobody");
}

#[test]
fn test_who_is_too_far_behind_to_be_looked_at_is_behind_the_head() {
    let mut demands = [1, 0].repeat(302);
    demands.extend([0, 1]);
    let columns =
        NodeColumns { demands: Some(demands), durations_ns: Some(vec![1; 303]), ..NodeColumns::default() };
    let options = ListOptions { capacities: vec![1, 1], ..ListOptions::default() };
    let mut scheduler = scheduler(303, &[], columns, options);
    assert_eq!(taken(&mut scheduler, 0), [0]);
    assert_eq!(scheduler.explain(0, 302), Ok(Reason::Behind(1)));
}

#[test]
fn test_what_needs_more_than_there_is_waits_aside_until_there_is_more() {
    let columns = NodeColumns { demands: Some(vec![3, 1]), ..NodeColumns::default() };
    let options = ListOptions { capacities: vec![3], ..ListOptions::default() };
    let mut scheduler = scheduler(2, &[], columns, options);
    scheduler.set_capacity(0, 2).unwrap();
    assert_eq!(taken(&mut scheduler, 0), [1]);
    assert_eq!(scheduler.explain(0, 0), Ok(Reason::Oversized { pool: 0, amount: 3, capacity: 2 }));
    scheduler.set_capacity(0, 4).unwrap();
    assert_eq!(taken(&mut scheduler, 0), [0]);
}

#[test]
fn test_what_runs_when_it_is_cancelled_ends_as_cancelled() {
    let mut scheduler = scheduler(3, &[(0, 1)], NodeColumns::default(), ListOptions::default());
    assert_eq!(taken(&mut scheduler, 0), [0, 2]);
    let mut to_stop = Vec::new();
    scheduler.cancel(&[0], &mut to_stop).unwrap();
    assert_eq!(to_stop, [0]);
    assert!(scheduler.states().eq([NodeState::Cancelling, NodeState::Cancelled, NodeState::Running]));
    scheduler.complete(1, &[0, 2]).unwrap();
    assert!(scheduler.states().eq([NodeState::Cancelled, NodeState::Cancelled, NodeState::Finished]));
    assert_eq!(scheduler.n_left(), 0);
}

#[test]
fn test_nothing_starts_after_a_failure_that_stops_all() {
    let options = ListOptions { n_retries: 1, ..ListOptions::default() };
    let mut scheduler = scheduler(4, &[(0, 3)], NodeColumns::default(), options);
    let mut first = Vec::new();
    scheduler.take(0, 2, &mut first);
    let mut given_up = Vec::new();
    scheduler.fail(0, &[0], &mut given_up).unwrap();
    assert_eq!((scheduler.n_in(NodeState::Delayed), &*given_up), (1, &[][..]));
    let mut again = Vec::new();
    scheduler.take(1, 1, &mut again);
    assert_eq!(again, [0]);
    scheduler.fail(1, &[0], &mut given_up).unwrap();
    assert_eq!(given_up, [2, 3]);
    assert_eq!(taken(&mut scheduler, 2), []);
    scheduler.fail(2, &[1], &mut given_up).unwrap();
    assert!(scheduler.states().skip(1).take(1).eq([NodeState::Failed]), "nothing is tried again");
    assert_eq!(scheduler.add(3, 1, &[], &[], NodeColumns::default()), Ok(4));
    assert_eq!(scheduler.n_left(), 0);
}

#[test]
fn test_a_node_added_behind_what_is_over_starts_at_once_or_never() {
    let mut scheduler = scheduler(2, &[], NodeColumns::default(), going_on());
    assert_eq!(taken(&mut scheduler, 0), [0, 1]);
    scheduler.complete(0, &[0]).unwrap();
    scheduler.fail(0, &[1], &mut Vec::new()).unwrap();
    let first = scheduler.add(0, 3, &[0, 1, 3], &[2, 3, 4], NodeColumns::default()).unwrap();
    assert_eq!(first, 2);
    assert_eq!(taken(&mut scheduler, 0), [2]);
    assert!(scheduler.states().skip(3).eq([NodeState::Skipped, NodeState::Skipped]));
}

#[test]
fn test_refusals_name_what_is_wrong() {
    let graph = Arc::new(Graph::from_edges(2, &[]).unwrap());
    let options = ListOptions { capacities: vec![4], ..ListOptions::default() };
    let made =
        |columns, options| ListScheduler::new(Arc::clone(&graph), columns, options).unwrap_err().to_string();
    let demands = |demands: &[i64]| NodeColumns { demands: Some(demands.to_vec()), ..NodeColumns::default() };
    assert_eq!(made(demands(&[1]), options.clone()), "demands must have length 2, got 1");
    assert_eq!(made(demands(&[1, 5]), options.clone()), "node 1 needs 5 of resource 0, of which there are 4");
    let negative = "the demand of node 1 on resource 0 is -5, which is negative";
    assert_eq!(made(demands(&[1, -5]), options), negative);
    assert_eq!(priorities_of(&[0.0, f64::NAN]).unwrap_err().to_string(), "priority 1 is not a number");
    let speeds = ListOptions { speeds: Some(vec![1.0, 0.0]), ..ListOptions::default() };
    assert_eq!(made(NodeColumns::default(), speeds), "speed 1 is 0, which is not a positive number");

    let mut scheduler = scheduler(2, &[], NodeColumns::default(), ListOptions::default());
    assert_eq!(scheduler.complete(0, &[7]).unwrap_err().to_string(), "id 0 is 7, but there are 2 nodes");
    let early = scheduler.complete(0, &[1]).unwrap_err().to_string();
    assert_eq!(early, "node 1 was reported as finished, but it is ready");
    assert_eq!(taken(&mut scheduler, 0), [0, 1]);
    let twice = scheduler.complete(0, &[0, 1, 0]).unwrap_err().to_string();
    assert_eq!(twice, "node 0 was reported as finished, but it is finished");
    assert_eq!(scheduler.n_in(NodeState::Running), 2, "nothing has changed");
    let into_old = scheduler.add(0, 1, &[2], &[0], NodeColumns::default()).unwrap_err().to_string();
    assert_eq!(into_old, "added edge 0 ends at node 0, but only nodes from 2 on are new");
}
