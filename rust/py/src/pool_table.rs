//! The names of resources, and the pools of the core that stand for them.

use makespan_core::sched::pools::Need;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustc_hash::FxHashMap;

use crate::amount::Unit;
use crate::error::{BindError, BindResult};

/// Which of a resource's two pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Amount,
    Tokens,
}

/// A resource: limited in amount, in rate, or in both.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) pool: Option<u32>,
    pub(crate) bucket: Option<u32>,
}

impl Row {
    pub(crate) fn unit(&self) -> Unit {
        Unit::of(&self.name)
    }
}

/// Resources by name, in order of addition.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolTable {
    rows: Vec<Row>,
    by_name: FxHashMap<String, u32>,
    /// The row of each pool of the core.
    row_of_pool: Vec<u32>,
}

impl PoolTable {
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.by_name.get(name).map(|idx| &self.rows[*idx as usize])
    }

    /// Names a new pool of the core.
    pub(crate) fn add(&mut self, name: &str, pool: u32, column: Column) {
        let idx = self.by_name.get(name).copied().unwrap_or_else(|| {
            let idx = self.rows.len() as u32;
            self.rows.push(Row { name: name.to_owned(), pool: None, bucket: None });
            self.by_name.insert(name.to_owned(), idx);
            idx
        });
        let row = &mut self.rows[idx as usize];
        match column {
            Column::Amount => row.pool = Some(pool),
            Column::Tokens => row.bucket = Some(pool),
        }
        debug_assert_eq!(self.row_of_pool.len(), pool as usize, "pools are named when they are made");
        self.row_of_pool.push(idx);
    }

    pub(crate) fn pool(&self, name: &str) -> Option<u32> {
        self.row(name)?.pool
    }

    pub(crate) fn bucket(&self, name: &str) -> Option<u32> {
        self.row(name)?.bucket
    }

    /// The resource that a pool belongs to.
    pub(crate) fn of_pool(&self, pool: u32) -> (&str, Unit) {
        let row = &self.rows[self.row_of_pool[pool as usize] as usize];
        (&row.name, row.unit())
    }

    /// Appends what an amount of a resource takes of the core's pools.
    pub(crate) fn resolve(
        &self,
        name: &str,
        amount: i64,
        needs: &mut Vec<Need>,
        who: impl Fn() -> String,
    ) -> BindResult<()> {
        let Some(row) = self.row(name) else {
            return Err(BindError::Unsatisfiable {
                who: who(),
                resource: name.to_owned(),
                requested: Unit::of(name).shown(amount),
                capacity: None,
            });
        };
        needs.extend([row.pool, row.bucket].into_iter().flatten().map(|pool| Need { pool, amount }));
        Ok(())
    }

    /// Amounts by name, as users write them.
    pub(crate) fn shown<'py>(&self, py: Python<'py>, needs: &[Need]) -> PyResult<Bound<'py, PyDict>> {
        let shown = PyDict::new(py);
        for need in needs {
            let (name, unit) = self.of_pool(need.pool);
            shown.set_item(name, unit.shown(need.amount))?;
        }
        Ok(shown)
    }
}
