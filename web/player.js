// A player of plans: what docs/plans.md describes, on WebGPU. It knows nothing of models.

import { numbersAt } from "./bytes.js";
import { Pipelines } from "./pipelines.js";

/** @typedef {import("./bytes.js").Span} Span */
/** @typedef {{ in: string, number: number, offset: number, bytes: number }} Place */
/** @typedef {{ operation: string, pipeline: number, bindings: Place[], params: number[],
 *     workgroups: [number, number, number] }} Dispatch */
/** @typedef {{ slots: number[], inputs: { name: string, shape: number[] }[], constants: Span[], metrics: string[],
 *     rows: number, outputs: Record<string, { at: Place, shape: number[] }>, data: Record<string, number>,
 *     dispatches: Dispatch[] }} Plan */
/** @typedef {{ name: string, shape: number[], in: "parameters" | "buffers", offset: number }} TensorPlace */
/** @typedef {{ kernel: number, entry: string, constants: Record<string, number>,
 *     storage: { binding: number, read_only: boolean }[], params?: number, step: boolean }} Pipeline */
/** @typedef {{ format: string, version: number,
 *     step: { name: string, offset: number, type: "u32" | "f32", count: number }[],
 *     kernels: { name: string, text: string }[], pipelines: Pipeline[],
 *     state: { parameters: number, buffers: number, moments: number, gradients: boolean, tensors: TensorPlace[],
 *         values?: { parameters: Span, buffers: Span, moments: Span[] } },
 *     plans: Record<string, Plan> }} PlanFile */
/** @typedef {{ parameters: Float32Array<ArrayBuffer>, buffers: Float32Array<ArrayBuffer>,
 *     moments: Float32Array<ArrayBuffer>[] }} State */
/** @typedef {Record<string, number | number[]>} StepScalars By the names of the step's uniform; what is left out is 0. */
/** @typedef {import("./pipelines.js").Compiled} Compiled */
/** @typedef {{ compiled: Compiled, storage: GPUBindGroup, uniforms: GPUBindGroup | null, reads: boolean,
 *     workgroups: [number, number, number] }} Command */
/** @typedef {{ form: Plan, slots: GPUBuffer[], inputs: GPUBuffer[], constants: GPUBuffer[], metrics: GPUBuffer,
 *     params: GPUBuffer, commands: Command[] }} Program */

/** Uniforms begin at multiples of this many bytes. */
const ALIGNMENT = 256;
/** Steps that one submission takes at the most. */
export const MOST_STEPS = 64;

/** What the names of plans end in that are for adapters that compute on the processor. */
const ON_PROCESSORS = " on a processor";

/** Plays the plans of a file on a device. */
export class Player {
    /**
     * @param {GPUDevice} device
     * @param {PlanFile} file
     * @param {Uint8Array<ArrayBuffer>} block
     * @param {boolean} isSoftware Whether the device computes on the processor, for which a file may have other plans.
     * @param {Pipelines} pipelines What was compiled for the device.
     */
    constructor(device, file, block, isSoftware = false, pipelines = new Pipelines(device)) {
        if (file.format !== "diabolo plans" || file.version !== 1) {
            throw new Error(`plans of version ${file.version} are not known here`);
        }
        this.device = device;
        this.file = file;
        this.block = block;
        this.isSoftware = isSoftware;
        this.pipelines = pipelines;
        /** @type {Map<string, Promise<Program>>} */
        this.programs = new Map();
        const { parameters, buffers, moments } = file.state;
        this.parameters = this.storage(parameters);
        this.buffers = this.storage(buffers);
        this.moments = Array.from({ length: moments }, () => this.storage(parameters));
        /** @type {GPUBuffer | undefined} Made for the first plan that stores gradients. */
        this.gradients = undefined;
        /** @type {Record<string, GPUBuffer>} */
        this.data = {};
        for (const plan of Object.values(file.plans)) {
            for (const [name, bytes] of Object.entries(plan.data)) {
                if ((this.data[name]?.size ?? 0) < bytes) {
                    this.data[name]?.destroy();
                    this.data[name] = this.storage(bytes);
                }
            }
        }
        const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
        this.scalars = device.createBuffer({ size: MOST_STEPS * ALIGNMENT, usage });
        const last = file.step[file.step.length - 1];
        this.stepBytes = last.offset + 4 * last.count;
        if (file.state.values) {
            this.setState(this.storedState());
        }
    }

    /**
     * A buffer of zeros.
     * @param {number} size
     */
    storage(size) {
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
        return this.device.createBuffer({ size, usage });
    }

    /**
     * The state that the file has.
     * @returns {State}
     */
    storedState() {
        const { values, moments, parameters } = this.file.state;
        if (!values) {
            throw new Error("the file has plans and no numbers of a state");
        }
        const zeros = () => new Float32Array(parameters / 4);
        return {
            parameters: numbersAt(this.block, values.parameters),
            buffers: numbersAt(this.block, values.buffers),
            moments: Array.from({ length: moments }, (_, number) =>
                values.moments[number] ? numbersAt(this.block, values.moments[number]) : zeros()),
        };
    }

    /**
     * Replaces the state.
     * @param {State} state
     */
    setState(state) {
        this.device.queue.writeBuffer(this.parameters, 0, state.parameters);
        this.device.queue.writeBuffer(this.buffers, 0, state.buffers);
        this.moments.forEach((buffer, number) => {
            this.device.queue.writeBuffer(buffer, 0, state.moments[number]);
        });
    }

    /**
     * The state as it is now.
     * @returns {Promise<State>}
     */
    async state() {
        const all = [this.parameters, this.buffers, ...this.moments];
        const [parameters, buffers, ...moments] = await Promise.all(all.map((it) => this.readBuffer(it, 0, it.size)));
        return { parameters, buffers, moments };
    }

    /**
     * Numbers of a buffer, once all that was asked for before is done.
     * @param {GPUBuffer} buffer
     * @param {number} offset
     * @param {number} bytes
     * @returns {Promise<Float32Array<ArrayBuffer>>}
     */
    async readBuffer(buffer, offset, bytes) {
        const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
        const staging = this.device.createBuffer({ size: bytes, usage });
        const encoder = this.device.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
        this.device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        const numbers = new Float32Array(staging.getMappedRange().slice(0));
        staging.destroy();
        return numbers;
    }

    /**
     * A plan, ready to run: compiles what is missing and binds everything.
     * @param {string} name
     * @returns {Promise<Program>}
     */
    program(name) {
        const known = this.programs.get(name);
        if (known) {
            return known;
        }
        const made = this.makeProgram(name);
        this.programs.set(name, made);
        return made;
    }

    /** @param {string} name @returns {Promise<Program>} */
    async makeProgram(name) {
        const other = this.isSoftware ? this.file.plans[name + ON_PROCESSORS] : undefined;
        const form = other ?? this.file.plans[name];
        if (!form) {
            throw new Error(`there is no plan ${name}`);
        }
        const compiled = await Promise.all(form.dispatches.map(({ pipeline }) => {
            const compiled = this.file.pipelines[pipeline];
            return this.pipelines.compiled(this.file.kernels[compiled.kernel], compiled);
        }));
        this.device.pushErrorScope("validation");
        this.device.pushErrorScope("out-of-memory");
        const bytes = (/** @type {number[]} */ shape) => roundUp(4 * shape.reduce((a, b) => a * b, 1), 16) || 16;
        /** @type {Program} */
        const program = {
            form,
            slots: form.slots.map((size) => this.storage(size)),
            inputs: form.inputs.map((input) => this.storage(bytes(input.shape))),
            constants: form.constants.map((span) => {
                const buffer = this.storage(roundUp(span.bytes, 16) || 16);
                this.device.queue.writeBuffer(buffer, 0, numbersAt(this.block, span));
                return buffer;
            }),
            metrics: this.storage(roundUp(4 * form.rows * form.metrics.length, 16) || 16),
            params: this.paramsOf(form),
            commands: [],
        };
        let offset = 0;
        form.dispatches.forEach((dispatch, number) => {
            program.commands.push(this.command(program, dispatch, compiled[number], offset));
            offset += roundUp(4 * dispatch.params.length, ALIGNMENT);
        });
        const faults = await Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]);
        const fault = faults.find((it) => it);
        if (fault) {
            throw new Error(`plan ${name}: ${fault.message}`);
        }
        return program;
    }

    /**
     * The uniforms of all dispatches of a plan in one buffer.
     * @param {Plan} form
     */
    paramsOf(form) {
        const size = form.dispatches.reduce((sum, it) => sum + roundUp(4 * it.params.length, ALIGNMENT), 0);
        const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
        const buffer = this.device.createBuffer({ size: size || ALIGNMENT, usage });
        let offset = 0;
        for (const { params } of form.dispatches) {
            this.device.queue.writeBuffer(buffer, offset, new Uint32Array(params));
            offset += roundUp(4 * params.length, ALIGNMENT);
        }
        return buffer;
    }

    /**
     * @param {Program} program
     * @param {Dispatch} dispatch
     * @param {Compiled} compiled
     * @param {number} offset
     * @returns {Command}
     */
    command(program, dispatch, compiled, offset) {
        const form = this.file.pipelines[dispatch.pipeline];
        const storage = this.device.createBindGroup({
            layout: compiled.storage,
            entries: form.storage.map(({ binding }, number) => {
                const place = dispatch.bindings[number];
                const buffer = this.bufferOf(program, place);
                return { binding, resource: { buffer, offset: place.offset, size: place.bytes } };
            }),
        });
        /** @type {GPUBindGroupEntry[]} */
        const entries = [];
        if (form.params) {
            const size = roundUp(4 * dispatch.params.length, 16);
            entries.push({ binding: 0, resource: { buffer: program.params, offset, size } });
        }
        if (form.step) {
            entries.push({ binding: 1, resource: { buffer: this.scalars, offset: 0, size: this.stepBytes } });
        }
        const layout = compiled.uniforms;
        const uniforms = layout ? this.device.createBindGroup({ layout, entries }) : null;
        return { compiled, storage, uniforms, reads: form.step, workgroups: dispatch.workgroups };
    }

    /**
     * Gives back the memory of a plan, and forgets it.
     * @param {string} name
     */
    async forget(name) {
        const program = await this.programs.get(name);
        this.programs.delete(name);
        if (program) {
            buffersOf(program).forEach((buffer) => buffer.destroy());
        }
    }

    /** Gives all memory back. */
    async destroy() {
        await Promise.all([...this.programs.keys()].map((name) => this.forget(name)));
        const own = [this.parameters, this.buffers, this.scalars, this.gradients, ...this.moments, ...Object.values(this.data)];
        own.forEach((buffer) => buffer?.destroy());
    }

    /** @param {Program} program @param {Place} place @returns {GPUBuffer} */
    bufferOf(program, place) {
        if (place.in === "gradients") {
            this.gradients ??= this.storage(this.parameters.size);
        }
        const found = {
            slot: program.slots[place.number],
            input: program.inputs[place.number],
            constant: program.constants[place.number],
            moment: this.moments[place.number],
            metrics: program.metrics,
            parameters: this.parameters,
            buffers: this.buffers,
            gradients: this.gradients,
            ...this.data,
        }[place.in];
        if (!found) {
            throw new Error(`a plan reads ${place.in} ${place.number}, which is not there`);
        }
        return found;
    }

    /**
     * Writes an input of a plan.
     * @param {Program} program
     * @param {string} name
     * @param {Float32Array<ArrayBuffer>} values
     */
    write(program, name, values) {
        const number = program.form.inputs.findIndex((input) => input.name === name);
        this.device.queue.writeBuffer(program.inputs[number], 0, values);
    }

    /**
     * Runs a step for each of these scalars, at most `MOST_STEPS`.
     * @param {Program} program
     * @param {StepScalars[]} steps
     * @param {GPUComputePassTimestampWrites} [timestampWrites] Where the device notes when they began and ended.
     */
    run(program, steps, timestampWrites) {
        const bytes = new ArrayBuffer(steps.length * ALIGNMENT);
        const view = new DataView(bytes);
        steps.forEach((scalars, step) => {
            for (const { name, offset, type } of this.file.step) {
                [scalars[name] ?? 0].flat().forEach((value, number) => {
                    const at = step * ALIGNMENT + offset + 4 * number;
                    type === "u32" ? view.setUint32(at, value, true) : view.setFloat32(at, value, true);
                });
            }
        });
        this.device.queue.writeBuffer(this.scalars, 0, bytes);
        const encoder = this.device.createCommandEncoder();
        const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
        for (let step = 0; step < steps.length; step++) {
            for (const { compiled, storage, uniforms, reads, workgroups } of program.commands) {
                pass.setPipeline(compiled.pipeline);
                pass.setBindGroup(0, storage);
                if (uniforms) {
                    pass.setBindGroup(1, uniforms, reads ? [step * ALIGNMENT] : []);
                }
                pass.dispatchWorkgroups(...workgroups);
            }
        }
        pass.end();
        this.device.queue.submit([encoder.finish()]);
    }

    /**
     * An output of the last step.
     * @param {Program} program
     * @param {string} name
     */
    async read(program, name) {
        const { at, shape } = program.form.outputs[name];
        const numbers = await this.readBuffer(this.bufferOf(program, at), at.offset, at.bytes);
        return numbers.subarray(0, shape.reduce((a, b) => a * b, 1));
    }

    /**
     * The metrics log, row by row.
     * @param {Program} program
     */
    metrics(program) {
        return this.readBuffer(program.metrics, 0, program.metrics.size);
    }

    /**
     * Writes a part of the dataset: `pixels`, `labels` or `order`.
     * @param {string} name
     * @param {Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>} values
     */
    writeData(name, values) {
        const buffer = this.data[name];
        if (buffer) {
            const bytes = new Uint8Array(roundUp(values.byteLength, 4));
            bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
            this.device.queue.writeBuffer(buffer, 0, bytes);
        }
    }
}

/**
 * The memory of a plan.
 * @param {Program} program
 */
function buffersOf({ slots, inputs, constants, metrics, params }) {
    return [...slots, ...inputs, ...constants, metrics, params];
}

/**
 * @param {number} value
 * @param {number} multiple
 */
function roundUp(value, multiple) {
    return Math.ceil(value / multiple) * multiple;
}
