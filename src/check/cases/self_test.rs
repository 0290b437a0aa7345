//! The self-test that `--device auto` takes of an adapter: shapes that are known to go wrong on some.

use crate::check::case::{Case, Input};
use crate::check::part::Part;
use crate::check::values::{ANY, Values};
use crate::error::Result;
use crate::gpu::SelfTest;
use crate::graph::State;
use crate::ops::Optimiser;
use crate::rng::Seed;

pub(super) fn case() -> Result<Case> {
    let test = SelfTest::new()?;
    let optimiser = Optimiser::adam();
    let layout = test.graph.layout();
    let state = State::initial(&layout, Seed(0), optimiser.moments());
    let inputs = test.inputs.iter().enumerate().map(|(number, (name, tensor))| {
        let is_whole = tensor.data().iter().all(|x| x.is_finite());
        let values = if is_whole { ANY } else { Values::Holes };
        Input::new(name.clone(), tensor.shape().clone(), values, number as u32)
    });
    let inputs = inputs.collect();
    let steps = SelfTest::steps().to_vec();
    let plan = move |target: Option<&_>| test.plan(&layout, target);
    let case = Case::new("what goes wrong on some", Part::SelfTest, state, plan);
    Ok(Case { inputs, steps, compares_state: true, ..case })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_those_of_the_self_test() {
        let test = SelfTest::new().unwrap();
        let case = case().unwrap();
        assert!(case.inputs.iter().any(|input| input.values == Values::Holes));
        for (input, (name, tensor)) in case.inputs.iter().zip(&test.inputs) {
            let drawn = input.values.draw(input.seed, input.count);
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!((&input.name, bits(&drawn)), (name, bits(tensor.data())));
        }
    }
}
