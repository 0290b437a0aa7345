// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011), and what the
// program draws by it on the host: the same numbers, from the same seeds. src/rng.rs and src/data/order.rs.

/** Streams of the host. */
export const SHUFFLE_STREAM = 0xffff0001;
export const SAMPLE_STREAM = 0xffff0005;

/** @typedef {[number, number]} Key The two words of a seed. */

/**
 * The upper word of a product of two words.
 * @param {number} a
 * @param {number} b
 */
function upper(a, b) {
    const [al, ah, bl, bh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
    const middle = ah * bl + ((al * bl) >>> 16);
    const rest = al * bh + (middle % 0x10000);
    return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(rest / 0x10000)) >>> 0;
}

/**
 * Four random words.
 * @param {[number, number, number, number]} counter
 * @param {Key} key
 * @returns {[number, number, number, number]}
 */
export function philox(counter, key) {
    let [a, b, c, d] = counter;
    let [first, second] = key;
    for (let round = 0; round < 10; round++) {
        if (round > 0) {
            first = (first + 0x9e3779b9) >>> 0;
            second = (second + 0xbb67ae85) >>> 0;
        }
        const [high, low] = [upper(0xd2511f53, a), Math.imul(0xd2511f53, a) >>> 0];
        const [high2, low2] = [upper(0xcd9e8d57, c), Math.imul(0xcd9e8d57, c) >>> 0];
        [a, b, c, d] = [(high2 ^ b ^ first) >>> 0, low2, (high ^ d ^ second) >>> 0, low];
    }
    return [a, b, c, d];
}

/**
 * A random order of the numbers below `count`, another one for each epoch.
 * @param {Key} key
 * @param {number} epoch
 * @param {number} count
 */
export function permutation(key, epoch, count) {
    const order = Uint32Array.from({ length: count }, (_, index) => index);
    for (let last = count - 1; last > 0; last--) {
        const words = philox([last >>> 1, epoch, SHUFFLE_STREAM, 0], key);
        const half = 2 * (last % 2);
        const bits = (BigInt(words[half + 1]) << 32n) | BigInt(words[half]);
        const other = Number((bits * BigInt(last + 1)) >> 64n);
        [order[last], order[other]] = [order[other], order[last]];
    }
    return order;
}

/**
 * Standard normal numbers (Box and Muller, 1958). More of them begin with the fewer.
 * @param {Key} key
 * @param {number} count
 */
export function normals(key, count) {
    const numbers = new Float32Array(count);
    const open = (/** @type {number} */ word) => ((word >>> 8) + 1) / 16777216;
    const turn = (/** @type {number} */ word) => (2 * Math.PI * (word >>> 8)) / 16777216;
    for (let at = 0; at < count; at += 4) {
        const words = philox([at / 4, 0, SAMPLE_STREAM, 0], key);
        for (const pair of [0, 2]) {
            const radius = Math.sqrt(-2 * Math.log(open(words[pair])));
            numbers[at + pair] = radius * Math.cos(turn(words[pair + 1]));
            numbers[at + pair + 1] = radius * Math.sin(turn(words[pair + 1]));
        }
    }
    return numbers;
}

/**
 * The two words of a whole number.
 * @param {number} seed
 * @returns {Key}
 */
export function keyOf(seed) {
    const whole = Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.floor(seed) || 0));
    return [whole >>> 0, Math.floor(whole / 0x100000000) >>> 0];
}
