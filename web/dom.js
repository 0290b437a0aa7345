// The page's elements, by name and by kind. Text is only ever set as text.

/**
 * The element of that id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
    const found = document.getElementById(id);
    if (!(found instanceof kind)) {
        throw new Error(`the page has no ${id}`);
    }
    return found;
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<HTMLElementTagNameMap[K]>} properties
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

/**
 * A labelled slider.
 * @param {string} name
 * @param {{ min: number, max: number, step: number, value: number }} range
 * @param {(value: number) => void} moved
 */
export function slider(name, range, moved) {
    const input = make("input", { type: "range" });
    input.min = String(range.min);
    input.max = String(range.max);
    input.step = String(range.step);
    input.value = String(range.value);
    input.addEventListener("input", () => moved(Number(input.value)));
    return { input, label: make("label", { className: "slider" }, make("span", {}, name), input) };
}

/**
 * Says something in the page's line for that.
 * @param {string} text
 * @param {boolean} isError
 */
export function say(text, isError = false) {
    const line = byId("status", HTMLElement);
    line.textContent = text;
    line.classList.toggle("error", isError);
}

/**
 * Says what went wrong, if something did.
 * @param {() => Promise<unknown>} work
 */
export async function saying(work) {
    try {
        await work();
    } catch (error) {
        say(error instanceof Error ? error.message : String(error), true);
    }
}

/**
 * Does the newest of what is asked for, and nothing of what was asked for before while something else was done.
 * @param {() => Promise<unknown>} work
 */
export function newest(work) {
    let [running, again] = [false, false];
    const run = async () => {
        if (running) {
            again = true;
            return;
        }
        running = true;
        do {
            again = false;
            await saying(work);
        } while (again);
        running = false;
    };
    return run;
}

/**
 * A canvas with a pixel for each of the page's, and what draws on it.
 * @param {HTMLCanvasElement} canvas
 */
export function drawingOn(canvas) {
    [canvas.width, canvas.height] = [canvas.clientWidth || 320, canvas.clientHeight || 200];
    const context = canvas.getContext("2d");
    if (!context) {
        throw new Error("This browser draws no pictures.");
    }
    return context;
}

/**
 * Hands a file to the visitor.
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function download(name, bytes) {
    const link = make("a", { href: URL.createObjectURL(new Blob([bytes])), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
