// gaussian.wgsl: the range of log-variances; LOG_VARIANCE in src/ops/reparameterise.rs.
fn clamp_log_variance(x: vec4<f32>) -> vec4<f32> {
    return clamp(x, vec4<f32>(-30.0), vec4<f32>(20.0));
}
