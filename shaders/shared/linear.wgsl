// linear.wgsl: the place of an invocation in a dispatch of 64 a workgroup in one row, or folded into
// several; Dispatch::linear in src/ops/kernel.rs. Compilers take no part of an Invocation to be the
// same for a workgroup, so entry points with barriers ask for the workgroup's number themselves.
struct Invocation {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
}

fn linear_index(me: Invocation) -> u32 {
    return (me.group.x + me.group.y * me.groups.x) * 64u + me.local;
}
