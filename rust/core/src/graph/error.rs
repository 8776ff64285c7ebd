//! What can be wrong with the description of a graph.

use std::fmt;

use super::{N_NODES_MAX, NodeId};

/// Why a graph, or a question about one, was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// More nodes than [`N_NODES_MAX`].
    TooManyNodes {
        /// The number asked for.
        n_nodes: usize,
    },
    /// Edges are numbered with 32 bits.
    TooManyEdges {
        /// The number given, duplicates included.
        n_edges: usize,
    },
    /// An end of an edge is not a node of the graph.
    UnknownNode {
        /// The place of the edge in the input.
        edge_idx: usize,
        /// The end as it was given; may be negative.
        node: i64,
        /// The number of nodes of the graph.
        n_nodes: usize,
    },
    /// An edge leads from a node to itself.
    SelfLoop {
        /// The place of the edge in the input.
        edge_idx: usize,
        /// The node that would wait for itself.
        node: NodeId,
    },
    /// Nodes wait for each other.
    Cycle {
        /// The nodes of a cycle in order, the first not repeated; no cycle through the first node is shorter.
        nodes: Vec<NodeId>,
    },
    /// Two inputs that belong together differ in length.
    LengthMismatch {
        /// The input that has the wrong length.
        what: &'static str,
        /// The length it must have.
        expected: usize,
        /// The length it has.
        actual: usize,
    },
    /// Row offsets must begin with 0 and never fall.
    OffsetsNotAscending {
        /// The index of the first offset that breaks this.
        offset_idx: usize,
        /// The offset as it was given; may be negative.
        offset: i64,
    },
    /// A list of nodes names one that the graph does not have.
    NotANode {
        /// Its place in the list.
        node_idx: usize,
        /// The node as it was given; may be negative.
        node: i64,
        /// The number of nodes of the graph.
        n_nodes: usize,
    },
    /// A list of different nodes names one twice.
    RepeatedNode {
        /// Its second place in the list.
        node_idx: usize,
        /// The node.
        node: NodeId,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyNodes { n_nodes } => {
                write!(f, "a graph has at most {N_NODES_MAX} nodes, got {n_nodes}")
            }
            Self::TooManyEdges { n_edges } => {
                write!(f, "a graph has fewer than {} edges, got {n_edges}", u32::MAX)
            }
            Self::UnknownNode { edge_idx, node, n_nodes } => {
                write!(f, "edge {edge_idx} has node {node} at an end, but the graph has {n_nodes} nodes")
            }
            Self::SelfLoop { edge_idx, node } => {
                write!(f, "edge {edge_idx} leads from node {node} to itself")
            }
            Self::Cycle { nodes } => {
                write!(f, "nodes wait for each other: ")?;
                for node in nodes {
                    write!(f, "{node} -> ")?;
                }
                match nodes.first() {
                    Some(first) => write!(f, "{first}"),
                    None => Ok(()),
                }
            }
            Self::LengthMismatch { what, expected, actual } => {
                write!(f, "{what} must have length {expected}, got {actual}")
            }
            Self::OffsetsNotAscending { offset_idx, offset } => {
                write!(f, "offsets must ascend from 0, but the one at {offset_idx} is {offset}")
            }
            Self::NotANode { node_idx, node, n_nodes } => {
                write!(f, "entry {node_idx} is node {node}, but the graph has {n_nodes} nodes")
            }
            Self::RepeatedNode { node_idx, node } => {
                write!(f, "entry {node_idx} is node {node}, which was named before")
            }
        }
    }
}

impl std::error::Error for GraphError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_messages_name_the_value() {
        let cycle = GraphError::Cycle { nodes: [4, 7].map(NodeId::new).to_vec() };
        assert_eq!(cycle.to_string(), "nodes wait for each other: 4 -> 7 -> 4");
        let unknown = GraphError::UnknownNode { edge_idx: 2, node: -1, n_nodes: 3 };
        assert_eq!(unknown.to_string(), "edge 2 has node -1 at an end, but the graph has 3 nodes");
    }
}
