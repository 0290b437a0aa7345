//! Matrix products, plain and batched, of operands as they lie or transposed.

use std::sync::Arc;

use super::epilogue::Fused;
use super::tiles::{BySums, Tiling, by_sums};
use crate::arithmetic::product::{Operand, Threads, product};
use crate::arithmetic::simd;
use crate::arithmetic::workspace::with_workspace;
use crate::error::{Error, Result};
use crate::ops::function::EpiloguePart;
use crate::ops::half::{HalfTerms, Halves};
use crate::ops::kernel::{Binding, Dispatch, Kernel, MAX_INPUTS, kernel};
use crate::ops::needs::Replacement;
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes, Variants};
use crate::ops::target::GpuTarget;
use crate::ops::tile::{DEPTH, Tile};
use crate::ops::tuning;
use crate::ops::update::{Optimiser, Update};
use crate::shape::Shape;

const MATMUL: Kernel = kernel!("product/matmul");
const UPDATE: Replacement = ("epilogue", "update");
const APART: Replacement = ("whole", "apart");

/// The kernels, each by the sums of a tile: for whole vec4s of outputs, for products that update parameters, for rows
/// that are not whole vec4s, and for both.
static KERNELS: [BySums; 4] = [
    by_sums!(MATMUL, "matmul"),
    by_sums!(MATMUL, "matmul_update", UPDATE),
    by_sums!(MATMUL, "matmul_apart", APART),
    by_sums!(MATMUL, "matmul_update_apart", UPDATE, APART),
];

/// The kernels that join the parts of products.
static JOIN: Kernel = kernel!("product/join");
static JOIN_UPDATE: Kernel = kernel!("product/join").named("join_update").replacing(&[UPDATE]);

/// How the operands of a product are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Transpose {
    /// `a` is stored as `[K, M]`.
    pub a: bool,
    /// `b` is stored as `[N, K]`.
    pub b: bool,
}

/// `a b` for `a` of `[M, K]` and `b` of `[K, N]`; with a leading batch axis on both, one product an
/// index.
///
/// # Errors
/// When the inner sizes or the batches differ.
pub fn matmul(builder: &mut dyn Builder, a: NodeId, b: NodeId) -> Result<NodeId> {
    matmul_transposed(builder, a, b, Transpose::default())
}

/// [`matmul`] of operands that may be stored transposed.
///
/// # Errors
/// When the inner sizes or the batches differ.
pub fn matmul_transposed(
    builder: &mut dyn Builder,
    a: NodeId,
    b: NodeId,
    transpose: Transpose,
) -> Result<NodeId> {
    builder.apply(Arc::new(Matmul::plain(transpose)), &[a, b])
}

/// The operation of [`matmul`], with what follows it in its epilogue once fused.
#[derive(Clone, Copy, Debug)]
pub struct Matmul {
    /// How operands are read.
    pub transpose: Transpose,
    /// The epilogue; its bias has one number a column.
    pub fused: Fused,
    /// Whether the sums of `a` over K are a second output, `[M]`; for `a` stored as `[K, M]`.
    pub sums: bool,
    /// What is updated, where the outputs are gradients that nobody else reads.
    pub update: Option<Update>,
    /// How the operands may be multiplied where there are matrix units.
    pub terms: Option<HalfTerms>,
}

/// The sizes of a product: `batch` times `[m, k] [k, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    batch: usize,
    m: usize,
    k: usize,
    n: usize,
}

impl Sizes {
    fn tiling(&self, op: &Matmul, target: &GpuTarget) -> Tiling {
        let sizes = [self.m, self.k, self.n];
        let chosen = target.choice(op.terms, || self.key(op.transpose));
        let tuned = chosen.and_then(|choice| Tiling::chosen(choice, self.batch, sizes, target));
        tuned.unwrap_or_else(|| Tiling::best(self.batch, sizes, op.terms, target))
    }

    fn key(&self, transpose: Transpose) -> String {
        let Self { batch, m, k, n } = self;
        let turned = |turned| if turned { "t" } else { "n" };
        let (a, b) = (turned(transpose.a), turned(transpose.b));
        format!("matmul {batch}x{m}x{k}x{n} {a}{b}")
    }

    /// Words of the outputs, padded to whole vec4s.
    fn padded_outputs(&self) -> usize {
        (self.batch * self.m * self.n).next_multiple_of(4)
    }

    /// Invocations that join the parts, and the sums of `a` where they are wanted: one for four.
    fn joins(&self, sums: bool) -> usize {
        self.padded_outputs() / 4 + if sums { self.m.div_ceil(4) } else { 0 }
    }

    /// The kernel's uniform, for outputs that begin at `places`.
    fn params(&self, tiling: &Tiling, places: [u32; 2]) -> impl Iterator<Item = u32> {
        let Tiling { tiles_m, tiles_n, split_k, k_each, .. } = *tiling;
        let numbers = [self.m, self.k, self.n, self.batch, tiles_m, tiles_n, split_k, k_each];
        numbers.map(|number| number as u32).into_iter().chain(places)
    }
}

impl Matmul {
    /// The product alone.
    pub fn plain(transpose: Transpose) -> Self {
        Self { transpose, fused: Fused::default(), sums: false, update: None, terms: None }
    }

    fn sizes(&self, a: &Shape, b: &Shape) -> Option<Sizes> {
        let (batch, a, b) = match (&a[..], &b[..]) {
            ([m, k], [l, n]) => (1, [*m, *k], [*l, *n]),
            ([batch, m, k], [other, l, n]) if batch == other => (*batch, [*m, *k], [*l, *n]),
            _ => return None,
        };
        let [m, k] = if self.transpose.a { [a[1], a[0]] } else { a };
        let [l, n] = if self.transpose.b { [b[1], b[0]] } else { b };
        (k == l).then_some(Sizes { batch, m, k, n })
    }

    /// The dispatch that gives the outputs.
    fn last(
        &self,
        kernel: &Kernel,
        from: [Binding; 2],
        (sizes, tiling): (&Sizes, &Tiling),
        groups: usize,
    ) -> Dispatch {
        let mut bindings = from.to_vec();
        bindings.push(Binding::Output(0));
        match self.update {
            None => {
                bindings.extend(self.fused.bindings());
                bindings.extend(self.sums.then_some(Binding::Output(1)));
            }
            Some(update) => bindings.extend(update.bindings()),
        }
        let dispatch = Dispatch::new(kernel, bindings, Dispatch::linear(groups, 1));
        match self.update {
            None => self.fused.constants(dispatch).params(sizes.params(tiling, [0, 0])),
            Some(update) => {
                update.optimiser.constants(dispatch).params(sizes.params(tiling, update.places()))
            }
        }
    }

    /// The product on the CPU, with the sums where they are wanted.
    fn multiply(
        &self,
        shapes: &Shapes,
        inputs: &[&[f32]; MAX_INPUTS],
        out: &mut [f32],
        sums: &mut [f32],
    ) {
        let Sizes { batch, m, k, n } = self.known_sizes(shapes);
        let (a, b) = (inputs[0], inputs[1]);
        let operand = |data, transposed: bool, [rows, columns]: [usize; 2]| match transposed {
            false => Operand::rows(data, columns),
            true => Operand::columns(data, rows),
        };
        let Transpose { a: ta, b: tb } = self.transpose;
        let epilogue = self.fused.on(inputs);
        let fuses = self.fused != Fused::default();
        for index in 0..batch {
            let out = &mut out[index * m * n..][..m * n];
            let a = operand(&a[index * m * k..][..m * k], ta, [m, k]);
            let b = operand(&b[index * k * n..][..k * n], tb, [k, n]);
            product(out, [m, k, n], a, b, Threads::Many, |first, rows| {
                if fuses {
                    epilogue.apply(rows, (index * m + first) * n, 1);
                }
            });
        }
        if self.sums {
            sum_rows(a, &mut sums[..m]);
        }
    }

    fn known_sizes(&self, shapes: &Shapes) -> Sizes {
        self.sizes(&shapes.inputs[0], &shapes.inputs[1]).expect("the shape rule has passed")
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        match self.update {
            None => "matmul",
            Some(_) => "matmul_update",
        }
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let Some(sizes) = self.sizes(inputs[0], inputs[1]) else {
            let what = format!("inner sizes and batches must agree under {:?}", self.transpose);
            return Err(Error::shape(self.name(), what, inputs));
        };
        let mut shape = inputs[0][..inputs[0].rank() - 2].to_vec();
        shape.extend([sizes.m, sizes.n]);
        let output = Shape::new(shape);
        self.fused.check(self.name(), inputs, sizes.n, &output)?;
        Ok(output)
    }

    /// With A, B as used: dA = G B^T, dB = A^T G; stored transposed, the whole product is.
    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        self.fused.none_yet()?;
        let (a, b, g) = (at.inputs[0], at.inputs[1], at.gradient);
        let Transpose { a: ta, b: tb } = self.transpose;
        let mut product = |wanted: bool, left, right, a, b| {
            let transpose = Transpose { a, b };
            wanted.then(|| matmul_transposed(builder, left, right, transpose)).transpose()
        };
        let by_a = match ta {
            false => product(at.wanted[0], g, b, false, !tb)?,
            true => product(at.wanted[0], b, g, tb, true)?,
        };
        let by_b = match tb {
            false => product(at.wanted[1], a, g, !ta, false)?,
            true => product(at.wanted[1], g, a, true, ta)?,
        };
        Ok(vec![by_a, by_b])
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        let Sizes { batch, m, k, n } = self.known_sizes(shapes);
        let update = if self.update.is_some() { 12 * (batch * m * n) as u64 } else { 0 };
        2 * (batch * m * k * n) as u64 + update
    }

    fn traffic(&self, shapes: &Shapes, outputs: usize) -> usize {
        let Sizes { batch, m, n, .. } = self.known_sizes(shapes);
        let updated = batch * m * n + if self.sums { m } else { 0 };
        let written = self.update.map_or(outputs, |update| update.traffic(updated));
        shapes.inputs.iter().map(Shape::elements).sum::<usize>() + written
    }

    fn cpu(&self, mut call: CpuCall) {
        let [out, sums, _] = &mut call.outputs;
        let Some(update) = self.update else {
            return self.multiply(call.shapes, &call.inputs, out, sums);
        };
        let Sizes { batch, m, n, .. } = self.known_sizes(call.shapes);
        let words = batch * m * n;
        with_workspace(words + m, |gradients| {
            let (by_first, by_second) = gradients.split_at_mut(words);
            self.multiply(call.shapes, &call.inputs, by_first, by_second);
            update.take(call.outputs, by_first, by_second, call.step);
        });
    }

    fn gpu(&self, shapes: &Shapes, target: &GpuTarget) -> Vec<Dispatch> {
        let sizes = self.known_sizes(shapes);
        let tiling = sizes.tiling(self, target);
        let split = tiling.split_k > 1;
        let Sizes { m, k, n, .. } = sizes;
        let whole = |count: usize, of: usize| u32::from(count.is_multiple_of(of));
        let tile = tiling.tile;
        let (entry, join) = match self.sums {
            true => ("tiled_with_sums", "join_with_sums"),
            false => ("tiled", "join"),
        };
        let tiled = |dispatch: Dispatch| {
            let dispatch = dispatch
                .entry(entry)
                .constant("TRANSPOSE_A", u32::from(self.transpose.a))
                .constant("TRANSPOSE_B", u32::from(self.transpose.b))
                .constant("VECTOR_A", whole(if self.transpose.a { m } else { k }, 4))
                .constant("VECTOR_B", whole(if self.transpose.b { k } else { n }, 4))
                .constant("WHOLE_M", whole(m, tile.rows))
                .constant("WHOLE_K", whole(k, DEPTH))
                .constant("WHOLE_N", whole(n, tile.columns))
                .constant("SPLIT_K", u32::from(split));
            tile.constants(dispatch, self.terms, target)
        };
        let operands = [Binding::Input(0), Binding::Input(1)];
        let kernel = kernel_of(tile, self.update.is_some() && !split, n);
        if !split {
            return vec![tiled(self.last(kernel, operands, (&sizes, &tiling), tiling.groups))];
        }
        let mut bindings = [&operands[..], &[Binding::Scratch], &self.fused.bindings()].concat();
        bindings.extend(self.sums.then_some(Binding::Output(1)));
        let product = Dispatch::new(kernel, bindings, Dispatch::linear(tiling.groups, 1))
            .params(sizes.params(&tiling, [0, 0]));
        let join_kernel = if self.update.is_some() { &JOIN_UPDATE } else { &JOIN };
        let groups = sizes.joins(self.sums).div_ceil(64);
        let parts = [Binding::Scratch; 2];
        vec![tiled(product), self.last(join_kernel, parts, (&sizes, &tiling), groups).entry(join)]
    }

    fn variants(&self, shapes: &Shapes) -> Option<Variants> {
        let sizes = self.known_sizes(shapes);
        Some(Variants {
            key: sizes.key(self.transpose),
            plain: Arc::new(Self::plain(self.transpose)),
            inputs: shapes.inputs[..2].to_vec(),
            candidates: tuning::candidates(&tuning::TILES, sizes.k),
        })
    }

    fn gpu_scratch(&self, shapes: &Shapes, target: &GpuTarget) -> usize {
        let sizes = self.known_sizes(shapes);
        match sizes.tiling(self, target).split_k {
            1 => 0,
            split_k => split_k * 4 * sizes.joins(self.sums),
        }
    }

    fn with_epilogue(&self, part: EpiloguePart) -> Option<Arc<dyn Op>> {
        if self.sums || self.update.is_some() {
            return None;
        }
        Some(Arc::new(Self { fused: self.fused.with(part)?, ..*self }))
    }

    fn with_half_terms(&self, terms: HalfTerms) -> Option<Arc<dyn Op>> {
        Some(Arc::new(Self { terms: Some(terms), ..*self }))
    }

    /// The columns' sums of `a`, stored as `[K, M]`: in a dense layer's weight gradient, the bias's.
    fn with_channel_sums(&self, input: usize, shapes: &Shapes) -> Option<Arc<dyn Op>> {
        let can = input == 0 && self.transpose.a && shapes.inputs[0].rank() == 2;
        let plain = self.fused == Fused::default();
        (can && plain).then(|| Arc::new(Self { sums: true, ..*self }) as Arc<dyn Op>)
    }

    /// By Adam: plain descent has other moments.
    fn with_update(&self, update: Update) -> Option<Arc<dyn Op>> {
        let can = matches!(update.optimiser, Optimiser::Adam { .. })
            && self.fused == Fused::default()
            && self.sums == update.second.is_some();
        can.then(|| Arc::new(Self { update: Some(update), ..*self }) as Arc<dyn Op>)
    }
}

/// The kernel for rows of `n` outputs.
fn kernel_of(tile: Tile, updates: bool, n: usize) -> &'static Kernel {
    let apart = !n.is_multiple_of(4);
    tile.variant_of(&KERNELS[usize::from(updates) + 2 * usize::from(apart)])
}

/// The sums of each column of rows that lie in `a`.
fn sum_rows(a: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    simd::vectorised!({
        for row in a.chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    });
}

pub(crate) fn kernels() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().flatten().chain([&JOIN, &JOIN_UPDATE])
}
