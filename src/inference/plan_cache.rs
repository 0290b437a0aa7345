//! Plans that are made as they are needed, of which the last few are kept.

use crate::error::Result;
use crate::graph::{Executor, Plan, PlanId};

/// The most plans that are kept.
const PLANS: usize = 64;
/// The most bytes that kept plans take for themselves, unless one alone takes more.
const BYTES: u64 = 512 << 20;

/// How many plans of so many bytes may run together: so few that none is removed for another of them.
pub(super) fn together(bytes: u64) -> usize {
    ((BYTES / 2 / bytes.max(1)) as usize).clamp(1, PLANS / 4)
}

/// The plans of one executor by what they are for, such as a task and the size of its images. Those
/// that were not used for longest are removed where they would be too many or too large together,
/// so that pictures of ever new sizes take no more and more memory.
#[derive(Debug)]
pub(crate) struct PlanCache<K> {
    /// The one that was used last is last.
    kept: Vec<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    key: K,
    plan: PlanId,
    bytes: u64,
}

impl<K: PartialEq> PlanCache<K> {
    /// Without plans.
    pub fn new() -> Self {
        Self { kept: vec![] }
    }

    /// The plan for `key`, if it is kept.
    pub fn find(&mut self, key: &K) -> Option<PlanId> {
        let at = self.kept.iter().position(|kept| kept.key == *key)?;
        self.kept[at..].rotate_left(1);
        self.kept.last().map(|kept| kept.plan)
    }

    /// Adds `plan` to `executor`, which is the same at every call, once there is room for it.
    ///
    /// # Errors
    /// As [`Executor::add_plan`].
    pub fn add(&mut self, executor: &mut dyn Executor, key: K, plan: Plan) -> Result<PlanId> {
        let bytes = plan.own_bytes();
        while !self.kept.is_empty() && !self.has_room(bytes) {
            let oldest = self.kept.remove(0);
            executor.remove_plan(oldest.plan)?;
        }
        let plan = executor.add_plan(plan, None)?;
        self.kept.push(Kept { key, plan, bytes });
        Ok(plan)
    }

    fn has_room(&self, bytes: u64) -> bool {
        let held: u64 = self.kept.iter().map(|kept| kept.bytes).sum();
        self.kept.len() < PLANS && held + bytes <= BYTES
    }

    /// Removes all plans, as far as the device still can.
    pub fn clear(&mut self, executor: &mut dyn Executor) {
        for kept in self.kept.drain(..) {
            if let Err(error) = executor.remove_plan(kept.plan) {
                log::debug!("plan {}: {error}", kept.plan.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Graph, PlanRequest};
    use crate::ops::{self, StepScalars};

    /// A plan whose input and output take `words` numbers each.
    fn doubling(words: usize) -> Plan {
        let mut graph = Graph::new();
        let x = graph.input("x", [words]);
        let y = ops::affine(&mut graph, x, 2.0, 0.0).unwrap();
        let layout = graph.layout();
        let outputs = vec![("y".into(), y)];
        Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) }).unwrap()
    }

    #[test]
    fn the_plans_used_last_are_kept_and_memory_is_bounded() {
        let (mut executor, mut cache) = (CpuExecutor::new(), PlanCache::new());
        for size in 1..=3 * PLANS {
            let plan = cache.add(&mut executor, size, doubling(size * 4)).unwrap();
            assert_eq!(cache.find(&size), Some(plan));
            // The first one is used again and again, so it stays.
            let first = cache.find(&1).expect("was used just now");
            executor.run(first, &[StepScalars::default()]).unwrap();
        }
        assert_eq!(cache.kept.len(), PLANS);
        assert_eq!(cache.find(&2), None);
        // Plans count in the buffers of a GPU, none of which is empty: here, 16 bytes for no metrics.
        let bytes = cache.kept.iter().map(|kept| kept.bytes - 16).sum::<u64>();
        assert_eq!(executor.memory_held(), bytes);
        cache.clear(&mut executor);
        assert_eq!(executor.memory_held(), 0);
    }

    #[test]
    fn large_plans_leave_room_for_few() {
        let (mut executor, mut cache) = (CpuExecutor::new(), PlanCache::new());
        // 200 MiB each, of memory that nothing touches.
        for key in 0..5 {
            cache.add(&mut executor, key, doubling(25 << 20)).unwrap();
            assert!(executor.memory_held() <= BYTES);
        }
        assert_eq!(cache.kept.iter().map(|kept| kept.key).collect::<Vec<_>>(), [3, 4]);
        // One that is larger than all may be comes alone.
        let large = cache.add(&mut executor, 9, doubling(80 << 20)).unwrap();
        assert_eq!((cache.find(&9), cache.kept.len()), (Some(large), 1));
    }
}
