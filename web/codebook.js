// The panel of a codebook: what the decoder makes of each code, were it everywhere in the picture.

import { byId, make, newest } from "./dom.js";
import { show } from "./pictures.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./reconstruct.js").Reconstructions} Reconstructions */

/** Codes that are shown, those that are used most. */
const SHOWN = 48;

/** A codebook. */
export class Codebook {
    /**
     * @param {Model} model
     * @param {Reconstructions} pictures
     * @param {{ codes: number, dim: number, is_map: boolean }} form
     */
    constructor(model, pictures, form) {
        this.model = model;
        this.pictures = pictures;
        this.form = form;
        this.update = newest(() => this.compute());
        pictures.counted = this.update;
    }

    /** The codes, row by row: what is learned and, where that is apart, how far they were moved besides. */
    async rows() {
        const { player } = this.model;
        const rows = new Float32Array(this.form.codes * this.form.dim);
        for (const { name, in: area, offset } of player.file.state.tensors) {
            if (name === "codebook.codes" || name === "codebook.moves") {
                const numbers = await player.readBuffer(player[area], offset, rows.byteLength);
                numbers.forEach((value, at) => {
                    rows[at] += value;
                });
            }
        }
        return rows;
    }

    async compute() {
        const { model, form, pictures } = this;
        const { latent, images, residual } = model.facts;
        if (residual) {
            return;
        }
        const rows = await model.inTurn(() => this.rows());
        const uses = pictures.uses.slice();
        const order = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a]).slice(0, SHOWN);
        const places = latent / form.dim;
        const codes = new Float32Array(order.length * latent);
        order.forEach((number, at) => {
            for (let part = 0; part < latent; part++) {
                const along = form.is_map ? Math.floor(part / places) : part % form.dim;
                codes[at * latent + part] = rows[number * form.dim + along];
            }
        });
        const made = await model.decode(codes);
        const tiles = order.map((number, at) => {
            const canvas = make("canvas");
            canvas.setAttribute("role", "img");
            canvas.setAttribute("aria-label", `code ${number}`);
            show(canvas, made.subarray(at * model.pixels, (at + 1) * model.pixels), images);
            return make("li", {}, canvas, make("span", {}, `${number}: ${uses[number]}`));
        });
        byId("codebook", HTMLUListElement).replaceChildren(...tiles);
        const used = uses.reduce((sum, count) => sum + (count ? 1 : 0), 0);
        byId("codebook-about", HTMLElement).textContent =
            `${form.codes} codes, of which the pictures above take ${used}: each by its number and how many places take it, ` +
            "as the decoder shows it where it is everywhere.";
    }
}
