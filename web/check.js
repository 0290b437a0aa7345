// The page that checks a GPU: what every kernel computes, beside what the program's processor did, and how fast.

import { fromBase64, numbersAt, unzipped } from "./bytes.js";
import { openDevice } from "./device.js";
import { byId, download, make, say } from "./dom.js";
import { Pipelines } from "./pipelines.js";
import { Player } from "./player.js";
import { measured } from "./timing.js";
import { bytesOf, drawn } from "./values.js";
import { condensed, worstOf } from "./verdict.js";

/** @typedef {import("./bytes.js").Span} Span */
/** @typedef {import("./player.js").PlanFile} PlanFile */
/** @typedef {import("./player.js").Program} Program */
/** @typedef {import("./player.js").StepScalars} StepScalars */
/** @typedef {{ part: string, name: string, plan: string, tolerance: import("./verdict.js").Tolerance,
 *     inputs: { name: string, count: number, values: import("./values.js").Values, seed: number }[],
 *     images: { count: number, bytes: number, seed: number, labelled: boolean } | null,
 *     steps: StepScalars[], results: { name: string, numbers: Span }[] }} Check */
/** @typedef {{ name: string, plan: string, bytes: number, flops: number }} Timed */
/** @typedef {{ plans: PlanFile, block: [number, number], checks: Check[], timings: Timed[] }} File */
/** @typedef {{ part: string, name: string, passed: boolean, worst: number | null, fault?: string }} Outcome */
/** @typedef {{ name: string, median_ms: number, clock: string, share: number, dispatches: number }} Timing */
/** @typedef {{ gflops: number, gbytes: number, dispatch_us: number }} Rates */

/** Parameters of what is timed lie between this and its negative. */
const BOUND = 0.05;

/** What the page holds. */
async function contents() {
    const text = (/** @type {string} */ id) => byId(id, HTMLScriptElement).textContent ?? "";
    const read = async (/** @type {string} */ id) => unzipped(fromBase64(text(id)));
    /** @type {{ version: string, files: File[] }} */
    const { version, files } = JSON.parse(new TextDecoder().decode(await read("contents")));
    return { version, files, block: await read("block") };
}

/**
 * Images to train on, their labels and their order.
 * @param {Player} player
 * @param {{ count: number, bytes: number, seed: number }} images
 */
function writeImages(player, { count, bytes, seed }) {
    player.writeData("pixels", bytesOf(seed, count * bytes));
    player.writeData("labels", Uint32Array.from({ length: count }, (_, at) => at % 10));
    player.writeData("order", Uint32Array.from({ length: count }, (_, at) => at));
}

/**
 * Fills the memory of a plan with NaN, so that a number shows that is read before it was written.
 * @param {Player} player
 * @param {Program} program
 */
function poison({ device }, program) {
    for (const buffer of [...program.slots, program.metrics]) {
        device.queue.writeBuffer(buffer, 0, new Uint32Array(buffer.size / 4).fill(0x7fc07fc0));
    }
}

/**
 * The numbers of a result.
 * @param {Player} player
 * @param {Program} program
 * @param {string} name
 * @param {StepScalars[]} steps
 */
async function resultOf(player, program, name, steps) {
    if (name in program.form.outputs) {
        return condensed(await player.read(program, name));
    }
    if (name === "loss") {
        const [log, columns] = [await player.metrics(program), program.form.metrics.length];
        return Float32Array.from(steps, ({ row }) => log[Number(row) * columns]);
    }
    const { parameters, moments } = await player.state();
    const all = [parameters, ...moments].map((it) => [...it]);
    return condensed(Float32Array.from(all.flat()));
}

/**
 * Has a check computed, and compares.
 * @param {Player} player
 * @param {Check} check
 * @returns {Promise<Outcome>}
 */
async function outcomeOf(player, { part, name, plan, inputs, images, steps, results, tolerance }) {
    /** @type {Outcome} */
    const outcome = { part, name, passed: true, worst: 0 };
    try {
        const program = await player.program(plan);
        poison(player, program);
        const known = new Set(program.form.inputs.map((input) => input.name));
        for (const input of inputs.filter((it) => known.has(it.name))) {
            player.write(program, input.name, drawn(input.values, input.seed, input.count));
        }
        if (images) {
            writeImages(player, images);
        }
        player.run(program, steps);
        for (const { name: result, numbers } of results) {
            const actual = await resultOf(player, program, result, steps);
            const worst = worstOf(tolerance, numbersAt(player.block, numbers), actual);
            if (worst.share > (outcome.worst ?? Infinity)) {
                outcome.worst = Number.isFinite(worst.share) ? worst.share : null;
            }
            if (worst.share > 1 && outcome.passed) {
                outcome.passed = false;
                outcome.fault = `${result}: ${worst.actual}, not ${worst.expected}`;
            }
        }
        await player.forget(plan);
    } catch (error) {
        Object.assign(outcome, { passed: false, worst: null, fault: error instanceof Error ? error.message : String(error) });
    }
    return outcome;
}

/**
 * Times a plan on random numbers.
 * @param {Player} player
 * @param {Timed} timed
 */
async function timingOf(player, { name, plan }) {
    say(`Timing ${name} …`);
    const program = await player.program(plan);
    const { pixels } = program.form.data;
    if (pixels) {
        const count = program.form.data.order / 4;
        writeImages(player, { count, bytes: pixels / count, seed: 0 });
    }
    for (const input of program.form.inputs) {
        const count = input.shape.reduce((a, b) => a * b, 1);
        player.write(program, input.name, new Float32Array(count).fill(0.5));
    }
    const numbers = (/** @type {number} */ bytes) => drawn({ kind: "between", low: -BOUND, high: BOUND }, 1, bytes / 4);
    const { parameters, buffers, moments } = player.file.state;
    const zeros = () => new Float32Array(parameters / 4);
    player.setState({
        parameters: numbers(parameters),
        buffers: new Float32Array(buffers / 4).fill(1),
        moments: Array.from({ length: moments }, zeros),
    });
    return { ...(await measured(player, program)), dispatches: program.commands.length };
}

/** @param {Outcome} outcome */
function row({ part, name, passed, worst, fault }) {
    const share = worst === null ? "-" : `${(100 * worst).toFixed(1)}%`;
    const cells = [passed ? "ok" : "WRONG", part, share, fault ? `${name}: ${fault}` : name];
    return make("tr", { className: passed ? "" : "wrong" }, ...cells.map((text) => make("td", {}, text)));
}

/** @param {Timing} timing */
function timeRow({ name, median_ms, clock, share, dispatches }) {
    const cells = [name, `${median_ms.toPrecision(3)} ms`, `${(100 * share).toFixed(0)}%`, String(dispatches), clock];
    return make("tr", {}, ...cells.map((text) => make("td", {}, text)));
}

/**
 * Times what a file has to time.
 * @param {Player} player
 * @param {File} file
 * @param {{ ceilings: Rates | null, timings: Timing[] }} report
 */
async function time(player, { timings }, report) {
    for (const timed of timings) {
        const { median, clock, dispatches } = await timingOf(player, timed);
        const { name, flops, bytes } = timed;
        if (["arithmetic", "memory", "dispatches"].includes(name)) {
            report.ceilings ??= { gflops: 0, gbytes: 0, dispatch_us: 0 };
            const rates = report.ceilings;
            rates.gflops = name === "arithmetic" ? flops / median / 1e9 : rates.gflops;
            rates.gbytes = name === "memory" ? bytes / median / 1e9 : rates.gbytes;
            rates.dispatch_us = name === "dispatches" ? (1e6 * median) / dispatches : rates.dispatch_us;
            continue;
        }
        const { gflops, gbytes } = report.ceilings ?? { gflops: Infinity, gbytes: Infinity };
        const share = Math.max(flops / (gflops * 1e9), bytes / (gbytes * 1e9)) / median;
        const timing = { name, median_ms: 1000 * median, clock, share, dispatches };
        report.timings.push(timing);
        byId("times", HTMLElement).append(timeRow(timing));
    }
    const rates = report.ceilings;
    byId("times-section", HTMLElement).hidden = !rates;
    if (rates) {
        byId("ceilings", HTMLElement).textContent = `At most ${rates.gflops.toFixed(1)} GFLOP/s, ` +
            `${rates.gbytes.toFixed(1)} GB/s; ${rates.dispatch_us.toFixed(1)} µs a kernel.`;
    }
}

/** Checks all of it, and says what came of it. */
async function start() {
    const begin = performance.now();
    const { version, files, block } = await contents();
    const { device, info, isSoftware } = await openDevice(true);
    const adapter = { name: info.description || info.device, vendor: info.vendor, architecture: info.architecture, browser: navigator.userAgent };
    const place = [adapter.vendor, adapter.architecture, adapter.name].filter((it) => it).join(" ") || "an adapter without a name";
    byId("about", HTMLElement).textContent = `${place}. All is computed here; nothing is sent anywhere.`;
    const bar = byId("bar", HTMLProgressElement);
    bar.max = files.reduce((sum, { checks, timings }) => sum + checks.length + timings.length, 0);
    const pipelines = new Pipelines(device);
    /** @type {{ format: string, version: string, adapter: object, passed: boolean, seconds: number, checks: Outcome[],
     *     ceilings: Rates | null, timings: Timing[] }} */
    const report = { format: "diabolo check", version, adapter, passed: true, seconds: 0, checks: [], ceilings: null, timings: [] };
    for (const file of files) {
        const player = new Player(device, file.plans, block.subarray(...file.block), isSoftware, pipelines);
        for (const check of file.checks) {
            say(`Checking ${check.name} …`);
            const outcome = await outcomeOf(player, check);
            report.checks.push(outcome);
            const table = byId("checks", HTMLElement);
            outcome.passed ? table.append(row(outcome)) : table.prepend(row(outcome));
            bar.value += 1;
        }
        await time(player, file, report);
        bar.value += file.timings.length;
        await player.destroy();
    }
    const wrong = report.checks.filter((check) => !check.passed).length;
    report.passed = wrong === 0;
    report.seconds = (performance.now() - begin) / 1000;
    say(wrong
        ? `${wrong} of ${report.checks.length} checks FAILED on ${place}`
        : `${report.checks.length} checks passed on ${place} in ${report.seconds.toFixed(1)} s`, wrong > 0);
    return report;
}

/** @param {object} report */
function offer(report) {
    const text = JSON.stringify(report, null, 1);
    const area = byId("json", HTMLTextAreaElement);
    area.value = text;
    const [copy, save] = ["copy", "save"].map((id) => byId(id, HTMLButtonElement));
    [copy, save].forEach((button) => {
        button.disabled = false;
    });
    copy.addEventListener("click", async () => {
        area.select();
        await navigator.clipboard.writeText(text).catch(() => document.execCommand("copy"));
        copy.textContent = "Copied";
    });
    save.addEventListener("click", () => download("check.json", new TextEncoder().encode(text)));
    return report;
}

/** For who looks at the page from outside, as tests do. */
const ready = start().then(offer);
Object.assign(window, { diabolo: ready });
ready.catch((error) => say(error instanceof Error ? error.message : String(error), true));
