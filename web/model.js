// What a model does, by its plans: codes of images and images of codes, in any number.

/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./bytes.js").Span} Span */
/** @typedef {{ channels: number, height: number, width: number }} ImageShape */
/** @typedef {{ name: string, batch: number }} Sized */
/** @typedef {{ kind: "none" } | { kind: "relu" } | { kind: "greatest", k: number }} Rectifier */
/** @typedef {{ mean: Span, directions: Span, spreads: number[], points: Span, labels: number[] | null }} CodeFacts */
/** @typedef {{ pixels: Span, count: number, labels: number[] | null }} Examples */
/** @typedef {{ pixels: Span, labels: Span | null, count: number, is_whole: boolean }} DataFacts */
/** @typedef {import("./trainer.js").Training & { header: import("./safetensors.js").Header, data: DataFacts | null,
 *     masked: boolean, takes_pictures: boolean }} TrainingFacts */
/** @typedef {{ name: string, variant: string, unit: string, images: ImageShape, latent: number, classes: string[],
 *     conditional: boolean, variational: boolean, residual: boolean, fit: "stretch" | "crop" | "pad",
 *     rectifier: Rectifier, noise_level: boolean, threshold: number | null,
 *     codebook: { codes: number, dim: number, is_map: boolean } | null, tasks: { encode: Sized[], decode: Sized[], reconstruct: Sized[] }, parameters: number,
 *     examples: Examples | null, codes: CodeFacts | null, samples: { codes: Span, count: number } | null,
 *     training: TrainingFacts | null }} Facts */

/** A model on a device. Calls wait for each other. */
export class Model {
    /**
     * @param {Player} player
     * @param {Facts} facts
     */
    constructor(player, facts) {
        this.player = player;
        this.facts = facts;
        const { channels, height, width } = facts.images;
        this.pixels = channels * height * width;
        /** @type {Promise<unknown>} */
        this.turn = Promise.resolve();
    }

    /**
     * Does something with the device once all that was asked for before is done.
     * @template T
     * @param {() => Promise<T>} work
     * @returns {Promise<T>}
     */
    inTurn(work) {
        const done = this.turn.then(work);
        this.turn = done.catch(() => {});
        return done;
    }

    /**
     * Codes of images.
     * @param {Float32Array} images
     * @param {number[]} labels One for each image, of models that are told labels.
     * @param {number} level The deviation of the noise in them, of models that are told it.
     * @returns {Promise<Record<string, Float32Array<ArrayBuffer>>>} `code`, and `log_variance` or `index`.
     */
    encode(images, labels = [], level = 0) {
        return this.batches("encode", "images", images, labels, images.length / this.pixels, level);
    }

    /**
     * Images of codes.
     * @param {Float32Array} codes
     * @param {number[]} labels
     */
    async decode(codes, labels = []) {
        const made = await this.batches("decode", "code", codes, labels, codes.length / this.facts.latent);
        return made.reconstruction;
    }

    /**
     * What the model makes of images.
     * @param {Float32Array} images
     * @param {number[]} labels
     * @param {number} level
     */
    async reconstruct(images, labels = [], level = 0) {
        if (!this.facts.residual) {
            return this.decode((await this.encode(images, labels)).code, labels);
        }
        const made = await this.batches("reconstruct", "images", images, labels, images.length / this.pixels, level);
        return made.reconstruction;
    }

    /**
     * @param {"encode" | "decode" | "reconstruct"} task
     * @param {string} input
     * @param {Float32Array} values
     * @param {number[]} labels
     * @param {number} count
     * @param {number} level
     */
    async batches(task, input, values, labels, count, level = 0) {
        /** @type {Record<string, Float32Array<ArrayBuffer>>} */
        const all = {};
        const width = values.length / count;
        for (let done = 0; done < count; ) {
            const sizes = this.facts.tasks[task];
            const plan = sizes.find((it) => it.batch >= count - done) ?? sizes[sizes.length - 1];
            const rows = Math.min(plan.batch, count - done);
            const whole = new Float32Array(plan.batch * width);
            whole.set(values.subarray(done * width, (done + rows) * width));
            const told = new Float32Array(plan.batch);
            told.set(labels.slice(done, done + rows));
            const made = await this.inTurn(async () => {
                const program = await this.player.program(plan.name);
                this.player.write(program, input, whole);
                if (this.facts.conditional) {
                    this.player.write(program, "labels", told);
                }
                if (program.form.inputs.some(({ name }) => name === "noise_level")) {
                    this.player.write(program, "noise_level", new Float32Array(plan.batch).fill(level));
                }
                this.player.run(program, [{}]);
                const outputs = Object.keys(program.form.outputs);
                const read = await Promise.all(outputs.map((name) => this.player.read(program, name)));
                return outputs.map((name, at) => /** @type {const} */ ([name, read[at]]));
            });
            for (const [name, numbers] of made) {
                const each = numbers.length / plan.batch;
                all[name] ??= new Float32Array(count * each);
                all[name].set(numbers.subarray(0, rows * each), done * each);
            }
            done += rows;
        }
        return all;
    }

    /**
     * Codes as the encoder could have made them, one after the other, in place.
     * @param {Float32Array} codes
     */
    rectify(codes) {
        const { rectifier, latent } = this.facts;
        if (rectifier.kind === "relu") {
            codes.forEach((value, at) => {
                codes[at] = Math.max(value, 0);
            });
        } else if (rectifier.kind === "greatest") {
            for (let at = 0; at < codes.length; at += latent) {
                const code = codes.subarray(at, at + latent);
                const order = Array.from(code.keys()).sort((a, b) => code[b] - code[a]);
                order.slice(rectifier.k).forEach((unit) => {
                    code[unit] = 0;
                });
            }
        }
        return codes;
    }
}

/**
 * The code at part `t` of the way between two: along the arc between them where codes lie near a sphere (White,
 * "Sampling generative networks", 2016), else straight.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t
 * @param {boolean} isArc
 */
export function between(a, b, t, isArc) {
    let [ofA, ofB] = [1 - t, t];
    if (isArc) {
        const product = (/** @type {Float32Array} */ x, /** @type {Float32Array} */ y) => x.reduce((sum, v, at) => sum + v * y[at], 0);
        const angle = Math.acos(Math.min(Math.max(product(a, b) / Math.sqrt(product(a, a) * product(b, b)), -1), 1));
        if (Math.sin(angle) > 1e-5) {
            [ofA, ofB] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
        }
    }
    return a.map((value, at) => ofA * value + ofB * b[at]);
}
