//! The paths of a workflow's nodes: names for people and journals.

use rustc_hash::FxHashMap;

/// A workflow called inside a workflow: its nodes' paths begin with the scope's.
#[derive(Clone, Debug)]
struct Scope {
    /// `inner[0]` and, before it, the scopes around it.
    prefix: String,
}

/// The names of a workflow, its steps and its parameters. Holds no Python object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) workflow: String,
    pub(crate) parameters: Vec<String>,
    steps: Vec<String>,
    step_of_node: Vec<u32>,
    scopes: Vec<Scope>,
    /// Empty as long as no workflow was called inside this one; 0 is the outermost scope.
    scope_of_node: Vec<u32>,
    scope: u32,
    /// How many scopes begin with a name inside a scope.
    n_scopes: FxHashMap<String, usize>,
}

impl Names {
    pub(crate) fn new(workflow: String) -> Self {
        Self { workflow, scopes: vec![Scope { prefix: String::new() }], ..Self::default() }
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.step_of_node.len()
    }

    /// Adds a step's name and returns its index.
    pub(crate) fn add_step(&mut self, name: &str) -> u32 {
        self.steps.push(name.to_owned());
        self.steps.len() as u32 - 1
    }

    #[inline]
    pub(crate) fn add_node(&mut self, step_idx: u32) {
        self.step_of_node.push(step_idx);
        if self.scopes.len() > 1 {
            self.scope_of_node.push(self.scope);
        }
    }

    /// Enters a workflow called inside this one; returns the scope to go back to.
    pub(crate) fn enter_scope(&mut self, name: &str) -> u32 {
        self.scope_of_node.resize(self.n_nodes(), 0);
        let outer = self.scopes[self.scope as usize].prefix.clone();
        let stem = format!("{outer}{name}[");
        let count = self.n_scopes.entry(stem.clone()).or_default();
        let ordinal = *count;
        *count += 1;
        let previous = self.scope;
        self.scope = self.scopes.len() as u32;
        self.scopes.push(Scope { prefix: format!("{stem}{ordinal}]/") });
        previous
    }

    pub(crate) fn leave_scope(&mut self, previous: u32) {
        self.scope = previous;
    }

    pub(crate) fn n_steps(&self) -> usize {
        self.steps.len()
    }

    pub(crate) fn step(&self, step_idx: usize) -> &str {
        &self.steps[step_idx]
    }

    pub(crate) fn step_of_node(&self) -> &[u32] {
        &self.step_of_node
    }

    pub(crate) fn step_name(&self, node: u32) -> &str {
        &self.steps[self.step_of_node[node as usize] as usize]
    }

    fn scope_of(&self, node: u32) -> u32 {
        self.scope_of_node.get(node as usize).copied().unwrap_or(0)
    }

    fn path_with(&self, node: u32, ordinal: usize) -> String {
        format!(
            "{}/{}{}[{ordinal}]",
            self.workflow,
            self.scopes[self.scope_of(node) as usize].prefix,
            self.step_name(node)
        )
    }

    /// Returns one node's path; O(node).
    pub(crate) fn path(&self, node: u32) -> String {
        let (name, scope) = (self.step_name(node), self.scope_of(node));
        let ordinal = (0..node)
            .filter(|&earlier| self.step_name(earlier) == name && self.scope_of(earlier) == scope)
            .count();
        self.path_with(node, ordinal)
    }

    /// Returns every node's path, by id.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut counts: FxHashMap<(&str, u32), usize> = FxHashMap::default();
        (0..self.n_nodes() as u32)
            .map(|node| {
                let count = counts.entry((self.step_name(node), self.scope_of(node))).or_default();
                *count += 1;
                self.path_with(node, *count - 1)
            })
            .collect()
    }

    /// Finds a node by its path, by its path without the workflow's name, or by a step name used once.
    pub(crate) fn find(&self, wanted: &str, paths: &[String]) -> Option<u32> {
        let full = format!("{}/{wanted}", self.workflow);
        if let Some(node) = paths.iter().position(|path| path == wanted || *path == full) {
            return Some(node as u32);
        }
        let mut named = (0..self.n_nodes() as u32).filter(|&node| self.step_name(node) == wanted);
        match (named.next(), named.next()) {
            (Some(node), None) => Some(node),
            (None | Some(_), _) => None,
        }
    }
}
