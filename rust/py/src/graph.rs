//! Dependency graphs as arrays: `makespan._core.Graph`.

use std::sync::Arc;

use makespan_core::graph::{Graph, critical_path};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::detach::detached;
use crate::error::BindResult;

/// Earliest start, latest start, path, length; in nanoseconds and node ids.
type PyCriticalPath<'py> =
    (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<i64>>, u64);

/// The native part of `makespan.DependencyGraph`.
#[pyclass(name = "Graph", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyGraph(Arc<Graph>);

impl PyGraph {
    /// The graph, shared.
    pub(crate) fn shared(&self) -> Arc<Graph> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl PyGraph {
    /// Build a graph from the two ends of every edge.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn from_edges(
        py: Python<'_>,
        n_nodes: usize,
        source: PyReadonlyArray1<'_, i64>,
        target: PyReadonlyArray1<'_, i64>,
    ) -> BindResult<Self> {
        let (source, target) = (copied(&source), copied(&target));
        let graph = detached(py, || Graph::from_arrays(n_nodes, &source, &target))?;
        Ok(Self(Arc::new(graph)))
    }

    #[getter]
    fn n_nodes(&self) -> usize {
        self.0.n_nodes()
    }

    #[getter]
    fn n_edges(&self) -> usize {
        self.0.n_edges()
    }

    fn topological_order<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let order: Vec<i64> =
            detached(py, || self.0.topological_order().map(|node| i64::from(node.get())).collect());
        order.into_pyarray(py)
    }

    fn levels<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let levels: Vec<i64> = detached(py, || self.0.levels().into_iter().map(i64::from).collect());
        levels.into_pyarray(py)
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn critical_path<'py>(
        &self,
        py: Python<'py>,
        durations_ns: PyReadonlyArray1<'_, u64>,
    ) -> BindResult<PyCriticalPath<'py>> {
        let durations_ns = copied(&durations_ns);
        let found = detached(py, || critical_path(&self.0, &durations_ns))?;
        let path: Vec<i64> = found.path.iter().map(|node| i64::from(node.get())).collect();
        Ok((
            found.earliest_start_ns.into_pyarray(py),
            found.latest_start_ns.into_pyarray(py),
            path.into_pyarray(py),
            found.length_ns,
        ))
    }
}

/// Copies an array while attached, so that what works detached borrows nothing of Python's.
pub(crate) fn copied<T: numpy::Element + Copy>(array: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    array.as_slice().map_or_else(|_| array.as_array().to_vec(), <[T]>::to_vec)
}
