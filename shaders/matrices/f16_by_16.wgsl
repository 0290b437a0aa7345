// f16_by_16.wgsl: matrices of 16 x 16 f16, with sums of f32.
enable f16;
enable wgpu_cooperative_matrix;
alias Term = f16;
alias Terms = vec4<f16>;
alias MatrixA = coop_mat16x16<f16, A>;
alias MatrixB = coop_mat16x16<f16, B>;
alias MatrixC = coop_mat16x16<f32, C>;
