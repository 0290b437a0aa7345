// needs: lines
// places_alone.wgsl: in place of places.wgsl, for invocations that work alone: their own four.
struct Place { image: u32, row: u32, column: u32 }
var<private> place0: Place;
var<private> place1: Place;
var<private> place2: Place;
var<private> place3: Place;

fn find_places(q: u32, local: u32) {
    let first = q + spot_b(0u, local).quad * 4u;
    place0 = place_of(first);
    place1 = place_of(first + 1u);
    place2 = place_of(first + 2u);
    place3 = place_of(first + 3u);
}

fn seen_by_four(tap: u32, local: u32) -> vec4<u32> {
    return vec4<u32>(
        seen_from(place0, tap),
        seen_from(place1, tap),
        seen_from(place2, tap),
        seen_from(place3, tap),
    );
}
