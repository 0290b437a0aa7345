// Training in the page: the steps that `diabolo train --resume` would take, on the images of the run or on others.

import { permutation } from "./philox.js";
import { MOST_STEPS } from "./player.js";
import { adapted, scalarsOf } from "./schedule.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./schedule.js").Rules} Rules */
/** @typedef {{ weight: number, activity: number }} Adaptation */
/** @typedef {{ epoch: number, train_loss: number, test_loss: null, seconds: number, weight?: number,
 *     activity?: number }} Epoch */
/** @typedef {{ rules: Rules, epochs: number, steps: number, images: number, at: { step: number, epoch: number,
 *     number: number, sums: number[], images: number, seconds: number, adaptation: Adaptation | null },
 *     plans: { name: string, batch: number }[], room: number }} Training */
/** @typedef {{ pixels: Uint8Array<ArrayBuffer>, labels: Uint32Array<ArrayBuffer> | null, count: number,
 *     isWhole: boolean }} Images Stored as the run's are, one after the other; whether they are all of the run's. */
/** @typedef {{ step: number, loss: number }} Point */

/** Calls are as long as this at the most, in milliseconds, so that the page stays awake. */
const CALL = 100;

/** Trains a model on images. */
export class Trainer {
    /**
     * @param {Player} player
     * @param {Training} training
     * @param {Images} images
     */
    constructor(player, training, images) {
        this.player = player;
        this.training = training;
        this.rules = training.rules;
        this.epochs = training.epochs;
        const { at } = training;
        this.step = at.step;
        this.epoch = at.epoch;
        /** Steps of the epoch under way, the sums of its metrics times images, its images and seconds. */
        this.part = { number: at.number, sums: [...at.sums], images: at.images, seconds: at.seconds };
        /** @type {number | undefined} */
        this.weight = undefined;
        this.adapt(at.adaptation);
        /** @type {Epoch[]} Epochs that ended here. */
        this.history = [];
        /** @type {Point[]} */
        this.losses = [];
        this.together = 1;
        this.images = images;
        /** The epoch whose order the device has, and how many places that has. */
        this.ordered = -1;
        this.length = 0;
        this.setImages(images);
    }

    /**
     * Goes on with other images.
     * @param {Images} images
     */
    setImages(images) {
        this.images = images;
        this.player.writeData("pixels", images.pixels);
        if (images.labels) {
            this.player.writeData("labels", images.labels);
        }
        this.ordered = -1;
    }

    /** @param {Adaptation | null} adaptation */
    adapt(adaptation) {
        const { adapting } = this.rules;
        this.weight = adapting && adaptation ? adapted(adapting, adaptation.weight, adaptation.activity) : undefined;
    }

    /** Sends the order of the epoch under way. Where images are fewer than a batch, they come several times. */
    arrange() {
        if (this.ordered === this.epoch) {
            return;
        }
        const { images, training } = this;
        const order = permutation(this.rules.seed, this.epoch, images.count);
        let all = order;
        if (!images.isWhole) {
            const count = Math.max(Math.ceil(images.count / training.plans[0].batch), 1) * training.plans[0].batch;
            all = Uint32Array.from({ length: Math.min(count, training.room) }, (_, at) => order[at % order.length]);
        }
        this.length = all.length;
        this.player.writeData("order", all);
        this.ordered = this.epoch;
    }

    /** Where training stands, to come back to. */
    position() {
        const { step, epoch, weight, part, history, losses } = this;
        return { step, epoch, weight, part: { ...part, sums: [...part.sums] }, history: [...history], losses: losses.length };
    }

    /**
     * Goes back to where training stood.
     * @param {ReturnType<Trainer["position"]>} at
     */
    goBack({ step, epoch, weight, part, history, losses }) {
        Object.assign(this, { step, epoch, weight, part: { ...part, sums: [...part.sums] }, history: [...history] });
        this.losses.length = losses;
        this.ordered = -1;
    }

    /** Whether all epochs are done. */
    isDone() {
        return this.epoch >= this.epochs;
    }

    /**
     * Takes some steps, at most `most`, and at most to the end of the epoch.
     * @param {number} most
     * @returns {Promise<Point[]>} The loss of each.
     */
    async advance(most) {
        this.arrange();
        const { plans, steps } = this.training;
        const begin = performance.now();
        // Of other images than the run's own there may be fewer, or more, than its epochs have.
        const isWhole = this.images.isWhole;
        const before = isWhole ? this.part.number * plans[0].batch : (this.part.number * plans[0].batch) % this.length;
        const left = this.length - before;
        const plan = plans.find((it) => it.batch <= left) ?? plans[plans.length - 1];
        const program = await this.player.program(plan.name);
        const fits = Math.max(1, Math.floor(left / plan.batch));
        const count = Math.min(most, this.together, fits, steps - this.part.number);
        const { rows, metrics } = program.form;
        const calls = Array.from({ length: count }, (_, index) => {
            const number = this.part.number + index;
            const at = { step: this.step + index, epoch: this.epoch, number, steps, epochs: this.epochs, weight: this.weight };
            return { scalars: scalarsOf(this.rules, at), cursor: before + index * plan.batch, row: number % rows };
        });
        this.player.run(program, calls.map(({ scalars, cursor, row }) => ({ ...scalars, cursor, row })));
        const log = await this.player.metrics(program);
        const points = calls.map(({ scalars, row }) => {
            const at = row * metrics.length;
            metrics.forEach((_, column) => {
                this.part.sums[column] = (this.part.sums[column] ?? 0) + log[at + column] * plan.batch;
            });
            this.part.images += plan.batch;
            return { step: Number(scalars.step) + 1, loss: log[at] };
        });
        const firstWeight = Number(calls[0].scalars.weight);
        this.part.number += count;
        this.step += count;
        this.losses.push(...points);
        const took = performance.now() - begin;
        this.part.seconds += took / 1000;
        // An epoch's last steps, which are few, make the next ones no fewer.
        const next = took > CALL ? count >> 1 : Math.max(this.together, count * 2);
        this.together = Math.max(1, Math.min(MOST_STEPS, next));
        if (this.part.number >= steps) {
            this.endEpoch(firstWeight);
        }
        return points;
    }

    /** @param {number} weight The weight of the last steps, which in models that adapt is that of all. */
    endEpoch(weight) {
        const { sums, images, seconds } = this.part;
        this.epoch += 1;
        /** @type {Epoch} */
        const ended = { epoch: this.epoch, train_loss: sums[0] / images, test_loss: null, seconds };
        if (this.rules.adapting) {
            const adaptation = { weight, activity: sums[1] / images };
            Object.assign(ended, adaptation);
            this.adapt(adaptation);
        }
        this.history.push(ended);
        this.part = { number: 0, sums: [], images: 0, seconds: 0 };
    }
}
