// line_alone.wgsl: in place of line.wgsl: each window reads what it sees for itself. Compilers that have few registers
// take longer to keep what neighbours see.
fn windows_slide() -> bool {
    return false;
}

struct Slide { low: vec4<f32>, high: vec4<f32> }

fn slide(base: u32, ix: u32, inside: bool) -> Slide {
    return Slide();
}

fn seen(line: Slide, after: u32) -> vec4<f32> {
    return line.low;
}
