// needs: step
// adam.wgsl: a step of Adam (Kingma and Ba, 2015) with decoupled weight decay, for four parameters:
//     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g g;
//     p -= rate (m / c1 / (sqrt(v / c2) + epsilon) + decay p),  c1 = 1 - b1^t, c2 = 1 - b2^t
override BETA1: f32 = 0.9;
override BETA2: f32 = 0.999;
override EPSILON: f32 = 1e-8;
override DECAY: f32 = 0.0;

struct Moved { parameter: vec4<f32>, first: vec4<f32>, second: vec4<f32> }

fn adam_step(p: vec4<f32>, g: vec4<f32>, first: vec4<f32>, second: vec4<f32>) -> Moved {
    let m = BETA1 * first + (1.0 - BETA1) * g;
    let v = BETA2 * second + (1.0 - BETA2) * g * g;
    let mean = 1.0 / step.corrections.x;
    let root = inverseSqrt(step.corrections.y);
    let kept = 1.0 - step.learning_rate * DECAY;
    return Moved(kept * p - step.learning_rate * (mean * m / (root * sqrt(v) + EPSILON)), m, v);
}
