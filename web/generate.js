// The panel of new images: the plane of codes, sliders along main directions, and samples by seed.

import { numbersAt } from "./bytes.js";
import { byId, drawingOn, make, newest, slider } from "./dom.js";
import { keyOf, normals } from "./philox.js";
import { show } from "./pictures.js";
import { showAll } from "./reconstruct.js";

/** @typedef {import("./model.js").Model} Model */

/** Samples that are shown. */
const SAMPLES = 16;
/** How far the plane and the sliders reach, in standard deviations. */
const REACH = 3;

/** What the model makes of codes that no picture had. */
export class Generation {
    /**
     * @param {Model} model
     * @param {() => number} label The class that the visitor has chosen.
     */
    constructor(model, label) {
        this.model = model;
        this.label = label;
        const { codes, samples, variational } = model.facts;
        const { block } = model.player;
        this.samples = samples ? numbersAt(block, samples.codes) : null;
        this.drawn = newest(() => this.sample());
        this.moved = newest(() => this.compute());
        byId("samples", HTMLDivElement).hidden = !samples && !variational;
        byId("temperature-label", HTMLLabelElement).hidden = !variational;
        byId("seed", HTMLInputElement).addEventListener("input", this.drawn);
        byId("temperature", HTMLInputElement).addEventListener("input", this.drawn);
        byId("other", HTMLButtonElement).addEventListener("click", () => {
            const seed = byId("seed", HTMLInputElement);
            seed.value = String(Number(seed.value) + 1);
            this.drawn();
        });
        byId("class", HTMLSelectElement).addEventListener("change", () => this.update());
        const columns = byId("map", HTMLCanvasElement).closest(".columns");
        columns?.toggleAttribute("hidden", !codes);
        if (codes) {
            this.mean = numbersAt(block, codes.mean);
            this.directions = numbersAt(block, codes.directions);
            this.points = numbersAt(block, codes.points);
            this.spreads = codes.spreads;
            /** @type {number[]} Of the code that is shown, in standard deviations. */
            this.at = codes.spreads.map(() => 0);
            this.makeSliders();
            this.listenToMap();
        }
    }

    /** Shows all anew, as after training. */
    update() {
        this.drawn();
        this.moved();
    }

    makeSliders() {
        const place = byId("directions", HTMLDivElement);
        this.sliders = (this.at ?? []).map((_, number) => {
            const range = { min: -REACH, max: REACH, step: 0.05, value: 0 };
            const made = slider(`Direction ${number + 1}`, range, (value) => this.move(number, value));
            place.append(made.label);
            return made.input;
        });
    }

    /**
     * @param {number} number
     * @param {number} value
     */
    move(number, value) {
        if (this.at && number < this.at.length) {
            this.at[number] = Math.min(Math.max(value, -REACH), REACH);
            if (this.sliders) {
                this.sliders[number].value = String(this.at[number]);
            }
            this.moved();
        }
    }

    listenToMap() {
        const map = byId("map", HTMLCanvasElement);
        const glide = (/** @type {PointerEvent} */ event) => {
            const { left, top, width, height } = map.getBoundingClientRect();
            this.move(0, REACH * ((2 * (event.clientX - left)) / width - 1));
            this.move(1, REACH * (1 - (2 * (event.clientY - top)) / height));
        };
        map.addEventListener("pointermove", glide);
        map.addEventListener("pointerdown", glide);
        map.addEventListener("keydown", (event) => {
            const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
            if (x || y) {
                event.preventDefault();
                this.move(0, (this.at?.[0] ?? 0) + 0.1 * x);
                this.move(1, (this.at?.[1] ?? 0) + 0.1 * y);
            }
        });
    }

    /** The picture of the code that sliders stand for. */
    async compute() {
        const { model, mean, directions, spreads, at } = this;
        if (!mean || !directions || !spreads || !at) {
            return;
        }
        const code = mean.slice();
        at.forEach((value, number) => {
            const along = directions.subarray(number * code.length, (number + 1) * code.length);
            along.forEach((part, place) => {
                code[place] += value * spreads[number] * part;
            });
        });
        const made = await model.decode(model.rectify(code), [this.label()]);
        show(byId("made", HTMLCanvasElement), made, model.facts.images);
        this.drawMap();
    }

    /** The points of known codes, and where the visitor is. */
    drawMap() {
        const map = byId("map", HTMLCanvasElement);
        const { points, at } = this;
        if (!points || !at) {
            return;
        }
        const context = drawingOn(map);
        const style = getComputedStyle(document.body);
        const place = (/** @type {number} */ x, /** @type {number} */ y) =>
            /** @type {const} */ ([(x / REACH + 1) * (map.width / 2), (1 - y / REACH) * (map.height / 2)]);
        const labels = this.model.facts.codes?.labels;
        for (let point = 0; point < points.length / 2; point++) {
            context.fillStyle = labels ? `hsl(${(labels[point] * 137.5) % 360} 65% 50%)` : style.color;
            const [x, y] = place(points[2 * point], points[2 * point + 1]);
            context.fillRect(x - 1.5, y - 1.5, 3, 3);
        }
        context.strokeStyle = style.color;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(...place(at[0], at[1] ?? 0), 7, 0, 2 * Math.PI);
        context.stroke();
    }

    /** Samples of the seed that the visitor has chosen. */
    async sample() {
        const { model, samples } = this;
        const { latent, variational } = model.facts;
        const seed = Number(byId("seed", HTMLInputElement).value);
        let codes = new Float32Array(0);
        if (variational) {
            const temperature = Number(byId("temperature", HTMLInputElement).value);
            codes = normals(keyOf(seed), SAMPLES * latent).map((value) => temperature * value);
        } else if (samples) {
            const count = samples.length / latent;
            const first = (Math.abs(Math.floor(seed)) * SAMPLES) % count;
            codes = new Float32Array(SAMPLES * latent);
            for (let at = 0; at < SAMPLES; at++) {
                const from = (first + at) % count;
                codes.set(samples.subarray(from * latent, (from + 1) * latent), at * latent);
            }
        } else {
            return;
        }
        const labels = Array.from({ length: SAMPLES }, () => this.label());
        const made = await model.decode(codes, labels);
        showAll(byId("samples", HTMLDivElement), made, SAMPLES, model);
    }
}

/**
 * The panel, where the model makes images of codes.
 * @param {Model} model
 * @param {() => number} label
 */
export function generation(model, label) {
    const section = byId("generate-section", HTMLElement);
    section.hidden = model.facts.residual;
    byId("way-section", HTMLElement).hidden = model.facts.residual;
    if (model.facts.residual) {
        section.replaceChildren(make("p"));
        return null;
    }
    return new Generation(model, label);
}
