// What changes from step to step of a training: the program's own rules, src/models and src/train/trainer.rs.

/** @typedef {import("./philox.js").Key} Key */
/** @typedef {{ kind: "constant", value: number } | { kind: "rising", value: number, warmup: number }
 *     | { kind: "falling", value: number, warmup: number, factor: number }} Weight */
/** @typedef {{ rule: "adam", beta1: number, beta2: number } | { rule: "sgd" }} Optimiser */
/** @typedef {{ target: number, rate: number, least: number, most: number }} Adapting */
/** @typedef {{ seed: Key, learning_rate: number, schedule: "constant" | "cosine" | "warm-cosine", warm: number, warm_steps: number,
 *     weight: Weight, adapting?: Adapting, optimiser: Optimiser, halvings: number }} Rules */

/**
 * The factor of the learning rate after some steps of a run of so many.
 * @param {Rules} rules
 * @param {number} step
 * @param {number} steps
 * @returns {number}
 */
export function factor(rules, step, steps) {
    const share = step / steps;
    const cosine = (/** @type {number} */ part) =>
        Math.fround(0.5 + 0.5 * Math.cos(Math.PI * Math.min(Math.max(part, 0), 1)));
    switch (rules.schedule) {
        case "cosine":
            return cosine(share);
        case "warm-cosine": {
            const rises = Math.max(rules.warm, rules.warm_steps / steps);
            const risen = Math.fround(Math.min(share / rises, 1));
            return Math.fround(risen * cosine((share - rules.warm) / (1 - rules.warm)));
        }
        default:
            return 1;
    }
}

/**
 * The weight of a penalty, so many epochs into a training.
 * @param {Weight} weight
 * @param {number} epochs
 */
export function weightAt(weight, epochs) {
    switch (weight.kind) {
        case "rising":
            return Math.fround(weight.value * Math.min(epochs / weight.warmup, 1));
        case "falling":
            return Math.fround(weight.value * (1 + (weight.factor - 1) * Math.max(1 - epochs / weight.warmup, 0)));
        default:
            return weight.value;
    }
}

/**
 * The weight for the next epoch after one in which this share of units was active.
 * @param {Adapting} adapting
 * @param {number} weight
 * @param {number} activity
 */
export function adapted(adapting, weight, activity) {
    const { target, rate, least, most } = adapting;
    const step = rate * Math.log(Math.max(activity, 1e-6) / target);
    return Math.fround(Math.min(Math.max(weight * Math.exp(Math.min(Math.max(step, -rate), rate)), least), most));
}

/**
 * All that a step is told.
 * @param {Rules} rules
 * @param {{ step: number, epoch: number, number: number, steps: number, epochs: number, weight?: number }} at
 *     Steps taken before it, its epoch, its number in that, steps of an epoch, epochs in all, and the weight that was
 *     adapted, if one was.
 * @returns {import("./player.js").StepScalars}
 */
export function scalarsOf(rules, at) {
    const rate = Math.fround(rules.learning_rate * 0.5 ** rules.halvings);
    const { optimiser } = rules;
    const beta = (/** @type {number} */ value) => 1 - value ** (at.step + 1);
    return {
        step: at.step,
        weight: at.weight ?? weightAt(rules.weight, at.epoch + at.number / at.steps),
        seed: rules.seed,
        learning_rate: rate * factor(rules, at.step, at.epochs * at.steps),
        corrections: optimiser.rule === "adam" ? [beta(optimiser.beta1), beta(optimiser.beta2), 0, 0] : [1, 1, 0, 0],
    };
}
