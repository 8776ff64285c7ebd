//! The indexed priority queue.
//!
//! - [`heap`]: the heap below it

pub mod heap;

pub use self::heap::IndexedHeap;
