// needs: philox
// corruption.wgsl: numbers of images corrupted at random, as corrupt.wgsl says, where they are made or read.
// The kernel's `params` has `stream`, `amount`, `steps`, and `height` and `width` of a rectangle.
override KIND: u32 = 0u;
override CHANNELS: u32 = 1u;
override HEIGHT: u32 = 1u;
override WIDTH: u32 = 1u;

// The number of element e's pixel among those of the batch, channels aside.
fn pixel(e: u32) -> u32 {
    let plane = HEIGHT * WIDTH;
    return e / (CHANNELS * plane) * plane + e % plane;
}

// Which block of words element e depends on.
fn block_of(e: u32) -> u32 {
    if KIND == 1u || KIND == 2u {
        return pixel(e) / 4u;
    }
    return image_of(e);
}

// The first block that images draw their amounts from; pixels and elements draw from those before.
const AMOUNTS: u32 = 0x80000000u;

fn image_of(e: u32) -> u32 {
    return e / (CHANNELS * HEIGHT * WIDTH);
}

// The amounts of an image's corners, by row; but for haze, the first is that of the image. Each is a whole number of
// 2^-24 above the least, so that the sum alone is rounded, and every device comes to the same bits.
fn amounts_of(image: u32) -> vec4<f32> {
    let words = random_words(params.stream, AMOUNTS + image);
    let steps = vec4<u32>(
        multiply_wide(params.steps, words.x).x, multiply_wide(params.steps, words.y).x,
        multiply_wide(params.steps, words.z).x, multiply_wide(params.steps, words.w).x,
    );
    return params.amount + vec4<f32>(steps) * (1.0 / 16777216.0);
}

// The amount at element e by those of its image.
fn amount_at(e: u32, amounts: vec4<f32>) -> f32 {
    if KIND != 4u {
        return amounts.x;
    }
    let down = (f32(e / WIDTH % HEIGHT) + 0.5) / f32(HEIGHT);
    let right = (f32(e % WIDTH) + 0.5) / f32(WIDTH);
    let sides = amounts.xy + (amounts.zw - amounts.xy) * down;
    return sides.x + (sides.y - sides.x) * right;
}

fn uniform1(word: u32) -> f32 {
    return f32(word >> 8u) * (1.0 / 16777216.0);
}

// Whether element e lies in its image's rectangle.
fn covered(e: u32, words: vec4<u32>) -> bool {
    // The upper word of a product with a count is a whole number below it.
    let top = multiply_wide(words.x, HEIGHT - params.height + 1u).x;
    let left = multiply_wide(words.y, WIDTH - params.width + 1u).x;
    // Above and left of the rectangle, these wrap round to something large.
    return e / WIDTH % HEIGHT - top < params.height && e % WIDTH - left < params.width;
}

fn corrupted(x: f32, e: u32, words: vec4<u32>, a: f32) -> f32 {
    switch KIND {
        case 1u: {
            let u = uniform1(words[pixel(e) % 4u]);
            return select(select(x, 1.0, u < a), 0.0, u < 0.5 * a);
        }
        case 2u: { return select(x, 0.0, uniform1(words[pixel(e) % 4u]) < a); }
        case 3u: { return select(x, 0.0, covered(e, words)); }
        default: {
            let air = (0.8 + 0.2 * uniform1(words.x)) * (1.0 - a);
            return clamp(x * a + air, 0.0, 1.0);
        }
    }
}

// The amounts of elements 4 i to 4 i + 3, which mostly belong to one image.
fn amounts4(i: u32) -> vec4<f32> {
    if params.steps == 0u {
        return vec4<f32>(params.amount);
    }
    let e = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    let first = amounts_of(image_of(e.x));
    var second = first;
    var third = first;
    var fourth = first;
    if image_of(e.w) != image_of(e.x) {
        second = amounts_of(image_of(e.y));
        third = amounts_of(image_of(e.z));
        fourth = amounts_of(image_of(e.w));
    }
    return vec4<f32>(
        amount_at(e.x, first), amount_at(e.y, second), amount_at(e.z, third), amount_at(e.w, fourth),
    );
}

// Elements 4 i to 4 i + 3, which are `clean`, corrupted.
fn corrupted4(i: u32, clean: vec4<f32>) -> vec4<f32> {
    let a = amounts4(i);
    if KIND == 0u || KIND == 5u {
        let light = clamp(clean, vec4<f32>(0.0), vec4<f32>(1.0));
        let deviation = select(a, a * 0.25 * sqrt(1.0 + 15.0 * light), KIND == 5u);
        let noise = normal4(random_words(params.stream, i));
        return clamp(clean + deviation * noise, vec4<f32>(0.0), vec4<f32>(1.0));
    }
    var out = clean;
    // Neighbours mostly share a block; only where they do not is another one made.
    var block = block_of(4u * i);
    var words = random_words(params.stream, block);
    for (var k = 0u; k < 4u; k++) {
        let e = 4u * i + k;
        if block_of(e) != block {
            block = block_of(e);
            words = random_words(params.stream, block);
        }
        // By a mask: HLSL's older compiler takes no store to a component by a number that is not constant.
        out = select(out, vec4<f32>(corrupted(clean[k], e, words, a[k])), vec4<u32>(k) == vec4<u32>(0u, 1u, 2u, 3u));
    }
    return out;
}
