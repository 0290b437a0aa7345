// The panel of training: on the run's own images, where the file has them, or on the visitor's pictures.

import { bytesAt } from "./bytes.js";
import { byId, download, drawingOn, make, say, saying } from "./dom.js";
import { toBytes } from "./pictures.js";
import { MOST_STEPS } from "./player.js";
import { fromSafetensors, toSafetensors } from "./safetensors.js";
import { Trainer } from "./trainer.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").TrainingFacts} TrainingFacts */
/** @typedef {import("./trainer.js").Images} Images */
/** @typedef {import("./reconstruct.js").Reconstructions} Reconstructions */

/** Milliseconds between two looks at the state, from which the page goes on where a device is lost. */
const KEEP = 20000;
/** Milliseconds between two drawings of the curve. */
const DRAW = 250;
/** Milliseconds between two drawings of what the model has become. */
const SHOW = 1000;

/** Training, with its controls. */
export class TrainingPanel {
    /**
     * @param {Model} model
     * @param {TrainingFacts} facts
     * @param {Reconstructions} pictures
     * @param {() => void} changed Called now and then while the model changes.
     */
    constructor(model, facts, pictures, changed) {
        this.model = model;
        this.facts = facts;
        this.pictures = pictures;
        this.changed = changed;
        this.isRunning = false;
        this.data = facts.data ? this.ownImages(facts.data) : null;
        this.trainer = new Trainer(model.player, facts, this.data ?? { pixels: new Uint8Array(0), labels: null, count: 0, isWhole: false });
        /** A state to go back to, and where training stood then. */
        this.kept = { state: model.player.storedState(), at: this.trainer.position() };
        this.drawn = -DRAW;
        this.button = byId("train", HTMLButtonElement);
        this.choice = byId("train-data", HTMLSelectElement);
        this.epochs = byId("epochs", HTMLInputElement);
        this.epochs.value = String(facts.epochs);
        this.button.addEventListener("click", () => saying(() => this.toggle()));
        byId("save", HTMLButtonElement).addEventListener("click", () => saying(() => this.save()));
        const load = byId("load", HTMLInputElement);
        load.addEventListener("change", () => saying(async () => {
            await this.load(load.files?.[0]);
            load.value = "";
        }));
        byId("train-about", HTMLElement).textContent =
            `The program's own training step, ${facts.plans[0].batch} images at a time, goes on at step ${facts.at.step}; ` +
            "diabolo train --resume and all tasks take what is saved.";
        pictures.changed = () => this.listData();
        this.listData();
        this.report();
    }

    /** @param {import("./model.js").DataFacts} data @returns {Images} */
    ownImages({ pixels, labels, count, is_whole }) {
        const { block } = this.model.player;
        const words = labels ? new Uint32Array(bytesAt(block, labels).slice().buffer) : null;
        return { pixels: bytesAt(block, pixels).slice(), labels: words, count, isWhole: is_whole };
    }

    listData() {
        const { data, facts, pictures, choice } = this;
        const options = [];
        if (data) {
            const which = data.isWhole ? "all images of the run" : "images of the run";
            options.push(make("option", { value: "own" }, `${data.count}: ${which}`));
        }
        if (facts.takes_pictures) {
            options.push(make("option", { value: "brought" }, `${pictures.brought.length} pictures of yours`));
        }
        const chosen = choice.value;
        choice.replaceChildren(...options);
        if (options.some((it) => it.value === chosen)) {
            choice.value = chosen;
        }
    }

    /** The images that the visitor has chosen. @returns {Images} */
    chosenImages() {
        const { facts, model } = this;
        if (this.choice.value === "own" && this.data) {
            return this.data;
        }
        const brought = this.pictures.brought.slice(0, facts.room);
        if (!brought.length) {
            throw new Error("Drop or choose pictures to train on first.");
        }
        const plane = model.facts.images.height * model.facts.images.width;
        const seen = facts.masked ? new Float32Array(plane).fill(1) : new Float32Array(0);
        const images = brought.map(({ numbers }) => Float32Array.from([...numbers, ...seen]));
        const labels = Uint32Array.from(brought, ({ label }) => label);
        return { pixels: toBytes(images), labels, count: brought.length, isWhole: false };
    }

    async toggle() {
        if (this.isRunning) {
            this.isRunning = false;
            return;
        }
        const epochs = Math.floor(Number(this.epochs.value));
        this.trainer.epochs = Math.max(epochs || 0, 1);
        if (this.trainer.isDone()) {
            throw new Error(`${this.trainer.epoch} epochs are done; ask for more.`);
        }
        const images = this.chosenImages();
        await this.model.inTurn(async () => this.trainer.setImages(images));
        await this.train();
    }

    /** Trains until the visitor stops it, or all epochs are done. */
    async train() {
        const { trainer, model } = this;
        this.isRunning = true;
        this.button.textContent = "Pause";
        [this.choice, this.epochs].forEach((it) => {
            it.disabled = true;
        });
        let [shown, kept, begin, first] = [performance.now(), performance.now(), performance.now(), trainer.step];
        try {
            while (this.isRunning && !trainer.isDone()) {
                const points = await model.inTurn(() => trainer.advance(MOST_STEPS));
                const bad = points.find(({ loss }) => !Number.isFinite(loss));
                if (bad) {
                    await model.inTurn(async () => this.goBack());
                    throw new Error(`The loss is no number at step ${bad.step}; the model is as it was before.`);
                }
                const now = performance.now();
                this.report((1000 * (trainer.step - first)) / (now - begin));
                if (now - shown > SHOW) {
                    this.changed();
                    shown = performance.now();
                }
                if (now - kept > KEEP) {
                    await this.keep();
                    kept = performance.now();
                }
                await new Promise((done) => setTimeout(done));
            }
            await this.keep();
        } finally {
            this.isRunning = false;
            this.button.textContent = "Train";
            [this.choice, this.epochs].forEach((it) => {
                it.disabled = false;
            });
            this.changed();
        }
    }

    /** Notes the state, to go on from where the device is lost. */
    async keep() {
        this.kept = await this.model.inTurn(async () => {
            return { state: await this.model.player.state(), at: this.trainer.position() };
        });
    }

    /** Puts the state that was noted last onto the device. */
    goBack() {
        this.model.player.setState(this.kept.state);
        this.trainer.goBack(this.kept.at);
        this.trainer.player = this.model.player;
    }

    /** @param {number} speed Steps a second. */
    report(speed = 0) {
        const { trainer, facts } = this;
        const last = trainer.losses[trainer.losses.length - 1];
        const parts = [`Step ${trainer.step}, epoch ${Math.min(trainer.epoch + 1, trainer.epochs)} of ${trainer.epochs}`];
        if (last) {
            parts.push(`loss ${last.loss.toPrecision(5)} ${this.model.facts.unit}`);
        }
        if (speed) {
            parts.push(`${speed.toPrecision(3)} steps a second, ${Math.round(speed * facts.plans[0].batch)} images`);
        }
        byId("progress", HTMLElement).textContent = parts.join("; ");
        if (!this.isRunning || performance.now() - this.drawn > DRAW) {
            drawCurve(byId("curve", HTMLCanvasElement), trainer.losses.map(({ loss }) => loss));
            this.drawn = performance.now();
        }
    }

    /** The bytes of the model's file as it is now. */
    async file() {
        const { trainer, facts, model } = this;
        await this.keep();
        const { state, at } = this.kept;
        const { step, epoch, part, history } = at;
        // A file that claims more epochs than were asked for would be refused.
        const asked = Math.max(trainer.epochs, epoch + (part.number > 0 ? 1 : 0));
        return toSafetensors(model.player.file, state, facts.header, { step, epoch, epochs: asked, part, history });
    }

    async save() {
        download("model.safetensors", await this.file());
        say("model.safetensors is saved; put it into the run folder and go on with diabolo train --resume");
    }

    /** @param {File | undefined} file */
    async load(file) {
        if (!file) {
            return;
        }
        if (this.isRunning) {
            throw new Error("Pause the training first.");
        }
        const state = fromSafetensors(this.model.player.file, new Uint8Array(await file.arrayBuffer()));
        await this.model.inTurn(async () => this.model.player.setState(state));
        await this.keep();
        this.changed();
        say(`${file.name} is loaded`);
    }
}

/**
 * A curve of losses, on a scale of powers of ten.
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} losses
 */
function drawCurve(canvas, losses) {
    const context = drawingOn(canvas);
    const heights = losses.map((loss) => Math.log10(Math.max(loss, 1e-12)));
    const [low, high] = heights.reduce(([least, most], it) => [Math.min(least, it), Math.max(most, it)], [Infinity, -Infinity]);
    const style = getComputedStyle(document.body);
    context.fillStyle = style.color;
    context.font = "14px system-ui, sans-serif";
    if (!heights.length) {
        context.fillText("The loss of each step will be drawn here.", 10, 24);
        return;
    }
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 2;
    context.beginPath();
    const every = Math.max(1, Math.floor(heights.length / canvas.width));
    for (let at = 0; at < heights.length; at += every) {
        const x = 8 + (at / Math.max(heights.length - 1, 1)) * (canvas.width - 16);
        const y = 24 + ((high - heights[at]) / (high - low || 1)) * (canvas.height - 48);
        at ? context.lineTo(x, y) : context.moveTo(x, y);
    }
    context.stroke();
    context.fillText((10 ** high).toPrecision(3), 8, 16);
    context.fillText((10 ** low).toPrecision(3), 8, canvas.height - 6);
}
