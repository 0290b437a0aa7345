// needs: metric
// record.wgsl: log[row * columns + column_k] = in_k[0] for k < count. Dispatch: one workgroup of one invocation.
struct Params { columns: u32, count: u32, places: array<vec4<u32>, 2> }
@group(0) @binding(0) var<storage, read> in0: array<u32>;
@group(0) @binding(1) var<storage, read> in1: array<u32>;
@group(0) @binding(2) var<storage, read> in2: array<u32>;
@group(0) @binding(3) var<storage, read> in3: array<u32>;
@group(0) @binding(4) var<storage, read> in4: array<u32>;
@group(0) @binding(5) var<storage, read> in5: array<u32>;
@group(0) @binding(6) var<storage, read> in6: array<u32>;
@group(0) @binding(7) var<storage, read_write> rows: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
    let words = array<u32, 7>(in0[0], in1[0], in2[0], in3[0], in4[0], in5[0], in6[0]);
    for (var k = 0u; k < params.count; k++) {
        let column = params.places[k / 4u][k % 4u];
        rows[metric_place(column, params.columns)] = metric_word(words[k]);
    }
}
