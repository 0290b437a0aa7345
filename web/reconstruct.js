// The panel of reconstructions: pictures in, and for each its code, what the model makes of it, and the error.

import { bytesAt } from "./bytes.js";
import { byId, make, newest, say, saying } from "./dom.js";
import { between } from "./model.js";
import { keyOf, normals } from "./philox.js";
import { pictureIn, show, showError, toNumbers } from "./pictures.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {{ name: string, label: number, numbers: Float32Array<ArrayBuffer>, code: Float32Array | null, seen: HTMLCanvasElement,
 *     codeView: HTMLCanvasElement, made: HTMLCanvasElement, error: HTMLCanvasElement, words: HTMLElement,
 *     tile: HTMLElement }} Tile */

/** Pictures that are shown at once. */
const MOST_TILES = 48;
/** The error that is shown white. */
const MOST_ERROR = 0.5;
/** Pictures on a way between two. */
const STEPS = 16;

/** The pictures that the visitor has brought, and those of the file. */
export class Reconstructions {
    /** @param {Model} model */
    constructor(model) {
        this.model = model;
        /** @type {Tile[]} */
        this.tiles = [];
        /** @type {{ numbers: Float32Array<ArrayBuffer>, label: number }[]} Brought by the visitor. */
        this.brought = [];
        /** @type {number[]} The ends of the way that the visitor has chosen. */
        this.ends = [];
        /** @type {() => void} */
        this.changed = () => {};
        this.list = byId("tiles", HTMLUListElement);
        this.noise = byId("noise", HTMLInputElement);
        this.classes = byId("class", HTMLSelectElement);
        this.update = newest(() => this.compute());
        this.ways = newest(() => this.interpolate());
        this.own = byId("own-noise", HTMLInputElement);
        byId("own-noise-label", HTMLLabelElement).hidden = !model.facts.noise_level;
        [this.noise, this.own].forEach((it) => it.addEventListener("input", this.update));
        /** How often the pictures take each code of a codebook. */
        this.uses = new Uint32Array(model.facts.codebook?.codes ?? 0);
        this.counted = () => {};
        byId("class-line", HTMLElement).hidden = !model.facts.conditional;
        model.facts.classes.forEach((name, label) => this.classes.append(make("option", { value: String(label) }, name)));
        this.listen();
    }

    /** The class that the visitor has chosen. */
    label() {
        return Number(this.classes.value) || 0;
    }

    listen() {
        const files = byId("files", HTMLInputElement);
        files.addEventListener("change", () => saying(async () => {
            await this.addFiles([...(files.files ?? [])]);
            files.value = "";
        }));
        byId("clear", HTMLButtonElement).addEventListener("click", () => {
            this.tiles.splice(0);
            this.brought.splice(0);
            this.list.replaceChildren();
            this.listWays();
            this.changed();
        });
        [byId("from", HTMLSelectElement), byId("to", HTMLSelectElement)].forEach((select, end) => {
            select.addEventListener("change", () => {
                this.ends[end] = select.selectedIndex;
                this.ways();
            });
        });
        document.addEventListener("dragover", (event) => {
            event.preventDefault();
            document.body.classList.add("over");
        });
        document.addEventListener("dragleave", () => document.body.classList.remove("over"));
        document.addEventListener("drop", (event) => {
            event.preventDefault();
            document.body.classList.remove("over");
            saying(() => this.addFiles([...(event.dataTransfer?.files ?? [])]));
        });
        document.addEventListener("paste", (event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (pasted.length) {
                saying(() => this.addFiles(pasted));
            }
        });
        this.listenToPen();
        this.listenToCamera();
    }

    /** Draws digits with a finger; the picture is taken whenever the finger goes up. */
    listenToPen() {
        const paper = byId("paper", HTMLCanvasElement);
        const context = paper.getContext("2d");
        const source = byId("source", HTMLDivElement);
        if (!context) {
            return;
        }
        const wipe = () => {
            context.fillStyle = "black";
            context.fillRect(0, 0, paper.width, paper.height);
        };
        /** @type {Tile | null} */
        let drawn = null;
        byId("draw", HTMLButtonElement).addEventListener("click", () => {
            source.hidden = false;
            paper.hidden = false;
            byId("video", HTMLVideoElement).hidden = true;
            drawn = null;
            wipe();
        });
        Object.assign(context, { strokeStyle: "white", lineWidth: 20, lineCap: "round", lineJoin: "round" });
        const place = (/** @type {PointerEvent} */ event) => {
            const { left, top, width, height } = paper.getBoundingClientRect();
            return /** @type {const} */ ([((event.clientX - left) * paper.width) / width, ((event.clientY - top) * paper.height) / height]);
        };
        const take = newest(async () => {
            const { images, fit } = this.model.facts;
            const numbers = toNumbers(paper, images, fit);
            if (drawn && this.tiles.includes(drawn)) {
                drawn.numbers = numbers;
            } else {
                drawn = this.add("drawn", numbers, this.label());
            }
            await this.compute();
        });
        paper.addEventListener("pointerdown", (event) => {
            paper.setPointerCapture(event.pointerId);
            context.beginPath();
            context.moveTo(...place(event));
        });
        paper.addEventListener("pointermove", (event) => {
            if (event.buttons) {
                context.lineTo(...place(event));
                context.stroke();
                take();
            }
        });
        paper.addEventListener("pointerup", take);
    }

    /** The camera's picture, several times a second. */
    listenToCamera() {
        const video = byId("video", HTMLVideoElement);
        const source = byId("source", HTMLDivElement);
        const button = byId("camera", HTMLButtonElement);
        /** @type {Tile | null} */
        let tile = null;
        const stop = () => {
            const stream = video.srcObject;
            if (stream instanceof MediaStream) {
                stream.getTracks().forEach((track) => track.stop());
            }
            video.srcObject = null;
            tile = null;
            source.hidden = true;
            button.textContent = "Camera";
        };
        const look = async () => {
            const { images, fit } = this.model.facts;
            while (video.srcObject) {
                if (video.videoWidth) {
                    [video.width, video.height] = [video.videoWidth, video.videoHeight];
                    const numbers = toNumbers(video, images, fit);
                    tile = tile && this.tiles.includes(tile) ? Object.assign(tile, { numbers }) : this.add("camera", numbers, this.label());
                    await this.compute();
                }
                await new Promise((done) => setTimeout(done, 50));
            }
        };
        button.addEventListener("click", () => saying(async () => {
            if (video.srcObject) {
                return stop();
            }
            if (!navigator.mediaDevices) {
                throw new Error("There is no camera for a page that was opened this way.");
            }
            video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
            source.hidden = false;
            video.hidden = false;
            byId("paper", HTMLCanvasElement).hidden = true;
            button.textContent = "Stop";
            await video.play();
            look().catch((error) => say(String(error), true));
        }));
    }

    /**
     * Takes pictures in, one by one, so that the page stays awake.
     * @param {File[]} files
     */
    async addFiles(files) {
        const { images, fit } = this.model.facts;
        const refused = [];
        for (const [number, file] of files.entries()) {
            try {
                const bitmap = await pictureIn(file);
                const numbers = toNumbers(bitmap, images, fit);
                bitmap.close();
                this.brought.push({ numbers, label: this.label() });
                if (number < MOST_TILES) {
                    this.add(file.name, numbers, this.label());
                }
            } catch (error) {
                refused.push(`${file.name} ${error instanceof Error ? error.message : error}`);
            }
            say(`${number + 1} of ${files.length} pictures read`);
        }
        await this.compute();
        this.changed();
        const more = files.length > MOST_TILES ? `; the first ${MOST_TILES} are shown` : "";
        const told = refused.slice(0, 3).join("; ") + (refused.length > 3 ? `; and ${refused.length - 3} more` : "");
        say(refused.length ? told : `${files.length} pictures read${more}`, refused.length > 0);
    }

    /** The pictures that the file brings along. */
    async addExamples() {
        const { examples } = this.model.facts;
        if (!examples) {
            return;
        }
        const bytes = bytesAt(this.model.player.block, examples.pixels);
        for (let at = examples.count - 1; at >= 0; at--) {
            const image = bytes.subarray(at * this.model.pixels, (at + 1) * this.model.pixels);
            const label = examples.labels?.[at] ?? 0;
            const name = this.model.facts.classes[label] ?? `picture ${at + 1}`;
            this.add(name, Float32Array.from(image, (byte) => byte / 255), label);
        }
        await this.compute();
    }

    /**
     * @param {string} name
     * @param {Float32Array<ArrayBuffer>} numbers
     * @param {number} label
     */
    add(name, numbers, label) {
        const view = (/** @type {string} */ what) => {
            const canvas = make("canvas");
            canvas.setAttribute("role", "img");
            canvas.setAttribute("aria-label", `${what}: ${name}`);
            return canvas;
        };
        const views = { seen: view("picture"), codeView: view("code"), made: view("reconstruction"), error: view("error") };
        const words = make("span");
        const tile = make("li", {}, views.seen, views.codeView, views.made, views.error, words);
        const added = { name, label, numbers, code: null, ...views, words, tile };
        this.tiles.unshift(added);
        this.list.prepend(tile);
        this.tiles.splice(MOST_TILES).forEach((old) => old.tile.remove());
        this.listWays();
        return added;
    }

    /** Has the model look at all tiles. */
    async compute() {
        const { model, tiles } = this;
        const { images } = model.facts;
        const amount = Number(this.noise.value);
        if (!tiles.length) {
            return;
        }
        const all = new Float32Array(tiles.length * model.pixels);
        const draws = amount ? normals(keyOf(1), all.length) : null;
        tiles.forEach(({ numbers }, number) => all.set(numbers, number * model.pixels));
        const seen = draws ? all.map((value, at) => Math.min(Math.max(value + amount * draws[at], 0), 1)) : all;
        const labels = tiles.map((tile) => tile.label);
        const level = Math.hypot(amount, Number(this.own.value));
        const { code, index } = await model.encode(seen, labels, level);
        const made = model.facts.residual ? await model.reconstruct(seen, labels, level) : await model.decode(code, labels);
        this.uses.fill(0);
        index?.forEach((number) => this.uses[number]++);
        this.counted();
        tiles.forEach((tile, number) => {
            const part = (/** @type {Float32Array} */ values) => values.subarray(number * model.pixels, (number + 1) * model.pixels);
            tile.code = code.slice(number * model.facts.latent, (number + 1) * model.facts.latent);
            const made_ = part(made);
            show(tile.seen, part(seen), images);
            show(tile.made, made_, images);
            showError(tile.error, tile.numbers, made_, images, MOST_ERROR);
            // Of a codebook, the numbers of codes say more than the codes.
            const places = index ? index.length / tiles.length : 0;
            showCode(tile.codeView, index ? index.subarray(number * places, (number + 1) * places) : tile.code);
            const mse = made_.reduce((sum, value, at) => sum + (value - tile.numbers[at]) ** 2, 0) / model.pixels;
            const { threshold } = model.facts;
            const isUnusual = threshold !== null && mse > threshold;
            tile.tile.classList.toggle("unusual", isUnusual);
            const beyond = isUnusual ? `, unusual: of held-out pictures one in 20 is above ${threshold.toPrecision(3)}` : "";
            tile.words.textContent = `${tile.name}: mean squared error ${mse.toPrecision(3)}${beyond}`;
        });
        await this.interpolate();
    }

    /** Offers the pictures that are there as ends of ways. */
    listWays() {
        for (const [id, first] of /** @type {const} */ ([["from", 0], ["to", 1]])) {
            const select = byId(id, HTMLSelectElement);
            const kept = this.ends[first] ?? first;
            select.replaceChildren(...this.tiles.map((tile, at) => make("option", { value: String(at) }, `${at + 1}: ${tile.name}`)));
            select.selectedIndex = Math.min(kept, this.tiles.length - 1);
        }
    }

    /** Shows the way between two pictures. */
    async interpolate() {
        const { model } = this;
        const ends = ["from", "to"].map((id) => this.tiles[Number(byId(id, HTMLSelectElement).value)]);
        const [a, b] = ends.map((tile) => tile?.code);
        const strip = byId("way", HTMLDivElement);
        if (!a || !b || model.facts.residual) {
            strip.replaceChildren();
            return;
        }
        const codes = new Float32Array(STEPS * a.length);
        for (let step = 0; step < STEPS; step++) {
            codes.set(between(a, b, step / (STEPS - 1), model.facts.variational), step * a.length);
        }
        const labels = Array.from({ length: STEPS }, (_, step) => ends[step < STEPS / 2 ? 0 : 1].label);
        const made = await model.decode(model.rectify(codes), labels);
        showAll(strip, made, STEPS, model);
    }
}

/**
 * Shows images in an element.
 * @param {HTMLElement} place
 * @param {Float32Array} images
 * @param {number} count
 * @param {Model} model
 */
export function showAll(place, images, count, model) {
    while (place.children.length > count) {
        place.lastElementChild?.remove();
    }
    for (let at = 0; at < count; at++) {
        let canvas = place.children[at];
        if (!(canvas instanceof HTMLCanvasElement)) {
            canvas = make("canvas");
            canvas.setAttribute("role", "img");
            canvas.setAttribute("aria-label", `image ${at + 1}`);
            place.append(canvas);
        }
        if (canvas instanceof HTMLCanvasElement) {
            show(canvas, images.subarray(at * model.pixels, (at + 1) * model.pixels), model.facts.images);
        }
    }
}

/**
 * A code as a square of its numbers, from the least, black, to the greatest, white.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} code
 */
function showCode(canvas, code) {
    const side = Math.ceil(Math.sqrt(code.length));
    const [least, most] = code.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 0]);
    const square = new Float32Array(side * side);
    code.forEach((value, at) => {
        square[at] = (value - least) / (most - least || 1);
    });
    show(canvas, square, { channels: 1, height: side, width: side });
}
