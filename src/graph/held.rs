//! The plans that an executor holds.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use super::executor::PlanId;
use crate::error::{Error, Result};

/// Plans, as an executor keeps each, by their numbers. None is given twice, so that a plan that was
/// removed is never taken for another.
#[derive(Debug)]
pub(crate) struct HeldPlans<T> {
    plans: BTreeMap<PlanId, T>,
    next: usize,
}

impl<T> Default for HeldPlans<T> {
    fn default() -> Self {
        Self { plans: BTreeMap::new(), next: 0 }
    }
}

impl<T> HeldPlans<T> {
    /// Takes a plan in.
    pub fn add(&mut self, plan: T) -> PlanId {
        let id = PlanId(self.next);
        self.next += 1;
        self.plans.insert(id, plan);
        id
    }

    /// Gives a plan back.
    ///
    /// # Errors
    /// When there is no such plan.
    pub fn remove(&mut self, id: PlanId) -> Result<T> {
        self.plans.remove(&id).ok_or_else(|| missing(id))
    }

    /// # Errors
    /// When there is no such plan.
    pub fn get(&self, id: PlanId) -> Result<&T> {
        self.plans.get(&id).ok_or_else(|| missing(id))
    }

    /// # Errors
    /// When there is no such plan.
    pub fn get_mut(&mut self, id: PlanId) -> Result<&mut T> {
        self.plans.get_mut(&id).ok_or_else(|| missing(id))
    }

    /// Several at once.
    ///
    /// # Errors
    /// When there is no such plan, or one is named twice.
    pub fn several_mut(&mut self, ids: &[PlanId]) -> Result<Vec<&mut T>> {
        let mut found: Vec<_> = ids.iter().map(|_| None).collect();
        for (id, plan) in &mut self.plans {
            if let Some(at) = ids.iter().position(|wanted| wanted == id) {
                found[at] = Some(plan);
            }
        }
        let plans = found.into_iter().zip(ids);
        plans.map(|(plan, id)| plan.ok_or_else(|| missing(*id))).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.plans.values()
    }
}

/// For a plan that is known to be there.
impl<T> Index<PlanId> for HeldPlans<T> {
    type Output = T;

    fn index(&self, id: PlanId) -> &T {
        &self.plans[&id]
    }
}

impl<T> IndexMut<PlanId> for HeldPlans<T> {
    fn index_mut(&mut self, id: PlanId) -> &mut T {
        self.plans.get_mut(&id).expect("the executor looked the plan up before")
    }
}

fn missing(id: PlanId) -> Error {
    Error::Graph(format!("there is no plan {}; it was never added, or was removed", id.0))
}
