// tree.wgsl: what the 64 invocations of a workgroup have, made one in a fixed tree. The kernel says what each
// has, `alias Partial = f32` or a struct, and how two are made one, `combine(a: Partial, b: Partial)`.
var<workgroup> partial: array<Partial, 64>;

// All invocations' numbers made one, for invocation 0: others have to wait before they read it in partial[0].
fn combine_all(own: Partial, local: u32) -> Partial {
    partial[local] = own;
    for (var half = 32u; half > 0u; half /= 2u) {
        // The upper half is written before the lower half reads it.
        workgroupBarrier();
        if local < half {
            partial[local] = combine(partial[local], partial[local + half]);
        }
    }
    return partial[0];
}
