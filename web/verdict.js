// How near an adapter's numbers have to be to the processor's: src/check/tolerance.rs.

/** @typedef {"exact" | "elementwise" | "trigonometric" | "sums" | "steps"} Tolerance */

/** The most numbers of a result that are stored as they are. */
const WHOLE = 1024;

/**
 * How far a number may be off.
 * @param {Tolerance} tolerance
 * @param {number} expected
 * @param {number} largest
 */
function allowed(tolerance, expected, largest) {
    switch (tolerance) {
        case "exact":
            return 0;
        case "elementwise":
            return 1e-4 * Math.max(Math.abs(expected), 1);
        case "trigonometric":
            return 1 / 2048;
        case "sums":
            return 1e-4 * Math.max(largest, 0.1);
        case "steps":
            return 1e-3 * Math.max(Math.abs(expected), 0.1);
    }
}

/**
 * How far the worst of these numbers is off, as a share of what is allowed, with both.
 * @param {Tolerance} tolerance
 * @param {Float32Array} expected
 * @param {Float32Array} actual
 */
export function worstOf(tolerance, expected, actual) {
    let largest = 0;
    expected.filter(Number.isFinite).forEach((x) => {
        largest = Math.max(largest, Math.abs(x));
    });
    const worst = { share: 0, expected: 0, actual: 0 };
    expected.forEach((e, at) => {
        const a = actual[at];
        if (e === a || (Number.isNaN(e) && Number.isNaN(a))) {
            return;
        }
        const share = Math.abs(e - a) / allowed(tolerance, e, largest);
        if (!(share <= worst.share)) {
            Object.assign(worst, { share: Number.isNaN(share) ? Infinity : share, expected: e, actual: a });
        }
    });
    return worst;
}

/**
 * The numbers themselves or, where there are many, the means of as many stretches of them.
 * @param {Float32Array<ArrayBuffer>} numbers
 */
export function condensed(numbers) {
    const each = Math.max(Math.ceil(numbers.length / WHOLE), 1);
    return Float32Array.from({ length: Math.ceil(numbers.length / each) }, (_, number) => {
        const stretch = numbers.subarray(number * each, (number + 1) * each);
        return stretch.reduce((sum, x) => sum + x, 0) / stretch.length;
    });
}
