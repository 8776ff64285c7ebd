//! Workers of different speed.

use crate::sched::ReadySet;

/// No worker.
pub(super) const NOBODY: u32 = u32::MAX;

/// For how many nodes, in one pass, it is considered to wait for a faster worker.
const N_WAITS_MAX: usize = 64;

/// Workers that run one node each, numbered as they were given.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    speeds: Vec<f64>,
    /// Workers by speed, the fastest first, the smallest number among equals; and the place of each.
    by_speed: Vec<u32>,
    place_of: Vec<u32>,
    /// Idle workers by place.
    idle: ReadySet,
    /// When each worker, by place, is expected to be idle.
    free_at_ns: Vec<u64>,
    /// In a pass: when it will be, with the nodes that are to wait for it.
    promised_until_ns: Vec<u64>,
    n_waits: usize,
    /// The last worker of each node.
    worker_of: Vec<u32>,
}

impl Workers {
    pub(super) fn new(speeds: Vec<f64>, n_nodes: usize) -> Self {
        let n_workers = speeds.len();
        let mut by_speed: Vec<u32> = (0..n_workers as u32).collect();
        by_speed.sort_by(|&a, &b| speeds[b as usize].total_cmp(&speeds[a as usize]));
        let mut place_of = vec![0; n_workers];
        for (&worker, place) in by_speed.iter().zip(0..) {
            place_of[worker as usize] = place;
        }
        let mut idle = ReadySet::new(n_workers);
        for place in 0..n_workers as u32 {
            idle.insert(place);
        }
        Self {
            speeds,
            by_speed,
            place_of,
            idle,
            free_at_ns: vec![0; n_workers],
            promised_until_ns: vec![0; n_workers],
            n_waits: 0,
            worker_of: vec![NOBODY; n_nodes],
        }
    }

    pub(super) fn n_idle(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn add_nodes(&mut self, n_nodes: usize) {
        self.worker_of.resize(n_nodes, NOBODY);
    }

    /// The last worker that a node was given to.
    pub(super) fn worker_of(&self, node: u32) -> Option<u32> {
        let worker = self.worker_of[node as usize];
        (worker != NOBODY).then_some(worker)
    }

    /// How long a node takes on a worker.
    pub(super) fn duration_ns(&self, worker: u32, duration_ns: u64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "beyond 2⁵³ ns, a hundred days, rounding does not matter"
        )]
        #[expect(clippy::cast_sign_loss, reason = "durations and speeds are not negative")]
        let on_worker_ns = (duration_ns as f64 / self.speeds[worker as usize]).ceil() as u64;
        on_worker_ns
    }

    /// How long a node takes on the worker that it was given to last.
    pub(super) fn duration_on_its_worker_ns(&self, node: u32, duration_ns: u64) -> u64 {
        self.worker_of(node).map_or(duration_ns, |worker| self.duration_ns(worker, duration_ns))
    }

    pub(super) fn begin_pass(&mut self) {
        self.n_waits = 0;
        self.promised_until_ns.copy_from_slice(&self.free_at_ns);
    }

    /// The worker that a node goes to now: the fastest that is idle.
    ///
    /// None, where its duration is known, when it would finish earlier by waiting for one that is faster and busy (the rule
    /// of HEFT, Topcuoglu et al. 2002); that worker is then promised to it for the rest of the pass. Some worker is idle.
    pub(super) fn choose(&mut self, now_ns: u64, duration_ns: Option<u64>) -> Option<u32> {
        let place = self.idle.first().expect("some worker is idle");
        let idle = self.by_speed[place as usize];
        let Some(duration_ns) = duration_ns else {
            return Some(idle);
        };
        let finish_ns = now_ns.saturating_add(self.duration_ns(idle, duration_ns));
        let finishes = (0..place).map(|faster| {
            let begin_ns = self.promised_until_ns[faster as usize].max(now_ns);
            let worker = self.by_speed[faster as usize];
            (begin_ns.saturating_add(self.duration_ns(worker, duration_ns)), faster)
        });
        match finishes.min() {
            Some((earlier_ns, faster)) if earlier_ns < finish_ns && self.n_waits < N_WAITS_MAX => {
                self.n_waits += 1;
                self.promised_until_ns[faster as usize] = earlier_ns;
                None
            }
            Some(_) | None => Some(idle),
        }
    }

    pub(super) fn assign(&mut self, worker: u32, node: u32, free_at_ns: u64) {
        let place = self.place_of[worker as usize];
        self.idle.remove(place);
        self.free_at_ns[place as usize] = free_at_ns;
        self.promised_until_ns[place as usize] = free_at_ns;
        self.worker_of[node as usize] = worker;
    }

    pub(super) fn release(&mut self, node: u32) {
        self.idle.insert(self.place_of[self.worker_of[node as usize] as usize]);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.worker_of) + self.speeds.len() * 40
    }
}
