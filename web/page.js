// The page: opens a device, puts the model onto it, and shows what it does.

import { fromBase64, unzipped } from "./bytes.js";
import { Codebook } from "./codebook.js";
import { openDevice } from "./device.js";
import { byId, say } from "./dom.js";
import { generation } from "./generate.js";
import { Model } from "./model.js";
import { Player } from "./player.js";
import { Reconstructions } from "./reconstruct.js";
import { TrainingPanel } from "./training.js";

/** @typedef {import("./player.js").PlanFile} PlanFile */
/** @typedef {import("./model.js").Facts} Facts */

/** A device that says what goes wrong. */
async function openSpeaking() {
    const opened = await openDevice();
    opened.device.addEventListener("uncapturederror", (event) => say(event.error.message, true));
    return opened;
}

/** What the page holds: plans, facts of the model, and the block of bytes. */
async function contents() {
    const text = (/** @type {string} */ id) => byId(id, HTMLScriptElement).textContent ?? "";
    const read = async (/** @type {string} */ id) => unzipped(fromBase64(text(id)));
    const json = new TextDecoder().decode(await read("contents"));
    /** @type {{ plans: PlanFile, model: Facts }} */
    const { plans, model } = JSON.parse(json);
    return { plans, facts: model, block: await read("block") };
}

/** Puts the model onto a device, again where one is lost. */
async function start() {
    const { plans, facts, block } = await contents();
    byId("name", HTMLElement).textContent = facts.name;
    document.title = `${facts.name} - Diabolo`;
    const { channels, height, width } = facts.images;
    byId("about", HTMLElement).textContent = `A ${facts.variant} model of ${facts.parameters} numbers: ` +
        `${width}x${height} ${channels === 1 ? "gray" : "colour"} pictures as ${facts.latent} numbers each. All is computed here; nothing is sent anywhere.`;
    const opened = await openSpeaking();
    const model = new Model(new Player(opened.device, plans, block, opened.isSoftware), facts);
    const pictures = new Reconstructions(model);
    await pictures.addExamples();
    byId("all", HTMLElement).hidden = false;
    const codebook = facts.codebook && !facts.residual ? new Codebook(model, pictures, facts.codebook) : null;
    byId("codebook-section", HTMLElement).hidden = !codebook;
    codebook?.update();
    const made = generation(model, () => pictures.label());
    made?.update();
    const changed = () => {
        pictures.update();
        made?.update();
    };
    const panel = facts.training ? new TrainingPanel(model, facts.training, pictures, changed) : null;
    byId("train-section", HTMLElement).hidden = !panel;
    say("");
    const renew = async (/** @type {GPUDevice} */ lost) => {
        await lost.lost;
        say("The GPU was lost; starting again …", true);
        const next = await openSpeaking();
        model.player = new Player(next.device, plans, block, next.isSoftware);
        model.turn = Promise.resolve();
        if (panel) {
            panel.isRunning = false;
            panel.goBack();
        }
        say("The GPU was lost, and is back; training stands where it was last noted.");
        changed();
        await renew(next.device);
    };
    renew(opened.device).catch((error) => say(String(error), true));
    return { model, pictures, panel };
}

/** For who looks at the page from outside, as tests do. */
const ready = start();
Object.assign(window, { diabolo: ready });
ready.catch((error) => say(error instanceof Error ? error.message : String(error), true));
