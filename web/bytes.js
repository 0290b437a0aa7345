// Numbers out of a page's block of bytes, which docs/plans.md describes, and numbers as text.

/** @typedef {{ offset: number, bytes: number, numbers: "f32" | "f16" | "u8" }} Span */

/**
 * Bytes of base64.
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
    const binary = atob(text.trim());
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < bytes.length; at++) {
        bytes[at] = binary.charCodeAt(at);
    }
    return bytes;
}

/**
 * The bytes that a gzip file holds.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function unzipped(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The number that sixteen bits stand for (IEEE 754, binary16).
 * @param {number} bits
 */
export function fromHalf(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) {
        return fraction ? NaN : sign * Infinity;
    }
    return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -24 * fraction;
}

/**
 * The numbers of a span, as f32.
 * @param {Uint8Array<ArrayBuffer>} block
 * @param {Span} span
 * @returns {Float32Array<ArrayBuffer>}
 */
export function numbersAt(block, span) {
    const bytes = block.slice(span.offset, span.offset + span.bytes);
    if (span.numbers === "f16") {
        return Float32Array.from(new Uint16Array(bytes.buffer), fromHalf);
    }
    return new Float32Array(bytes.buffer);
}

/**
 * The bytes of a span.
 * @param {Uint8Array<ArrayBuffer>} block
 * @param {Span} span
 */
export function bytesAt(block, span) {
    return block.subarray(span.offset, span.offset + span.bytes);
}
