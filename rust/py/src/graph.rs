//! Dependency graphs as arrays: `makespan._core.Graph`.

use std::hash::BuildHasher;
use std::sync::Arc;

use makespan_core::graph::{
    Graph, NodeId, TransitiveReduction, ancestors, critical_path, descendants, subgraph, upward_rank,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use rustc_hash::FxBuildHasher;

use crate::detach::detached;
use crate::error::BindResult;

type PyIds<'py> = Bound<'py, PyArray1<i64>>;

/// Earliest start, latest start, path, length; in nanoseconds and node ids.
type PyCriticalPath<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>, PyIds<'py>, u64);

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

    /// Build a graph from the successors of every node.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn from_csr(
        py: Python<'_>,
        offsets: PyReadonlyArray1<'_, i64>,
        targets: PyReadonlyArray1<'_, i64>,
    ) -> BindResult<Self> {
        let (offsets, targets) = (copied(&offsets), copied(&targets));
        let graph = detached(py, || Graph::from_csr(&offsets, &targets))?;
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

    /// Both ends of every edge, ascending.
    fn edges<'py>(&self, py: Python<'py>) -> (PyIds<'py>, PyIds<'py>) {
        let (sources, targets): (Vec<i64>, Vec<i64>) = detached(py, || {
            let edges = self.0.edges();
            edges.map(|(before, after)| (i64::from(before.get()), i64::from(after.get()))).unzip()
        });
        (sources.into_pyarray(py), targets.into_pyarray(py))
    }

    /// Where the successors of each node begin, and the successors.
    fn to_csr<'py>(&self, py: Python<'py>) -> (PyIds<'py>, PyIds<'py>) {
        let (offsets, targets): (Vec<i64>, Vec<i64>) = detached(py, || {
            let (offsets, targets) = self.0.rows();
            (offsets.iter().map(|&offset| i64::from(offset)).collect(), ids(targets.iter().copied()))
        });
        (offsets.into_pyarray(py), targets.into_pyarray(py))
    }

    fn topological_order<'py>(&self, py: Python<'py>) -> PyIds<'py> {
        detached(py, || ids(self.0.topological_order())).into_pyarray(py)
    }

    fn levels<'py>(&self, py: Python<'py>) -> PyIds<'py> {
        let levels: Vec<i64> = detached(py, || self.0.levels().into_iter().map(i64::from).collect());
        levels.into_pyarray(py)
    }

    fn width(&self, py: Python<'_>) -> usize {
        detached(py, || self.0.width())
    }

    /// The successors of a node that the graph has.
    fn successors<'py>(&self, py: Python<'py>, node: u32) -> PyIds<'py> {
        ids(self.0.successors(NodeId::new(node)).iter().copied()).into_pyarray(py)
    }

    /// The predecessors of a node that the graph has; the first call on a graph goes through all edges.
    fn predecessors<'py>(&self, py: Python<'py>, node: u32) -> PyIds<'py> {
        detached(py, || ids(self.0.predecessors(NodeId::new(node)).iter().copied())).into_pyarray(py)
    }

    /// The ancestors of a node that the graph has.
    fn ancestors<'py>(&self, py: Python<'py>, node: u32) -> PyIds<'py> {
        detached(py, || ids(ancestors(&self.0, NodeId::new(node)))).into_pyarray(py)
    }

    /// The descendants of a node that the graph has.
    fn descendants<'py>(&self, py: Python<'py>, node: u32) -> PyIds<'py> {
        detached(py, || ids(descendants(&self.0, NodeId::new(node)))).into_pyarray(py)
    }

    /// The graph without implied edges; may be interrupted by a signal.
    fn transitive_reduction(&self, py: Python<'_>) -> BindResult<Self> {
        let mut reduction = detached(py, || TransitiveReduction::new(&self.0));
        while detached(py, || reduction.advance()) {
            py.check_signals()?;
        }
        Ok(Self(Arc::new(detached(py, || reduction.finish()))))
    }

    /// The graph of some nodes, called by their place in the array.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn subgraph(&self, py: Python<'_>, nodes: PyReadonlyArray1<'_, i64>) -> BindResult<Self> {
        let nodes = copied(&nodes);
        let graph = detached(py, || subgraph(&self.0, &nodes))?;
        Ok(Self(Arc::new(graph)))
    }

    /// Nanoseconds from the start of each node to the end of the longest path from it.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn upward_rank<'py>(
        &self,
        py: Python<'py>,
        durations_ns: PyReadonlyArray1<'_, u64>,
    ) -> BindResult<Bound<'py, PyArray1<u64>>> {
        let durations_ns = copied(&durations_ns);
        let ranks_ns = detached(py, || upward_rank(&self.0, &durations_ns))?;
        Ok(ranks_ns.into_pyarray(py))
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn critical_path<'py>(
        &self,
        py: Python<'py>,
        durations_ns: PyReadonlyArray1<'_, u64>,
    ) -> BindResult<PyCriticalPath<'py>> {
        let durations_ns = copied(&durations_ns);
        let found = detached(py, || critical_path(&self.0, &durations_ns))?;
        Ok((
            found.earliest_start_ns.into_pyarray(py),
            found.latest_start_ns.into_pyarray(py),
            ids(found.path).into_pyarray(py),
            found.length_ns,
        ))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> bool {
        let (ours, theirs) = (&self.0, &other.get().0);
        Arc::ptr_eq(ours, theirs) || detached(py, || ours == theirs)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        detached(py, || FxBuildHasher.hash_one(&*self.0))
    }
}

/// Node ids as numpy holds them.
fn ids(nodes: impl IntoIterator<Item = NodeId>) -> Vec<i64> {
    nodes.into_iter().map(|node| i64::from(node.get())).collect()
}

/// Copies an array while attached, so that what works detached borrows nothing of Python's.
pub(crate) fn copied<T: numpy::Element + Copy>(array: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    array.as_slice().map_or_else(|_| array.as_array().to_vec(), <[T]>::to_vec)
}
