// f32_by_8.wgsl: matrices of 8 x 8 f32, with sums of f32.
enable wgpu_cooperative_matrix;
alias Term = f32;
alias Terms = vec4<f32>;
alias MatrixA = coop_mat8x8<f32, A>;
alias MatrixB = coop_mat8x8<f32, B>;
alias MatrixC = coop_mat8x8<f32, C>;
