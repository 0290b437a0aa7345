// Compiled kernels, which all players of a device share.

/** @typedef {import("./player.js").Pipeline} Pipeline */
/** @typedef {{ pipeline: GPUComputePipeline, storage: GPUBindGroupLayout, uniforms: GPUBindGroupLayout | null }} Compiled */

/** What was compiled, by what it was compiled from. */
export class Pipelines {
    /** @param {GPUDevice} device */
    constructor(device) {
        this.device = device;
        /** @type {Map<string, Promise<Compiled>>} */
        this.known = new Map();
        /** @type {Map<string, GPUShaderModule>} */
        this.modules = new Map();
    }

    /**
     * A pipeline of a kernel's text.
     * @param {{ name: string, text: string }} kernel
     * @param {Pipeline} form
     */
    compiled(kernel, form) {
        const { kernel: _, ...rest } = form;
        const key = JSON.stringify([kernel.text, rest]);
        const known = this.known.get(key);
        if (known) {
            return known;
        }
        const made = this.compile(kernel, form);
        this.known.set(key, made);
        return made;
    }

    /**
     * @param {{ name: string, text: string }} kernel
     * @param {Pipeline} form
     * @returns {Promise<Compiled>}
     */
    async compile({ name, text }, form) {
        const module = this.modules.get(text) ?? this.device.createShaderModule({ code: text, label: name });
        this.modules.set(text, module);
        const visibility = GPUShaderStage.COMPUTE;
        const storage = this.device.createBindGroupLayout({
            entries: form.storage.map(({ binding, read_only }) => ({
                binding,
                visibility,
                buffer: { type: read_only ? "read-only-storage" : "storage" },
            })),
        });
        /** @type {GPUBindGroupLayoutEntry[]} */
        const entries = [];
        if (form.params) {
            entries.push({ binding: 0, visibility, buffer: { type: "uniform" } });
        }
        if (form.step) {
            entries.push({ binding: 1, visibility, buffer: { type: "uniform", hasDynamicOffset: true } });
        }
        const uniforms = entries.length ? this.device.createBindGroupLayout({ entries }) : null;
        const bindGroupLayouts = uniforms ? [storage, uniforms] : [storage];
        const pipeline = await this.device.createComputePipelineAsync({
            label: name,
            layout: this.device.createPipelineLayout({ bindGroupLayouts }),
            compute: { module, entryPoint: form.entry, constants: form.constants },
        });
        return { pipeline, storage, uniforms };
    }
}
