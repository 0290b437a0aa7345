// needs: tile, lines
// places.wgsl: where the columns of a convolution's tile lie, which all invocations of its workgroup are to know. The
// kernel says where one lies, `place_of(q)`, and what it sees through a place of the kernel, `seen_from(place, tap)`.

// Of a place, where its image begins in what is read, and the row and column that taps are counted from.
struct Place { image: u32, row: u32, column: u32 }
var<workgroup> places: array<Place, TILE_N>;

// From place q of all images on.
fn find_places(q: u32, local: u32) {
    for (var i = local; i < TILE_N; i += THREADS) {
        places[i] = place_of(q + i);
    }
    // The places are known before they are used.
    workgroupBarrier();
}

// What the four places see that this invocation reads for.
fn seen_by_four(tap: u32, local: u32) -> vec4<u32> {
    let first = spot_b(0u, local).quad * 4u;
    return vec4<u32>(
        seen_from(places[first], tap),
        seen_from(places[first + 1u], tap),
        seen_from(places[first + 2u], tap),
        seen_from(places[first + 3u], tap),
    );
}
