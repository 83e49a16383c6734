// Compressed sparse rows times images or a matrix: what unstructured zeros are worth. Positions in the lanes, as many as a
// dense panel has, so an entry costs a broadcast and loads of one panel row that it alone chooses.
static void forward_csr_images(float* y, const float* x, const float* values, const uint32_t* columns, const uint32_t* begins, const float* bias, const int32_t* geometry, int relu) {
  const Geometry g(geometry);
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, g.padding, g.padding, false};
  const int positions = g.positions(), k_count = g.inputs(), band = g.is_matrix() ? 1 : Planes(images).band(DENSE_COLUMNS), width = band * DENSE_COLUMNS;
  parallel(ceil_div(positions, width), [&](int task) {
    const int begin = task * width, end = min_of(positions, begin + width);
    Planes planes(images);
    if (!g.is_matrix()) planes.transpose(begin, end - begin);
    float* panel = scratch<float>(SCRATCH_STRIP, (size_t)(k_count + g.out) * DENSE_COLUMNS + 2 * LANES);
    float* strip = panel + (size_t)k_count * DENSE_COLUMNS + LANES;
    for (int column = begin; column < end; column += DENSE_COLUMNS) {
      const int count = min_of(DENSE_COLUMNS, end - column);
      if (g.is_matrix()) {
        const float* rows[DENSE_COLUMNS];
        for (int j = 0; j < count; j++) rows[j] = x + (size_t)(column + j) * k_count;
        transpose_rows<DENSE_COLUMNS>(panel, rows, count, k_count);
      } else {
        fill_from_planes<FIXED_COLUMNS<DENSE_COLUMNS>>(panel, DENSE_COLUMNS, planes, 0, k_count, column, count);
      }
      for (int row = 0; row < g.out; row++) {
        Vector sum[2][DENSE_VECTORS] = {};
        uint32_t i = begins[row];
        // two chains hide the latency of FMA
        for (; i + 2 <= begins[row + 1]; i += 2)
#pragma GCC unroll 2
          for (int c = 0; c < 2; c++)
#pragma GCC unroll 8
            for (int v = 0; v < DENSE_VECTORS; v++) sum[c][v] += values[i + c] * load(panel + (size_t)columns[i + c] * DENSE_COLUMNS + v * LANES);
        if (i < begins[row + 1])
#pragma GCC unroll 8
          for (int v = 0; v < DENSE_VECTORS; v++) sum[0][v] += values[i] * load(panel + (size_t)columns[i] * DENSE_COLUMNS + v * LANES);
#pragma GCC unroll 8
        for (int v = 0; v < DENSE_VECTORS; v++) store(strip + (size_t)row * DENSE_COLUMNS + v * LANES, sum[0][v] + sum[1][v]);
      }
      float* out[DENSE_COLUMNS];
      for (int j = 0; j < count; j++) out[j] = y + (size_t)(column + j) * g.out;
      store_transposed<DENSE_COLUMNS>(out, count, strip, 0, g.out, bias, relu);
    }
    runtime->count_multiplies((int64_t)begins[g.out] * (end - begin));
  });
}
