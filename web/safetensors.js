// model.safetensors: what `diabolo train --resume` goes on from, and what all tasks take. src/run/checkpoint.rs.

/** @typedef {import("./player.js").PlanFile} PlanFile */
/** @typedef {import("./player.js").State} State */
/** @typedef {{ version: string, seed: string, config: string, model: string, history: unknown[], halvings: number,
 *     data: string | null }} Header What a run's own file says; the seed in decimals. */
/** @typedef {{ step: number, epoch: number, epochs: number, part: { number: number, sums: number[], images: number,
 *     seconds: number }, history: unknown[] }} Position */

/** The most bytes of names, shapes and metadata. */
const MOST_NAMES = 16 << 20;

/**
 * The bits of a number, as a decimal number.
 * @param {number} value
 */
function bitsOf(value) {
    return new BigUint64Array(new Float64Array([value]).buffer)[0].toString();
}

/**
 * JSON with whole numbers of 64 bits, which JavaScript's own numbers are too short for: `"u64:1"` becomes `1`.
 * @param {unknown} value
 */
function withLongNumbers(value) {
    return JSON.stringify(value).replace(/"u64:(\d+)"/g, "$1");
}

/**
 * The tensors of a file in its order: those of the model, then each moment's.
 * @param {PlanFile} file
 */
function tensorsOf(file) {
    const moments = Array.from({ length: file.state.moments }, (_, moment) =>
        file.state.tensors.filter((it) => it.in === "parameters").map((it) => ({ ...it, name: `moment.${moment}.${it.name}`, moment })));
    const own = file.state.tensors.map((it) => ({ ...it, moment: -1 }));
    return [...own, ...moments.flat()].map((it) => ({ ...it, count: it.shape.reduce((a, b) => a * b, 1) }));
}

/**
 * Where a tensor lies in a state.
 * @param {State} state
 * @param {{ in: "parameters" | "buffers", moment: number, offset: number, count: number }} tensor
 */
function numbersOf(state, tensor) {
    const area = tensor.moment < 0 ? state[tensor.in] : state.moments[tensor.moment];
    return area.subarray(tensor.offset / 4, tensor.offset / 4 + tensor.count);
}

/**
 * The bytes of a model's file.
 * @param {PlanFile} file
 * @param {State} state
 * @param {Header} header
 * @param {Position} position
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function toSafetensors(file, state, header, position) {
    const { number, sums, images, seconds } = position.part;
    const stored = {
        format: 2,
        diabolo: header.version,
        moments: file.state.moments,
        step: position.step,
        epoch: position.epoch,
        seed: `u64:${header.seed}`,
        config: header.config.replace(/^epochs = \d+$/m, `epochs = ${position.epochs}`),
        model: header.model,
        history: JSON.stringify([...header.history, ...position.history]),
        part: { steps: number, mean: { sums: sums.map((sum) => `u64:${bitsOf(sum)}`), images }, seconds },
        halvings: header.halvings,
        ...(header.data ? { data: header.data } : {}),
    };
    /** @type {Record<string, unknown>} */
    const names = { __metadata__: { diabolo: withLongNumbers(stored) } };
    let end = 0;
    const tensors = tensorsOf(file);
    for (const { name, shape, count } of tensors) {
        const begin = end;
        end += 4 * count;
        names[name] = { dtype: "F32", shape, data_offsets: [begin, end] };
    }
    const text = new TextEncoder().encode(JSON.stringify(names));
    const length = Math.ceil(text.length / 8) * 8;
    const bytes = new Uint8Array(8 + length + end).fill(32, 8, 8 + length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
    bytes.set(text, 8);
    let at = 8 + length;
    for (const tensor of tensors) {
        const numbers = numbersOf(state, tensor);
        bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), at);
        at += numbers.byteLength;
    }
    return bytes;
}

/**
 * The state that a model's file holds, of the model of the plans. Moments that it lacks are zero.
 * @param {PlanFile} file
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {State}
 */
export function fromSafetensors(file, bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
    if (length > MOST_NAMES || length > bytes.length - 8) {
        throw new Error("this is no safetensors file");
    }
    /** @type {Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>} */
    let names;
    try {
        names = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    } catch {
        throw new Error("this is no safetensors file");
    }
    const zeros = (/** @type {number} */ size) => new Float32Array(size / 4);
    const { parameters, buffers, moments } = file.state;
    /** @type {State} */
    const state = {
        parameters: zeros(parameters),
        buffers: zeros(buffers),
        moments: Array.from({ length: moments }, () => zeros(parameters)),
    };
    for (const tensor of tensorsOf(file)) {
        const found = names[tensor.name];
        if (!found && tensor.moment >= 0) {
            continue;
        }
        const [begin, end] = found?.data_offsets ?? [];
        const fits = found?.dtype === "F32" && String(found.shape) === String(tensor.shape)
            && end - begin === 4 * tensor.count && begin >= 0 && 8 + length + end <= bytes.length;
        if (!fits) {
            throw new Error(`this is another model: ${tensor.name} of [${tensor.shape}] is not in it`);
        }
        const numbers = new Float32Array(bytes.slice(8 + length + begin, 8 + length + end).buffer);
        if (!numbers.every(Number.isFinite)) {
            throw new Error(`${tensor.name} has a number that is not finite`);
        }
        numbersOf(state, tensor).set(numbers);
    }
    return state;
}
