//! What the machine has for this process: cores by affinity and control groups, memory, graphics processors.
//!
//! Reading is one function that is passed around; what the texts mean is worked out by the others, and tested with texts.

use pyo3::prelude::*;

/// How a file is read; none where there is none.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where control groups are mounted, for each way to mount them.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const CPU: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];
const MEMORY: [&str; 1] = ["/sys/fs/cgroup/memory"];

/// From here on a limit of memory is none: the first version says "unlimited" as a number near the largest.
const UNLIMITED_BYTES: i64 = 1 << 60;

/// Return cores in thousandths, bytes of memory where they are known, and how many graphics processors there are.
///
/// Cores and memory are the smaller of what the machine has and what control groups allow, at least one core.
#[pyfunction]
pub(crate) fn host() -> (i64, Option<i64>, usize) {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let devices = std::fs::read_dir("/dev").into_iter().flatten().filter_map(Result::ok);
    let devices = devices.filter_map(|device| device.file_name().into_string().ok());
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    (cores_milli(&read), memory_bytes(&read), n_gpus(visible.as_deref(), devices))
}

/// Cores that threads of this process may run on, and the share of them that control groups allow.
fn cores_milli(read: Read<'_>) -> i64 {
    let allowed = read("/proc/self/status").and_then(|status| allowed_cores(&status));
    let n_cores = allowed.or_else(|| i64::try_from(std::thread::available_parallelism().ok()?.get()).ok());
    let cores_milli = 1_000 * n_cores.unwrap_or(1).max(1);
    quota_milli(read).map_or(cores_milli, |quota| quota.clamp(1_000, cores_milli))
}

fn memory_bytes(read: Read<'_>) -> Option<i64> {
    let total = read("/proc/meminfo").and_then(|meminfo| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
    });
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limit = |text: String| text.trim().parse().ok().filter(|bytes| *bytes < UNLIMITED_BYTES);
    let second = path_of(&groups, "")
        .and_then(|path| tightest(&UNIFIED, path, &|folder| limit(read(&format!("{folder}/memory.max"))?)));
    let first = path_of(&groups, "memory").and_then(|path| {
        tightest(&MEMORY, path, &|folder| limit(read(&format!("{folder}/memory.limit_in_bytes"))?))
    });
    [total, second, first].into_iter().flatten().min()
}

/// What control groups allow of the processors' time, in thousandths of a core.
fn quota_milli(read: Read<'_>) -> Option<i64> {
    let groups = read("/proc/self/cgroup")?;
    let second = path_of(&groups, "").and_then(|path| {
        tightest(&UNIFIED, path, &|folder| {
            let text = read(&format!("{folder}/cpu.max"))?;
            let (quota, period) = text.trim().split_once(' ')?;
            share_milli(quota, period)
        })
    });
    let first = path_of(&groups, "cpu").and_then(|path| {
        tightest(&CPU, path, &|folder| {
            let quota = read(&format!("{folder}/cpu.cfs_quota_us"))?;
            share_milli(&quota, &read(&format!("{folder}/cpu.cfs_period_us"))?)
        })
    });
    [second, first].into_iter().flatten().min()
}

/// A quota per period, in thousandths; none for "max", -1 and what cannot be read.
fn share_milli(quota: &str, period: &str) -> Option<i64> {
    let [quota, period] = [quota, period].map(|text| text.trim().parse::<i64>().ok().filter(|us| *us > 0));
    Some(quota?.checked_mul(1_000)? / period?)
}

/// The path of the process's group in a hierarchy: that of a controller of the first version, or "" for the second one.
fn path_of<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// The smallest limit from the group up to the root; a container may see its own group as the root.
fn tightest(mounts: &[&str], path: &str, limit: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
    let mut smallest: Option<i64> = None;
    for mount in mounts {
        let mut path = path.trim_end_matches('/');
        loop {
            if let Some(found) = limit(&format!("{mount}{path}")) {
                smallest = Some(smallest.map_or(found, |other| other.min(found)));
            }
            match path.rsplit_once('/') {
                Some((parent, _)) => path = parent,
                None => break,
            }
        }
    }
    smallest
}

/// Counts the cores in the line `Cpus_allowed_list: 0-3,8`.
fn allowed_cores(status: &str) -> Option<i64> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let n_cores = list.trim().split(',').map(|range| {
        let (begin, end) = range.split_once('-').unwrap_or((range, range));
        let [begin, end] = [begin, end].map(|core| core.trim().parse::<i64>().ok());
        Some((end? - begin? + 1).max(0))
    });
    n_cores.sum::<Option<i64>>().filter(|n| *n > 0)
}

/// Counts graphics processors: what `CUDA_VISIBLE_DEVICES` names up to the first -1, all devices where it is not set.
fn n_gpus(visible: Option<&str>, devices: impl Iterator<Item = String>) -> usize {
    let is_gpu =
        |name: &String| name.strip_prefix("nvidia").is_some_and(|number| number.parse::<u32>().is_ok());
    let n_devices = devices.filter(is_gpu).count();
    match visible {
        Some(_) if n_devices == 0 => 0,
        Some(list) => {
            let names = list.split(',').map(str::trim);
            names
                .take_while(|name| !name.is_empty() && !name.starts_with('-') && *name != "NoDevFiles")
                .count()
        }
        None => n_devices,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    const STATUS: (&str, &str) = ("/proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3,8\n");
    const MEMINFO: (&str, &str) = ("/proc/meminfo", "MemTotal:       16000 kB\nMemFree: 1 kB\n");

    #[test]
    fn affinity_counts_ranges() {
        assert_eq!(allowed_cores("Cpus_allowed_list:\t0-3,8\n"), Some(5));
        assert_eq!(allowed_cores("Cpus_allowed_list:\t7\n"), Some(1));
        assert_eq!(allowed_cores("Cpus_allowed_list:\t\n"), None);
        assert_eq!(allowed_cores("Name: x\n"), None);
        assert_eq!(cores_milli(&files(&[STATUS])), 5_000);
    }

    #[test]
    fn second_version_takes_the_tightest_up_to_the_root() {
        let read = files(&[
            STATUS,
            MEMINFO,
            ("/proc/self/cgroup", "0::/a/b\n"),
            ("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/a/cpu.max", "250000 100000\n"),
            ("/sys/fs/cgroup/cpu.max", "400000 100000\n"),
            ("/sys/fs/cgroup/a/b/memory.max", "9000000\n"),
            ("/sys/fs/cgroup/a/memory.max", "8000000\n"),
            ("/sys/fs/cgroup/memory.max", "max\n"),
        ]);
        assert_eq!(cores_milli(&read), 2_500);
        assert_eq!(memory_bytes(&read), Some(8_000_000));
    }

    #[test]
    fn first_version_is_read_by_controller() {
        let read = files(&[
            STATUS,
            MEMINFO,
            ("/proc/self/cgroup", "5:memory:/m\n3:cpu,cpuacct:/c/d\n0::/\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/c/d/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/c/d/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "150000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096000\n"),
        ]);
        assert_eq!(cores_milli(&read), 1_500);
        assert_eq!(memory_bytes(&read), Some(4_096_000));
    }

    #[test]
    fn what_cannot_be_read_limits_nothing() {
        let read = files(&[
            STATUS,
            MEMINFO,
            ("/proc/self/cgroup", "0::/a\nnonsense\n"),
            ("/sys/fs/cgroup/a/cpu.max", ""),
            ("/sys/fs/cgroup/cpu.max", "x y"),
            ("/sys/fs/cgroup/a/memory.max", ""),
        ]);
        assert_eq!(cores_milli(&read), 5_000);
        assert_eq!(memory_bytes(&read), Some(16_000 * 1024));
        assert_eq!(memory_bytes(&files(&[])), None);
        assert!(cores_milli(&files(&[])) >= 1_000);
    }

    #[test]
    fn a_small_share_is_one_core() {
        let read =
            files(&[STATUS, ("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/cpu.max", "20000 100000")]);
        assert_eq!(cores_milli(&read), 1_000);
    }

    #[test]
    fn graphics_processors_are_those_that_are_visible() {
        let devices = || ["nvidia0", "nvidia1", "nvidiactl", "null"].map(str::to_owned).into_iter();
        assert_eq!(n_gpus(None, devices()), 2);
        assert_eq!(n_gpus(None, std::iter::empty()), 0);
        for (visible, n) in [("", 0), ("-1", 0), ("0", 1), ("0,1", 2), ("1,-1,0", 1), ("GPU-8f,MIG-1", 2)] {
            assert_eq!(n_gpus(Some(visible), devices()), n, "{visible:?}");
        }
        assert_eq!(n_gpus(Some("0,1"), std::iter::empty()), 0);
    }
}
