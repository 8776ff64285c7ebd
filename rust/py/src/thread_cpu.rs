//! Which share of its time a long node spent on a processor: what it waited for the interpreter is not its work.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A share of a wall time, in two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuShare(u16);

const WHOLE: u16 = u16::MAX - 1;

impl CpuShare {
    pub(crate) const UNKNOWN: Self = Self(u16::MAX);

    fn of(cpu_ns: u64, wall_ns: u64) -> Self {
        let share = u128::from(cpu_ns) * u128::from(WHOLE) / u128::from(wall_ns.max(1));
        Self(u16::try_from(share).map_or(WHOLE, |share| share.min(WHOLE)))
    }

    /// The processor time in nanoseconds, if it is known.
    pub(crate) fn cpu_ns(self, wall_ns: u64) -> Option<u64> {
        let cpu_ns = u128::from(wall_ns) * u128::from(self.0) / u128::from(WHOLE);
        (self != Self::UNKNOWN).then(|| u64::try_from(cpu_ns).unwrap_or(u64::MAX))
    }
}

/// The processor time of this thread when a node began.
pub(crate) struct CpuWatch(u64);

impl CpuWatch {
    /// Begins to watch; none where the system does not tell.
    pub(crate) fn start(py: Python<'_>) -> Option<Self> {
        thread_cpu_ns(py).map(Self)
    }

    /// The share since it began.
    pub(crate) fn share(self, py: Python<'_>, wall_ns: u64) -> CpuShare {
        thread_cpu_ns(py)
            .map_or(CpuShare::UNKNOWN, |now_ns| CpuShare::of(now_ns.saturating_sub(self.0), wall_ns))
    }
}

fn thread_cpu_ns(py: Python<'_>) -> Option<u64> {
    static THREAD_TIME: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let function = THREAD_TIME.get_or_init(py, || {
        py.import("time").and_then(|time| time.getattr("thread_time_ns")).ok().map(Bound::unbind)
    });
    function.as_ref()?.call0(py).ok()?.extract(py).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_shares_come_back_to_one_part_in_sixty_thousand() {
        for (cpu_ns, wall_ns) in [(0, 5_000_000), (1_234_567, 5_000_000), (5_000_000, 5_000_000)] {
            let known_ns = CpuShare::of(cpu_ns, wall_ns).cpu_ns(wall_ns).expect("it is known");
            assert!(known_ns.abs_diff(cpu_ns) <= wall_ns / 60_000, "{known_ns} {cpu_ns}");
        }
        // Clocks differ: a thread may have been on a processor for longer than the wall time says.
        assert_eq!(CpuShare::of(9, 5).cpu_ns(5), Some(5));
        assert_eq!(CpuShare::of(1, 0).cpu_ns(0), Some(0));
        assert_eq!(CpuShare::UNKNOWN.cpu_ns(5), None);
    }
}
