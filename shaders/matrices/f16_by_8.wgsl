// f16_by_8.wgsl: matrices of 8 x 8 f16, with sums of f32.
enable f16;
enable wgpu_cooperative_matrix;
alias Term = f16;
alias Terms = vec4<f16>;
alias MatrixA = coop_mat8x8<f16, A>;
alias MatrixB = coop_mat8x8<f16, B>;
alias MatrixC = coop_mat8x8<f32, C>;
