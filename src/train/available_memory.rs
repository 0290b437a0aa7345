//! How much memory this process may still take.
//!
//! On Linux: what the system has left without swapping, what the process's control group leaves it (a
//! container's limit, of version 1 or 2), and what its own limits do (`ulimit -v`, `ulimit -d`). Elsewhere
//! it is not known.

use std::fs;
use std::path::Path;

/// A limit of a control group: files of the most and of what is taken, and the name of what of that the
/// system would give back in the group's statistics.
struct Accounts {
    most: &'static str,
    taken: &'static str,
    reclaimed: &'static str,
}

const VERSION_1: Accounts = Accounts {
    most: "memory.limit_in_bytes",
    taken: "memory.usage_in_bytes",
    reclaimed: "total_inactive_file",
};
const VERSION_2: Accounts =
    Accounts { most: "memory.max", taken: "memory.current", reclaimed: "inactive_file" };

/// Bytes that this process may still take; `None` where that is not known.
pub(super) fn available_memory() -> Option<u64> {
    if cfg!(target_os = "linux") { below(Path::new("/")) } else { None }
}

/// The same by the files of the system below `root`.
fn below(root: &Path) -> Option<u64> {
    let free = kibibytes(&root.join("proc/meminfo"), "MemAvailable:");
    let limits = fs::read_to_string(root.join("proc/self/limits")).unwrap_or_default();
    let status = root.join("proc/self/status");
    let own = [("Max address space", "VmSize:"), ("Max data size", "VmData:")];
    let own = own.into_iter().filter_map(|(limit, taken)| {
        let words = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let most: u64 = words.split_whitespace().next()?.parse().ok()?;
        Some(most.saturating_sub(kibibytes(&status, taken)?))
    });
    free.into_iter().chain(own).chain(of_groups(root)).min()
}

/// A number of KiB in a file with a name before each, in bytes.
fn kibibytes(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = rest.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

/// What the process's control groups leave, and those that they are in.
fn of_groups(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let left = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (base, accounts) = match controllers {
            "" => (root.join("sys/fs/cgroup"), &VERSION_2),
            names if names.split(',').any(|name| name == "memory") => {
                (root.join("sys/fs/cgroup/memory"), &VERSION_1)
            }
            _ => return None,
        };
        // In a container, the group's path may be that of the machine, and its files lie at the base.
        let inner = base.join(path.trim_start_matches('/'));
        let groups = inner.ancestors().take_while(|group| group.starts_with(&base));
        groups.filter_map(|group| accounts.left(group)).min()
    });
    left.min()
}

impl Accounts {
    /// What a group may still take; `None` without a limit.
    fn left(&self, group: &Path) -> Option<u64> {
        let number = |name: &str| -> Option<u64> {
            fs::read_to_string(group.join(name)).ok()?.trim().parse().ok()
        };
        let (most, taken) = (number(self.most)?, number(self.taken)?);
        let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let reclaimed = statistics.lines().find_map(|line| {
            let (name, number) = line.split_once(' ')?;
            (name == self.reclaimed).then(|| number.parse::<u64>().ok())?
        });
        Some(most.saturating_sub(taken.saturating_sub(reclaimed.unwrap_or(0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("in a folder")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        root
    }

    #[test]
    fn the_least_of_all_limits_counts() {
        let memory = ("proc/meminfo", "MemTotal:  999 kB\nMemAvailable:     400 kB\n");
        assert_eq!(below(system(&[memory]).path()), Some(400 << 10));
        assert_eq!(below(system(&[]).path()), None);
        let own = [
            memory,
            (
                "proc/self/limits",
                "Max data size  unlimited  unlimited  bytes\nMax address space   307200  unlimited  bytes\n",
            ),
            ("proc/self/status", "VmSize:\t     100 kB\nVmData:  90 kB\n"),
        ];
        assert_eq!(below(system(&own).path()), Some(200 << 10));
        let container = [
            memory,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "1000\n"),
            ("sys/fs/cgroup/a/memory.max", "5000\n"),
            ("sys/fs/cgroup/a/memory.current", "4000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 500\n"),
        ];
        assert_eq!(below(system(&container).path()), Some(1500));
        let first = [
            memory,
            ("proc/self/cgroup", "3:cpu:/x\n2:memory:/docker/x\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "7000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "4000\n"),
        ];
        assert_eq!(below(system(&first).path()), Some(3000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_is_known() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
