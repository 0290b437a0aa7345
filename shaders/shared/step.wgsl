// step.wgsl: the numbers that change from step to step; StepScalars in src/ops/step.rs.
struct Step {
    step: u32,
    cursor: u32,
    row: u32,
    weight: f32,
    seed: vec2<u32>,
    learning_rate: f32,
    place: u32,
    corrections: vec4<f32>,
}
@group(1) @binding(1) var<uniform> step: Step;
