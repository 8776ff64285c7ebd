//! What a manager of resources, its grants and the runs of its engine share: the desk, and the names of its pools.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use makespan_core::sched::grants::{GrantError, Grants, Ticket};
use makespan_core::sched::pools::Need;
use pyo3::prelude::*;

use crate::desk::{self, Refusal, Ring};
use crate::error::{self, BindError, BindResult};
use crate::pool_table::{Column, PoolTable};
use crate::waiter::{Waker, Who};

pub(crate) type Desk = desk::Desk<Waker, Who>;
pub(crate) type Rings = Vec<Ring<Waker>>;

/// The desk, and the names of its pools.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) desk: Desk,
    /// Replaced as a whole, so that no lock is held while it is read.
    table: Mutex<Arc<PoolTable>>,
    /// In a forked child, where what the parent's threads held is given back by nobody.
    is_abandoned: AtomicBool,
}

impl Shared {
    pub(crate) fn new(ageing_milli: i64) -> Self {
        Self {
            desk: Desk::new(Grants::new(ageing_milli)),
            table: Mutex::default(),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Gives back what a ticket holds, or lets it wait no more.
    pub(crate) fn release(&self, py: Python<'_>, now_ns: u64, ticket: Ticket) {
        if !self.is_abandoned() {
            let mut rings = Rings::new();
            self.desk.release(now_ns, ticket, &mut rings);
            deliver(py, rings);
        }
    }

    /// Whether this is what a parent process left in a forked child.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    pub(crate) fn table(&self) -> Arc<PoolTable> {
        Arc::clone(&self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn add_to_table(&self, name: &str, pool: u32, column: Column) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut table).add(name, pool, column);
    }

    /// Gives a refusal the names that the user knows.
    pub(crate) fn named(&self, refusal: Refusal, who: impl FnOnce() -> String) -> BindError {
        let error = match refusal {
            Refusal::Closed => return BindError::ClosedResources,
            Refusal::Error(error) => error,
        };
        match error {
            GrantError::Unsatisfiable { pool, requested, capacity } => {
                let table = self.table();
                let (resource, unit) = table.of_pool(pool);
                BindError::Unsatisfiable {
                    who: who(),
                    resource: resource.to_owned(),
                    requested: unit.shown(requested),
                    capacity: Some(unit.shown(capacity)),
                }
            }
            GrantError::UnknownPool { .. }
            | GrantError::NotPositive { .. }
            | GrantError::Repeated { .. }
            | GrantError::UnknownTicket { .. } => {
                BindError::Python(error::internal(&format!("resources were asked for in vain: {error}")))
            }
        }
    }

    /// Leaves what is held to nobody: this is a forked child.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    /// Puts the core's pools in the place of names.
    pub(crate) fn resolved(
        &self,
        demands: &[(String, i64)],
        who: impl Fn() -> String,
    ) -> BindResult<Box<[Need]>> {
        let table = self.table();
        let mut needs = Vec::with_capacity(demands.len() + 1);
        for (name, amount) in demands {
            table.resolve(name, *amount, &mut needs, &who)?;
        }
        Ok(needs.into())
    }
}

/// Rings the bells of those who were granted something.
pub(crate) fn deliver(py: Python<'_>, rings: Rings) {
    if !rings.is_empty() {
        desk::deliver(rings, |waker, ticket, is_granted| waker.ring(py, ticket, is_granted));
    }
}
