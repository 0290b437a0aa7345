// Flags of WebGPU that TypeScript's own library names no values of (W3C, "WebGPU").

declare const GPUBufferUsage: {
    readonly MAP_READ: number;
    readonly COPY_SRC: number;
    readonly COPY_DST: number;
    readonly UNIFORM: number;
    readonly STORAGE: number;
    readonly QUERY_RESOLVE: number;
};
declare const GPUMapMode: { readonly READ: number };
declare const GPUShaderStage: { readonly COMPUTE: number };
