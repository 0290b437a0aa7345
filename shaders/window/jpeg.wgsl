// needs: philox, linear
// jpeg.wgsl: out = JPEG's decoder of its coder of in, by whole numbers: the transform of 8x8 blocks of Loeffler,
// Ligtenberg and Moschytz (1989) by 13 bits, divided by the quality's table and rounded. Of three channels, colour
// is kept at half the size. Each image has a quality of its own, from LEAST up, COUNT of them.
// Entry `blocks`: 8 blocks a workgroup, 8 invocations each, a line of the block each: ceil(blocks / 8) workgroups;
// it leaves planes of bytes. Entry `pixels`: an invocation a pixel of an image, ceil(pixels / 64) workgroups. Both
// are folded past 65535. src/ops/window/jpeg.rs number for number.
override CHANNELS: u32 = 1u;
override HEIGHT: u32 = 1u;
override WIDTH: u32 = 1u;
override LEAST: u32 = 1u;
override COUNT: u32 = 1u;

// `count` blocks or pixels in all; tables of light and of colour.
struct Params { count: u32, stream: u32, tables: array<vec4<u32>, 32> }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> lines: array<i32, 512>;

// Eight numbers of a line.
struct Line { low: vec4<i32>, high: vec4<i32> }

// The sizes of a plane: height and width.
fn plane_size(plane: u32) -> vec2<u32> {
    if CHANNELS == 3u && plane > 0u {
        return vec2<u32>((HEIGHT + 1u) / 2u, (WIDTH + 1u) / 2u);
    }
    return vec2<u32>(HEIGHT, WIDTH);
}

// Where a plane of an image begins.
fn plane_start(image: u32, plane: u32) -> u32 {
    let first = HEIGHT * WIDTH;
    let size = plane_size(1u);
    let other = size.x * size.y;
    return image * (first + (CHANNELS - 1u) * other) + min(plane, 1u) * first + (max(plane, 1u) - 1u) * other;
}

fn byte_of(image: u32, channel: u32, y: u32, x: u32) -> i32 {
    let at = ((image * CHANNELS + channel) * HEIGHT + min(y, HEIGHT - 1u)) * WIDTH + min(x, WIDTH - 1u);
    return i32(floor(clamp(input[at], 0.0, 1.0) * 255.0 + 0.5));
}

// Light (0), blueness (1) or redness (2) of a pixel.
fn converted(image: u32, plane: u32, y: u32, x: u32) -> i32 {
    let r = byte_of(image, 0u, y, x);
    let g = byte_of(image, 1u, y, x);
    let b = byte_of(image, 2u, y, x);
    switch plane {
        case 0u: { return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16u; }
        case 1u: { return (32768 * b - 11059 * r - 21709 * g + 8421375) >> 16u; }
        default: { return (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16u; }
    }
}

// A number of a plane, or beyond its edge.
fn sample(image: u32, plane: u32, y: u32, x: u32) -> i32 {
    if CHANNELS != 3u {
        return byte_of(image, plane, y, x);
    }
    if plane == 0u {
        return converted(image, 0u, y, x);
    }
    let top = 2u * min(y, (HEIGHT + 1u) / 2u - 1u);
    let left = 2u * x;
    let upper = converted(image, plane, top, left) + converted(image, plane, top, left + 1u);
    let lower = converted(image, plane, top + 1u, left) + converted(image, plane, top + 1u, left + 1u);
    return (upper + lower + 1 + i32(x % 2u)) >> 2u;
}

fn descaled(line: Line, bits: u32) -> Line {
    let half = vec4<i32>(1 << (bits - 1u));
    return Line((line.low + half) >> vec4<u32>(bits), (line.high + half) >> vec4<u32>(bits));
}

// A cosine transform of 8 numbers, times 2^13 sqrt 8.
fn forward(d: Line) -> Line {
    let sums = d.low + d.high.wzyx;
    let rest = d.low - d.high.wzyx;
    let outer = sums.x + sums.w;
    let inner = sums.y + sums.z;
    let a = sums.y - sums.z;
    let b = sums.x - sums.w;
    let c = (a + b) * 4433;
    let z5 = (rest.w + rest.y + rest.z + rest.x) * 9633;
    let z1 = (rest.w + rest.x) * -7373;
    let z2 = (rest.z + rest.y) * -20995;
    let z3 = (rest.w + rest.y) * -16069 + z5;
    let z4 = (rest.z + rest.x) * -3196 + z5;
    return Line(
        vec4<i32>((outer + inner) * 8192, rest.x * 12299 + z1 + z4, c + b * 6270, rest.y * 25172 + z2 + z3),
        vec4<i32>((outer - inner) * 8192, rest.z * 16819 + z2 + z4, c - a * 15137, rest.w * 2446 + z1 + z3),
    );
}

// Its inverse, times 2^13 sqrt 8.
fn inverse(d: Line) -> Line {
    let c = (d.low.z + d.high.z) * 4433;
    let even = vec2<i32>(c + d.low.z * 6270, c - d.high.z * 15137);
    let flat = vec2<i32>((d.low.x + d.high.x) * 8192, (d.low.x - d.high.x) * 8192);
    let sums = vec4<i32>(flat + even, flat - even);
    let t = vec4<i32>(d.high.w, d.high.y, d.low.w, d.low.y);
    let z5 = (t.x + t.y + t.z + t.w) * 9633;
    let z1 = (t.x + t.w) * -7373;
    let z2 = (t.y + t.z) * -20995;
    let z3 = (t.x + t.z) * -16069 + z5;
    let z4 = (t.y + t.w) * -3196 + z5;
    let odd = t * vec4<i32>(2446, 16819, 25172, 12299) + vec4<i32>(z1 + z3, z2 + z4, z2 + z3, z1 + z4);
    // Sums of places 0 to 3: flat.x + even.x, flat.y + even.y, flat.y - even.y, flat.x - even.x.
    let ordered = vec4<i32>(sums.x, sums.y, sums.w, sums.z);
    return Line(ordered + odd.wzyx, (ordered - odd.wzyx).wzyx);
}

// The number of the table at a place of a block, by quality.
fn divisor(table: u32, place: u32, quality: u32) -> i32 {
    var scale = 200u - 2u * quality;
    if quality < 50u {
        scale = 5000u / quality;
    }
    let at = table * 64u + place;
    return i32(clamp((params.tables[at / 4u][at % 4u] * scale + 50u) / 100u, 1u, 255u));
}

// Eight times a coefficient, in whole steps of the table.
fn quantised(x: i32, step: i32) -> i32 {
    let magnitude = (abs(x) + 4 * step) / (8 * step) * step;
    return select(magnitude, -magnitude, x < 0);
}

@compute @workgroup_size(64)
fn blocks(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Blocks past the last are the last one again, all the way: barriers need everyone.
    let number = min((group.x + group.y * groups.x) * 8u + local / 8u, params.count - 1u);
    let lane = local % 8u;
    let own = local / 8u * 64u;
    // Which plane: the first has other sizes than those behind it.
    let first_across = (WIDTH + 7u) / 8u;
    let in_first = (HEIGHT + 7u) / 8u * first_across;
    let other = (plane_size(1u) + 7u) / 8u;
    let in_other = other.x * other.y;
    let in_image = in_first + (CHANNELS - 1u) * in_other;
    let image = number / in_image;
    var block = number % in_image;
    var plane = 0u;
    var across = first_across;
    if block >= in_first {
        plane = 1u + (block - in_first) / in_other;
        block = (block - in_first) % in_other;
        across = other.y;
    }
    let y = block / across * 8u;
    let x = block % across * 8u;

    let row = y + lane;
    var line = Line(
        vec4<i32>(
            sample(image, plane, row, x), sample(image, plane, row, x + 1u),
            sample(image, plane, row, x + 2u), sample(image, plane, row, x + 3u),
        ),
        vec4<i32>(
            sample(image, plane, row, x + 4u), sample(image, plane, row, x + 5u),
            sample(image, plane, row, x + 6u), sample(image, plane, row, x + 7u),
        ),
    );
    line = descaled(forward(Line(line.low - 128, line.high - 128)), 11u);
    for (var k = 0u; k < 4u; k++) {
        lines[own + lane * 8u + k] = line.low[k];
        lines[own + lane * 8u + 4u + k] = line.high[k];
    }
    // Rows are written before columns are read.
    workgroupBarrier();
    for (var k = 0u; k < 4u; k++) {
        let mask = vec4<u32>(k) == vec4<u32>(0u, 1u, 2u, 3u);
        line.low = select(line.low, vec4<i32>(lines[own + k * 8u + lane]), mask);
        line.high = select(line.high, vec4<i32>(lines[own + (4u + k) * 8u + lane]), mask);
    }
    line = descaled(forward(line), 15u);
    let quality = LEAST + multiply_wide(random_words(params.stream, image).x, COUNT).x;
    let table = select(0u, 1u, CHANNELS == 3u && plane > 0u);
    for (var k = 0u; k < 4u; k++) {
        let mask = vec4<u32>(k) == vec4<u32>(0u, 1u, 2u, 3u);
        let low = quantised(line.low[k], divisor(table, k * 8u + lane, quality));
        let high = quantised(line.high[k], divisor(table, (4u + k) * 8u + lane, quality));
        line.low = select(line.low, vec4<i32>(low), mask);
        line.high = select(line.high, vec4<i32>(high), mask);
    }
    line = descaled(inverse(line), 11u);
    // A column is read and written by the one invocation.
    for (var k = 0u; k < 4u; k++) {
        lines[own + k * 8u + lane] = line.low[k];
        lines[own + (4u + k) * 8u + lane] = line.high[k];
    }
    workgroupBarrier();
    for (var k = 0u; k < 4u; k++) {
        let mask = vec4<u32>(k) == vec4<u32>(0u, 1u, 2u, 3u);
        line.low = select(line.low, vec4<i32>(lines[own + lane * 8u + k]), mask);
        line.high = select(line.high, vec4<i32>(lines[own + lane * 8u + 4u + k]), mask);
    }
    line = descaled(inverse(line), 18u);
    let size = plane_size(plane);
    let start = plane_start(image, plane) + row * size.y;
    if row < size.x {
        for (var k = 0u; k < 4u; k++) {
            if x + k < size.y {
                output[start + x + k] = f32(clamp(line.low[k] + 128, 0, 255));
            }
            if x + 4u + k < size.y {
                output[start + x + 4u + k] = f32(clamp(line.high[k] + 128, 0, 255));
            }
        }
    }
}

fn plane_at(image: u32, plane: u32, y: u32, x: u32) -> i32 {
    return i32(input[plane_start(image, plane) + y * plane_size(plane).y + x]);
}

// Colour at a pixel: three parts of its own number, one of the next above or below and left or right.
fn enlarged(image: u32, plane: u32, y: u32, x: u32) -> i32 {
    let size = plane_size(1u);
    let cy = y / 2u;
    let cx = x / 2u;
    // Beyond an edge is what lies on it.
    let near_y = select(max(cy, 1u) - 1u, min(cy + 1u, size.x - 1u), y % 2u == 1u);
    let near_x = select(max(cx, 1u) - 1u, min(cx + 1u, size.y - 1u), x % 2u == 1u);
    let here = 3 * plane_at(image, plane, cy, cx) + plane_at(image, plane, near_y, cx);
    let there = 3 * plane_at(image, plane, cy, near_x) + plane_at(image, plane, near_y, near_x);
    return ((3 * here + there + 8 - i32(x % 2u)) >> 4u) - 128;
}

fn store(at: u32, byte: i32) {
    output[at] = f32(clamp(byte, 0, 255)) * (1.0 / 255.0);
}

@compute @workgroup_size(64)
fn pixels(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    let area = HEIGHT * WIDTH;
    let image = i / area;
    let y = i % area / WIDTH;
    let x = i % WIDTH;
    let at = image * CHANNELS * area + i % area;
    if CHANNELS != 3u {
        for (var channel = 0u; channel < CHANNELS; channel++) {
            store(at + channel * area, plane_at(image, channel, y, x));
        }
        return;
    }
    let light = plane_at(image, 0u, y, x);
    let blue = enlarged(image, 1u, y, x);
    let red = enlarged(image, 2u, y, x);
    store(at, light + ((91881 * red + 32768) >> 16u));
    store(at + area, light + ((32768 - 22554 * blue - 46802 * red) >> 16u));
    store(at + 2u * area, light + ((116130 * blue + 32768) >> 16u));
}
