// gaussian.wgsl: the range of log-variances; LOG_VARIANCE in src/ops/random/reparameterise.rs.
fn clamp_log_variance(x: vec4<f32>) -> vec4<f32> {
    return clamp(x, vec4<f32>(-30.0), vec4<f32>(20.0));
}

// The divergence of a normal distribution from the standard one.
fn gaussian_kl4(mean: vec4<f32>, log_variance: vec4<f32>) -> vec4<f32> {
    let v = clamp_log_variance(log_variance);
    return 0.5 * (exp(v) - 1.0 - v + mean * mean);
}
