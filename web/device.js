// The device that a page computes on.

/**
 * A device at WebGPU's default limits, with timestamps where it has them if they are wanted.
 * @param {boolean} isTimed
 */
export async function openDevice(isTimed = false) {
    if (!navigator.gpu) {
        throw new Error(window.isSecureContext
            ? "This browser has no WebGPU. Chrome, Edge, Safari and Firefox of 2025 or later have it; on Linux it may have to be switched on."
            : "This address is not safe enough for WebGPU. Open the page as a file, or from https or localhost.");
    }
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) {
        throw new Error("This browser has WebGPU and found no GPU for it. Its settings may have hardware acceleration switched off.");
    }
    /** @type {GPUFeatureName[]} */
    const requiredFeatures = isTimed && adapter.features.has("timestamp-query") ? ["timestamp-query"] : [];
    const device = await adapter.requestDevice({ requiredFeatures });
    return { device, info: adapter.info, isSoftware: isSoftware(adapter.info) };
}

/**
 * Whether an adapter computes on the processor, by what the browser says of it or by its name.
 * @param {GPUAdapterInfo} info
 */
function isSoftware({ isFallbackAdapter, architecture, description }) {
    return isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${description}`);
}
