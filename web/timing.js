// How long the steps of a plan take: src/bench/workloads/measure.rs.

import { MOST_STEPS } from "./player.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./player.js").Program} Program */

/** Milliseconds of a sample, of all samples, of what comes before, and of a step that is not taken more than once. */
const SAMPLE = 20;
const BUDGET = 2000;
const WARM_UP = 100;
const LONG = 5000;

/** A device's own clock, around what it is told to do. */
class Timestamps {
    /** @param {GPUDevice} device */
    constructor(device) {
        this.device = device;
        this.set = device.createQuerySet({ type: "timestamp", count: 2 });
        const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
        this.resolved = device.createBuffer({ size: 16, usage });
        this.staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
        this.writes = { querySet: this.set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    }

    /** The milliseconds between both. */
    async read() {
        const encoder = this.device.createCommandEncoder();
        encoder.resolveQuerySet(this.set, 0, 2, this.resolved, 0);
        encoder.copyBufferToBuffer(this.resolved, 0, this.staging, 0, 16);
        this.device.queue.submit([encoder.finish()]);
        await this.staging.mapAsync(GPUMapMode.READ);
        const [begin, end] = new BigUint64Array(this.staging.getMappedRange().slice(0));
        this.staging.unmap();
        return Number(end - begin) / 1e6;
    }

    destroy() {
        [this.set, this.resolved, this.staging].forEach((it) => it.destroy());
    }
}

/** @param {number} count */
function steps(count) {
    return Array.from({ length: count }, (_, row) => ({ row, learning_rate: 1e-3, corrections: [0.1, 0.001, 0, 0] }));
}

/**
 * Runs so many steps; the milliseconds that they took, by the device's own clock where it has one.
 * @param {Player} player
 * @param {Program} program
 * @param {Timestamps | null} clock
 * @param {number} count
 */
async function sample(player, program, clock, count) {
    const begin = performance.now();
    player.run(program, steps(count), clock?.writes);
    await player.device.queue.onSubmittedWorkDone();
    const wall = performance.now() - begin;
    const own = clock ? await clock.read() : 0;
    // Browsers round timestamps, some to nothing.
    return own > 0 ? { took: own, clock: "timestamps" } : { took: wall, clock: "wall" };
}

/**
 * The median seconds of a step, once the device has worked for a while, and what they were measured by.
 * @param {Player} player
 * @param {Program} program
 */
export async function measured(player, program) {
    const clock = player.device.features.has("timestamp-query") ? new Timestamps(player.device) : null;
    await sample(player, program, clock, 1);
    const second = await sample(player, program, clock, 1);
    if (second.took > LONG) {
        clock?.destroy();
        return { median: second.took / 1000, clock: second.clock };
    }
    let once = second.took;
    const together = () => Math.max(1, Math.min(MOST_STEPS, Math.floor(SAMPLE / once)));
    const begin = performance.now();
    while (performance.now() - begin < WARM_UP) {
        const count = together();
        once = (await sample(player, program, clock, count)).took / count;
    }
    const count = together();
    const all = [];
    for (const until = performance.now() + BUDGET; all.length < 3 || (all.length < 20 && performance.now() < until);) {
        all.push(await sample(player, program, clock, count));
    }
    clock?.destroy();
    const each = all.map(({ took }) => took / count).sort((a, b) => a - b);
    const isWall = all.some(({ clock }) => clock === "wall");
    return { median: each[Math.floor(each.length / 2)] / 1000, clock: isWall ? "wall" : "timestamps" };
}
