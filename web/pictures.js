// Pictures as a model takes them, and what it makes as pictures.

/** @typedef {import("./model.js").ImageShape} ImageShape */

/** The most pixels of a picture that is looked at. */
const MOST_PIXELS = 1 << 27;
/** Gray is this much of each colour (Rec. 709). */
const GRAY = [0.2126, 0.7152, 0.0722];

/**
 * A picture, brought to the size of a model's images as its training brought its own, transparent parts over white.
 * @param {CanvasImageSource & { width: number, height: number }} source
 * @param {ImageShape} shape
 * @param {"stretch" | "crop" | "pad"} fit
 * @returns {Float32Array<ArrayBuffer>} Numbers in [0, 1], `[channels, height, width]`.
 */
export function toNumbers(source, { channels, height, width }, fit) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) {
        throw new Error("this browser draws no pictures");
    }
    context.fillStyle = fit === "pad" ? "black" : "white";
    context.fillRect(0, 0, width, height);
    const scales = [width / source.width, height / source.height];
    const scale = fit === "crop" ? Math.max(...scales) : Math.min(...scales);
    const [across, down] = fit === "stretch" ? [width, height] : [source.width * scale, source.height * scale];
    const [left, top] = [(width - across) / 2, (height - down) / 2];
    if (fit === "pad") {
        context.fillStyle = "white";
        context.fillRect(left, top, across, down);
    }
    context.imageSmoothingQuality = "high";
    context.drawImage(source, left, top, across, down);
    const { data } = context.getImageData(0, 0, width, height);
    const plane = width * height;
    const numbers = new Float32Array(channels * plane);
    for (let at = 0; at < plane; at++) {
        const colours = data.subarray(4 * at, 4 * at + 3);
        if (channels === 1) {
            numbers[at] = Math.round(GRAY.reduce((sum, part, colour) => sum + part * colours[colour], 0)) / 255;
        } else {
            colours.forEach((value, channel) => {
                numbers[channel * plane + at] = value / 255;
            });
        }
    }
    return numbers;
}

/**
 * The picture in a file.
 * @param {Blob} file
 * @returns {Promise<ImageBitmap>}
 */
export async function pictureIn(file) {
    let bitmap;
    try {
        bitmap = await createImageBitmap(file);
    } catch {
        throw new Error("is no picture that this browser reads");
    }
    if (bitmap.width * bitmap.height > MOST_PIXELS) {
        bitmap.close();
        throw new Error("has too many pixels");
    }
    return bitmap;
}

/**
 * Draws an image onto a canvas of its size.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} numbers In [0, 1], `[channels, height, width]`.
 * @param {ImageShape} shape
 */
export function show(canvas, numbers, { channels, height, width }) {
    [canvas.width, canvas.height] = [width, height];
    const plane = width * height;
    const image = new ImageData(width, height);
    for (let at = 0; at < plane; at++) {
        for (let colour = 0; colour < 3; colour++) {
            image.data[4 * at + colour] = 255 * numbers[(channels === 1 ? 0 : colour * plane) + at];
        }
        image.data[4 * at + 3] = 255;
    }
    canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/**
 * The size of the error at each pixel, the mean over channels, as an image from black over red and yellow to white,
 * which stands for an error of `most`.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} one
 * @param {Float32Array} other
 * @param {ImageShape} shape
 * @param {number} most
 */
export function showError(canvas, one, other, { channels, height, width }, most) {
    const plane = width * height;
    const heat = new Float32Array(3 * plane);
    for (let at = 0; at < plane; at++) {
        let sum = 0;
        for (let channel = 0; channel < channels; channel++) {
            sum += Math.abs(one[channel * plane + at] - other[channel * plane + at]);
        }
        const share = Math.min(sum / channels / most, 1);
        [0, 1, 2].forEach((colour) => {
            heat[colour * plane + at] = Math.min(Math.max(3 * share - colour, 0), 1);
        });
    }
    show(canvas, heat, { channels: 3, height, width });
}

/**
 * Images as bytes, as a dataset stores them.
 * @param {Float32Array[]} images
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function toBytes(images) {
    const each = images[0]?.length ?? 0;
    const bytes = new Uint8Array(images.length * each);
    images.forEach((image, number) => bytes.set(Array.from(image, (value) => Math.round(255 * value)), number * each));
    return bytes;
}
