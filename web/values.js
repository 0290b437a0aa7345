// The numbers of a check's inputs, which the program and a page draw alike: src/check/values.rs.

import { philox } from "./philox.js";

/** @typedef {{ kind: "between", low: number, high: number } | { kind: "whole", below: number } | { kind: "apart" } |
 *     { kind: "holes" }} Values */

/** A prime number, by which places are put out of order. */
const STRIDE = 7919;

/**
 * Random words under a seed.
 * @param {number} seed
 * @param {number} count
 */
function wordsOf(seed, count) {
    const words = new Uint32Array(count);
    for (let at = 0; at < count; at += 4) {
        words.set(philox([at / 4, 0, 0, 0], [seed, 0]).slice(0, count - at), at);
    }
    return words;
}

/**
 * So many numbers of a kind under a seed.
 * @param {Values} values
 * @param {number} seed
 * @param {number} count
 * @returns {Float32Array<ArrayBuffer>}
 */
export function drawn(values, seed, count) {
    const round = Math.fround;
    const uniforms = Float32Array.from(wordsOf(seed, count), (word) => (word >>> 8) / 16777216);
    switch (values.kind) {
        case "between": {
            const [low, width] = [round(values.low), round(round(values.high) - round(values.low))];
            return uniforms.map((u) => round(low + round(width * u)));
        }
        case "whole":
            return uniforms.map((u) => Math.min(Math.floor(round(values.below * u)), values.below - 1));
        case "apart": {
            const place = (/** @type {number} */ at) => (at * STRIDE) % count - Math.floor(count / 2);
            return uniforms.map((_, at) => round(place(at) * round(0.03)));
        }
        case "holes":
            return uniforms.map((u) => round(2 * u) - 1).map((x) => (round(x) > round(0.9) ? NaN : x));
    }
}

/**
 * Random bytes.
 * @param {number} seed
 * @param {number} count
 */
export function bytesOf(seed, count) {
    return Uint8Array.from(wordsOf(seed, count), (word) => word >>> 24);
}
