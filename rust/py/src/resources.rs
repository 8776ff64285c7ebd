//! Resources as Python sees them: asking, waiting, giving back, looking on.
//!
//! Nothing is decided here: amounts are read, `desk.rs` is asked, and threads wait. Python runs only while the desk's lock is
//! free: clocks, samplers and bells of event loops are called before it or after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use makespan_core::sched::grants::{Rate, Request, Ticket};
use makespan_core::sched::pools::Need;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::amount::{Shown, each_need, invalid};
use crate::desk::{Bell, Look};
use crate::detach::detached;
use crate::error::{BindError, BindResult};
use crate::grant::PyGrant;
use crate::pool_table::Column;
use crate::request::{holder_is_dead, holder_of, milli_of, ns_of, priority_of, timeout_of};
use crate::shared::{Rings, Shared, deliver};
use crate::sync::Condvar;
use crate::time_source::TimeSource;
use crate::waiter::{Waker, Who, is_process_alive};

/// How long a thread waits before it looks for signals.
const SIGNAL_PERIOD_NS: u64 = 50_000_000;

/// The same where the clock is not ours: it may jump at any time.
const FOREIGN_CLOCK_PERIOD_NS: u64 = 2_000_000;

/// How often it is looked whether holders that are processes are still there, while somebody waits.
const RECLAIM_PERIOD_NS: u64 = 1_000_000_000;

/// What tells how much of its resources the machine uses.
#[derive(Debug)]
struct Sampler {
    function: Py<PyAny>,
    period_ns: u64,
}

/// The native base of `makespan.ResourceManager`.
#[pyclass(name = "Resources", module = "makespan._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct PyResources {
    /// Replaced in a forked child.
    shared: Mutex<Arc<Shared>>,
    ageing_milli: i64,
    pub(crate) time: TimeSource,
    sampler: OnceLock<Sampler>,
    sampled_ns: AtomicU64,
    reclaimed_ns: AtomicU64,
}

/// How waiting ended.
enum Waited {
    Held,
    TimedOut,
}

impl PyResources {
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn now_ns(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.time.now_ns(py)?)
    }

    /// The same for who only looks on, or gives back: where the clock fails, time stands still.
    pub(crate) fn now_or_still_ns(&self, py: Python<'_>) -> u64 {
        self.now_ns(py).unwrap_or_else(|error| {
            error.write_unraisable(py, None);
            self.time.last_ns()
        })
    }

    /// How long one who waits sleeps at most before it looks around.
    pub(crate) fn period_ns(&self) -> u64 {
        if self.time.is_native() { SIGNAL_PERIOD_NS } else { FOREIGN_CLOCK_PERIOD_NS }
    }

    /// Whether something may change that rings no bell: the machine's use, or a clock that is not ours.
    pub(crate) fn must_be_looked_at(&self) -> bool {
        self.sampler.get().is_some() || !self.time.is_native()
    }

    /// Asks how much the machine uses, if it was not asked just now.
    pub(crate) fn sample(&self, py: Python<'_>, shared: &Shared, now_ns: u64) {
        let Some(sampler) = self.sampler.get() else {
            return;
        };
        let last_ns = self.sampled_ns.load(Ordering::Relaxed);
        let is_due = last_ns == 0 || now_ns >= last_ns.saturating_add(sampler.period_ns);
        if !is_due
            || self
                .sampled_ns
                .compare_exchange(last_ns, now_ns.max(1), Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let told =
            sampler.function.bind(py).call0().and_then(|levels| levels.extract::<Vec<(String, f64)>>());
        match told {
            Ok(levels) => {
                let mut rings = Rings::new();
                for (name, level) in levels {
                    if let Some(pool) = shared.table().pool(&name) {
                        let level_milli = milli_of(level);
                        shared.desk.change(&mut rings, |grants, granted| {
                            grants.set_pressure(pool, level_milli, granted);
                        });
                    }
                }
                deliver(py, rings);
            }
            Err(error) => error.write_unraisable(py, None),
        }
    }

    /// Takes back what processes held that are no more; returns how many grants.
    fn reclaim_processes(&self, py: Python<'_>, shared: &Shared, now_ns: u64) -> usize {
        self.reclaimed_ns.store(now_ns, Ordering::Relaxed);
        let processes = shared.desk.read(|grants, who| {
            let mut found = Vec::new();
            for view in grants.held().chain(grants.waiting()) {
                if let Some(Who::Process { pid, started }) = who(view.ticket) {
                    found.push((view.holder, pid, started));
                }
            }
            found
        });
        let mut rings = Rings::new();
        let mut n_reclaimed = 0;
        for (holder, pid, started) in processes {
            if !is_process_alive(pid, started) {
                n_reclaimed += shared.desk.reclaim(now_ns, holder, &mut rings);
            }
        }
        deliver(py, rings);
        n_reclaimed
    }

    /// Looks, while somebody waits, for what rings no bell: the machine's use, and holders that have died.
    pub(crate) fn look_around(&self, py: Python<'_>, shared: &Shared, now_ns: u64) {
        self.sample(py, shared, now_ns);
        if now_ns >= self.reclaimed_ns.load(Ordering::Relaxed).saturating_add(RECLAIM_PERIOD_NS) {
            self.reclaim_processes(py, shared, now_ns);
        }
    }

    /// Waits for a ticket, detached, in slices, with a look for signals after each.
    fn wait(
        &self,
        py: Python<'_>,
        shared: &Shared,
        ticket: Ticket,
        bell: &Condvar,
        deadline_ns: Option<u64>,
    ) -> PyResult<Waited> {
        loop {
            let now_ns = self.now_ns(py)?;
            self.look_around(py, shared, now_ns);
            let mut rings = Rings::new();
            let look = shared.desk.look(now_ns, ticket, &mut rings);
            deliver(py, rings);
            let (wake_ns, n_turns) = match look {
                Look::Held => return Ok(Waited::Held),
                Look::Closed => return Err(BindError::ClosedResources.into()),
                Look::Over => return Err(holder_is_dead(py).into()),
                Look::Waiting { wake_ns, n_turns } => (wake_ns, n_turns),
            };
            if deadline_ns.is_some_and(|deadline_ns| now_ns >= deadline_ns) {
                return Ok(Waited::TimedOut);
            }
            let until_ns = [deadline_ns, wake_ns].into_iter().flatten().min().unwrap_or(u64::MAX);
            let pause = Duration::from_nanos(until_ns.saturating_sub(now_ns).min(self.period_ns()));
            detached(py, || shared.desk.wait(ticket, bell, n_turns, pause));
            py.check_signals()?;
        }
    }

    /// Asks, and waits for as long as it takes or `timeout_s` says; nothing is left behind where that fails.
    pub(crate) fn blocking(
        &self,
        py: Python<'_>,
        shared: &Shared,
        request: Request<'_>,
        who: &Who,
        timeout_s: Option<f64>,
    ) -> PyResult<Ticket> {
        let now_ns = self.now_ns(py)?;
        self.sample(py, shared, now_ns);
        let mut rings = Rings::new();
        let mut bell = None;
        let new_bell = || Bell::Thread(Arc::clone(bell.insert(Arc::new(Condvar::new()))));
        let requested = shared.desk.request(now_ns, request, who.clone(), Some(new_bell), &mut rings);
        deliver(py, rings);
        let (ticket, is_held) = requested.map_err(|refusal| shared.named(refusal, || who.text(py)))?;
        let Some(bell) = bell else {
            debug_assert!(is_held, "who waits has a bell");
            return Ok(ticket);
        };
        let waited = match timeout_s {
            None => Self::refuse_waiting_for_itself(py, shared, request, who).map_err(PyErr::from),
            Some(_) => Ok(()),
        };
        let deadline_ns = timeout_s.map(|timeout_s| now_ns.saturating_add(ns_of(timeout_s)));
        match waited.and_then(|()| self.wait(py, shared, ticket, &bell, deadline_ns)) {
            Ok(Waited::Held) => Ok(ticket),
            Ok(Waited::TimedOut) => {
                match self.timed_out(py, shared, ticket, timeout_s.unwrap_or(f64::INFINITY))? {
                    None => Ok(ticket),
                    Some(error) => Err(error.into()),
                }
            }
            Err(error) => {
                shared.release(py, now_ns, ticket);
                Err(error)
            }
        }
    }

    /// Lets a ticket wait no more; returns what is to be raised, none if it was granted at the last moment.
    pub(crate) fn timed_out(
        &self,
        py: Python<'_>,
        shared: &Shared,
        ticket: Ticket,
        timeout_s: f64,
    ) -> PyResult<Option<BindError>> {
        let mut rings = Rings::new();
        let short = shared.desk.give_up(self.now_ns(py)?, ticket, &mut rings);
        deliver(py, rings);
        let table = shared.table();
        Ok(short.map(|(need, free)| {
            let (resource, unit) = table.of_pool(need.pool);
            BindError::AcquireTimeout {
                resource: resource.to_owned(),
                requested: unit.shown(need.amount),
                available: unit.shown(free.max(0)),
                timeout_s,
            }
        }))
    }

    /// Refuses to let a thread wait, without end, for what it holds itself.
    fn refuse_waiting_for_itself(
        py: Python<'_>,
        shared: &Shared,
        request: Request<'_>,
        who: &Who,
    ) -> BindResult<()> {
        match who {
            // A node on the thread that asks for it holds under the number of that thread.
            Who::Thread(_) | Who::Node(..) => {}
            Who::Process { .. } | Who::Named(_) => return Ok(()),
        }
        let hopeless = shared.desk.read(|grants, _| {
            let of_itself = request.needs.iter().map(|need| {
                let own = grants.held_by(request.holder, need.pool);
                (*need, grants.capacity(need.pool), own)
            });
            of_itself.into_iter().find(|(need, capacity, own)| *own > 0 && need.amount > capacity - own)
        });
        let Some((need, capacity, own)) = hopeless else {
            return Ok(());
        };
        let table = shared.table();
        let (resource, unit) = table.of_pool(need.pool);
        Err(BindError::Unsatisfiable {
            who: format!("{}, which holds {} of it itself,", who.text(py), unit.shown(own)),
            resource: resource.to_owned(),
            requested: unit.shown(need.amount),
            capacity: Some(unit.shown(capacity)),
        })
    }

    /// Reads what is asked for.
    fn needs(shared: &Shared, needs: &Bound<'_, PyAny>, who: &Who) -> BindResult<Vec<Need>> {
        let table = shared.table();
        let mut resolved = Vec::with_capacity(2);
        each_need(needs, |name, amount| {
            table.resolve(name.to_str()?, amount, &mut resolved, || who.text(needs.py()))
        })?;
        if resolved.is_empty() {
            return Err(invalid("needs", needs, "at least one resource"));
        }
        Ok(resolved)
    }
}

#[pymethods]
impl PyResources {
    #[new]
    #[pyo3(signature = (*, ageing_milli, clock))]
    fn new(ageing_milli: i64, clock: Option<Py<PyAny>>) -> Self {
        Self {
            shared: Mutex::new(Arc::new(Shared::new(ageing_milli))),
            ageing_milli,
            time: TimeSource::new(clock),
            sampler: OnceLock::new(),
            sampled_ns: AtomicU64::new(0),
            reclaimed_ns: AtomicU64::new(0),
        }
    }

    /// Wait until all of `needs` is granted at once.
    #[pyo3(signature = (needs, *, timeout = None, priority = None, holder = None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        needs: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        priority: Option<&Bound<'_, PyAny>>,
        holder: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyGrant> {
        let py = slf.py();
        let this = slf.get();
        let timeout_s = timeout_of(timeout)?;
        let (holder, who) = holder_of(holder)?;
        let shared = this.shared();
        let needs = Self::needs(&shared, needs, &who)?;
        let request = Request { holder, needs: &needs, priority: priority_of(priority)?, since_ns: None };
        let ticket = this.blocking(py, &shared, request, &who, timeout_s)?;
        Ok(PyGrant::new(slf, shared, ticket, needs))
    }

    /// Take all of `needs` if that can be granted now, and None otherwise.
    #[pyo3(signature = (needs, *, priority = None, holder = None))]
    fn try_acquire(
        slf: &Bound<'_, Self>,
        needs: &Bound<'_, PyAny>,
        priority: Option<&Bound<'_, PyAny>>,
        holder: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<PyGrant>> {
        let py = slf.py();
        let (holder, who) = holder_of(holder)?;
        let shared = slf.get().shared();
        let needs = Self::needs(&shared, needs, &who)?;
        let request = Request { holder, needs: &needs, priority: priority_of(priority)?, since_ns: None };
        let now_ns = slf.get().now_ns(py)?;
        slf.get().sample(py, &shared, now_ns);
        let mut rings = Rings::new();
        let nobody: Option<fn() -> Bell<Waker>> = None;
        let requested = shared.desk.request(now_ns, request, who.clone(), nobody, &mut rings);
        deliver(py, rings);
        let (ticket, is_held) = requested.map_err(|refusal| shared.named(refusal, || who.text(py)))?;
        Ok(is_held.then(|| PyGrant::new(slf, shared, ticket, needs)))
    }

    /// Asks without waiting: the grant is held, or `ring` is called when it may be.
    fn _request(
        slf: &Bound<'_, Self>,
        needs: &Bound<'_, PyAny>,
        priority: &Bound<'_, PyAny>,
        holder: Option<&Bound<'_, PyAny>>,
        ring: Py<PyAny>,
    ) -> PyResult<PyGrant> {
        let py = slf.py();
        let (holder, who) = holder_of(holder)?;
        let shared = slf.get().shared();
        let needs = Self::needs(&shared, needs, &who)?;
        let request =
            Request { holder, needs: &needs, priority: priority_of(Some(priority))?, since_ns: None };
        let now_ns = slf.get().now_ns(py)?;
        slf.get().sample(py, &shared, now_ns);
        let mut rings = Rings::new();
        let bell = || Bell::Other(Waker::Loop(Arc::new(ring)));
        let requested = shared.desk.request(now_ns, request, who.clone(), Some(bell), &mut rings);
        deliver(py, rings);
        let (ticket, _) = requested.map_err(|refusal| shared.named(refusal, || who.text(py)))?;
        Ok(PyGrant::new(slf, shared, ticket, needs))
    }

    /// Sets a limit, in the core's units; makes the pool where there is none of the name.
    fn _set_limit(&self, py: Python<'_>, name: &str, amount: i64) -> PyResult<()> {
        let now_ns = self.now_ns(py)?;
        let shared = self.shared();
        let mut rings = Rings::new();
        let pool = shared.table().pool(name);
        shared.desk.change(&mut rings, |grants, granted| {
            if let Some(pool) = pool {
                grants.set_capacity(now_ns, pool, amount, granted);
            } else {
                shared.add_to_table(name, grants.add_pool(amount), Column::Amount);
            }
        });
        deliver(py, rings);
        Ok(())
    }

    /// Sets a rate, in the core's units; makes the bucket where there is none of the name.
    fn _set_rate(&self, py: Python<'_>, name: &str, amount: i64, period_ns: u64, burst: i64) -> PyResult<()> {
        let now_ns = self.now_ns(py)?;
        let shared = self.shared();
        let rate = Rate { amount, period_ns, burst };
        let mut rings = Rings::new();
        let bucket = shared.table().bucket(name);
        shared.desk.change(&mut rings, |grants, granted| {
            if let Some(bucket) = bucket {
                grants.set_rate(now_ns, bucket, rate, granted);
            } else {
                shared.add_to_table(name, grants.add_bucket(now_ns, rate), Column::Tokens);
            }
        });
        deliver(py, rings);
        Ok(())
    }

    /// Throttles pools above a use of the machine, as `sample` tells at most once in `every_s`.
    fn _throttle(&self, py: Python<'_>, thresholds: Vec<(String, f64)>, sample: Py<PyAny>, every_s: f64) {
        let shared = self.shared();
        let mut rings = Rings::new();
        for (name, threshold) in thresholds {
            if let Some(pool) = shared.table().pool(&name) {
                shared.desk.change(&mut rings, |grants, granted| {
                    grants.set_throttle(pool, Some(milli_of(threshold)), granted);
                });
            }
        }
        deliver(py, rings);
        let period_ns = ns_of(every_s);
        let unused = self.sampler.set(Sampler { function: sample, period_ns });
        debug_assert!(unused.is_ok(), "a manager is told once what it throttles");
    }

    /// Name, limit, used, peak, waiting, throttled, and tokens that are there with the burst; by resource.
    #[expect(clippy::type_complexity, reason = "a row of a table, named in Python")]
    fn _usage(
        &self,
        py: Python<'_>,
    ) -> Vec<(String, Option<Shown>, Shown, Shown, usize, bool, Option<(Shown, Shown)>)> {
        let now_ns = self.now_or_still_ns(py);
        let shared = self.shared();
        self.sample(py, &shared, now_ns);
        let mut rings = Rings::new();
        shared.desk.change(&mut rings, |grants, granted| grants.advance(now_ns, granted));
        deliver(py, rings);
        let table = shared.table();
        shared.desk.read(|grants, _| {
            let row = |row: &crate::pool_table::Row| {
                let unit = row.unit();
                let of_pool = |read: &dyn Fn(u32) -> i64| unit.shown(row.pool.map_or(0, read));
                let waiting = |pool| grants.n_waiting_for(pool);
                let n_waiting = row.pool.map_or(0, waiting).max(row.bucket.map_or(0, waiting));
                (
                    row.name.clone(),
                    row.pool.map(|pool| unit.shown(grants.capacity(pool))),
                    of_pool(&|pool| grants.taken(pool)),
                    of_pool(&|pool| grants.peak(pool)),
                    n_waiting,
                    row.pool.is_some_and(|pool| grants.is_throttled(pool)),
                    row.bucket.map(|pool| (unit.shown(grants.free(pool)), unit.shown(grants.capacity(pool)))),
                )
            };
            table.rows().iter().map(row).collect()
        })
    }

    /// Who, what by name, and for how many seconds: of tickets that hold, or of those that wait, in order.
    fn _tickets<'py>(
        &self,
        py: Python<'py>,
        is_waiting: bool,
    ) -> PyResult<Vec<(String, Bound<'py, PyDict>, f64)>> {
        let now_ns = self.now_or_still_ns(py);
        let shared = self.shared();
        let tickets = shared.desk.read(|grants, who| {
            let view = |view: makespan_core::sched::grants::TicketView<'_>| {
                (who(view.ticket), view.needs.to_vec(), now_ns.saturating_sub(view.since_ns))
            };
            if is_waiting {
                grants.waiting().map(view).collect()
            } else {
                grants.held().map(view).collect::<Vec<_>>()
            }
        });
        let table = shared.table();
        let mut rows = Vec::with_capacity(tickets.len());
        for (who, needs, ns) in tickets {
            let text = who.map_or_else(String::new, |who| who.text(py));
            rows.push((text, table.shown(py, &needs)?, Duration::from_nanos(ns).as_secs_f64()));
        }
        Ok(rows)
    }

    /// Counts since the beginning, and how many tickets hold and wait now.
    fn _counts(&self) -> (u64, u64, f64, f64, u64, u64, usize, usize) {
        self.shared().desk.read(|grants, _| {
            let counts = grants.counts();
            (
                counts.n_granted,
                counts.n_waited,
                Duration::from_nanos(counts.waited_ns).as_secs_f64(),
                Duration::from_nanos(counts.waited_ns_max).as_secs_f64(),
                counts.n_withdrawn,
                counts.n_reclaimed,
                grants.n_held(),
                grants.n_waiting(),
            )
        })
    }

    /// Take back what processes held that have ended; return how many grants that were.
    fn reclaim_dead(&self, py: Python<'_>) -> PyResult<usize> {
        let now_ns = self.now_ns(py)?;
        Ok(self.reclaim_processes(py, &self.shared(), now_ns))
    }

    /// Grant nothing more; who waits gets an exception. What is held stays held until it is released.
    fn close(&self, py: Python<'_>) {
        let mut rings = Rings::new();
        self.shared().desk.close(&mut rings);
        deliver(py, rings);
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.shared().desk.is_closed()
    }

    /// Begins again with nothing held, in a forked child, where nobody gives back what the parent's threads hold.
    fn _restart(&self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.abandon();
        *shared = Arc::new(Shared::new(self.ageing_milli));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.time.traverse(&visit)?;
        if let Some(sampler) = self.sampler.get() {
            visit.call(&sampler.function)?;
        }
        Ok(())
    }
}
