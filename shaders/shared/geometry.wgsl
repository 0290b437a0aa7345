// geometry.wgsl: one convolution: x[n, ci, y, x], y[n, co, oy, ox], w[co, ci, ky, kx], where output
// place o and kernel place k read input place o * S + k * D - P of their axis.
override KH: u32; // kernel
override KW: u32;
override SY: u32; // stride
override SX: u32;
override PY: u32; // padding before
override PX: u32;
override DY: u32; // dilation
override DX: u32;
override CI: u32; // x
override H: u32;
override W: u32;
override CO: u32; // y
override HO: u32;
override WO: u32;

// Whether no window reaches out of the image, which is known when the pipeline is made.
fn is_unpadded() -> bool {
    return PY == 0u && PX == 0u && (HO - 1u) * SY + (KH - 1u) * DY < H && (WO - 1u) * SX + (KW - 1u) * DX < W;
}
