// needs: linear, step, corruption
// gather_images.wgsl: out[b, p] = byte p of image order[cursor + b], times 1 / 255; bytes lie four
// a word, the first one lowest, and images one after the other without gaps. With NUMBERS, element p is
// a word that is an f32.
// One vec4 an invocation. Dispatch: ceil(batch * SIZE / 4 / 64) workgroups, folded past 65535.
// Entry `corrupted_too`: the same, and corrupted[i] = out[i] corrupted, see corruption.wgsl.
// Entry `labels`: out[b] = labels[order[cursor + b]], one an invocation.
override SIZE: u32 = 1u; // elements of an image
override NUMBERS: u32 = 0u; // 1 where an element is a number, 0 where it is a byte

struct Params {
    count: u32, images: u32, entries: u32,
    stream: u32, amount: f32, steps: u32, height: u32, width: u32,
}
@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> corrupted_out: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> labels_out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn image(b: u32) -> u32 {
    return min(order[min(step.cursor + b, params.entries - 1u)], params.images - 1u);
}

fn byte(address: u32) -> u32 {
    return (words[address / 4u] >> (address % 4u * 8u)) & 0xffu;
}

// Four bytes that follow each other in one image, so that the second word exists where it is read.
fn four_bytes(address: u32) -> u32 {
    let shift = address % 4u * 8u;
    let low = words[address / 4u] >> shift;
    if shift == 0u {
        return low;
    }
    return low | (words[address / 4u + 1u] << (32u - shift));
}

// Four bytes of the batch, element by element: they belong to several images, or to none.
fn scattered_bytes(first: u32) -> u32 {
    var packed = 0u;
    for (var k = 0u; k < 4u; k++) {
        let e = first + k;
        if e < params.count {
            packed |= byte(image(e / SIZE) * SIZE + e % SIZE) << (8u * k);
        }
    }
    return packed;
}

// Element e of the batch, of those that are numbers.
fn number(e: u32) -> f32 {
    if e >= params.count {
        return 0.0;
    }
    return bitcast<f32>(words[image(e / SIZE) * SIZE + e % SIZE]);
}

// Four bytes as numbers; number_of_byte in src/arithmetic/byte.rs. WGSL's unpack4x8unorm divides, and so may be off
// by units in the last place, as other devices are not.
const SHARE: f32 = 1.0 / 255.0;

fn numbers(packed: u32) -> vec4<f32> {
    let bytes = (vec4<u32>(packed) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu);
    return vec4<f32>(bytes) * SHARE;
}

// Elements 4 i to 4 i + 3 of the batch.
fn gathered4(i: u32) -> vec4<f32> {
    let e = i * 4u;
    if NUMBERS == 1u {
        return vec4<f32>(number(e), number(e + 1u), number(e + 2u), number(e + 3u));
    }
    let p = e % SIZE;
    if p + 4u <= SIZE {
        return numbers(four_bytes(image(e / SIZE) * SIZE + p));
    }
    return numbers(scattered_bytes(e));
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i * 4u < params.count {
        output[i] = gathered4(i);
    }
}

@compute @workgroup_size(64)
fn corrupted_too(me: Invocation) {
    let i = linear_index(me);
    if i * 4u < params.count {
        let clean = gathered4(i);
        output[i] = clean;
        corrupted_out[i] = corrupted4(i, clean);
    }
}

@compute @workgroup_size(64)
fn labels(me: Invocation) {
    let b = linear_index(me);
    if b < params.count {
        labels_out[b] = f32(words[image(b)]);
    }
}
