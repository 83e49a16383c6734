// Dense convolutions with few outputs: positions in the lanes, where gemm-dense.inl has outputs.

// y = epilogue(w x taps of the images) for dense w [rows, inputs]: where there are few rows, a position's outputs do not
// fill the tile of rows_by_panels, but 64 positions do.
static __attribute__((noinline)) void images_by_weight(float* y, const Images& images, const float* w, int rows, const float* bias, bool relu) {
  const int k_count = images.inputs(), columns = images.positions(), strip_count = ceil_div(columns, DENSE_COLUMNS), threads = runtime->threads();
  int band = Planes(images).band(DENSE_COLUMNS);
  if (threads > 1) band = max_of(1, min_of(band, strip_count / (3 * threads)));
  const int width = band * DENSE_COLUMNS;
  constexpr int BLOCK = 128;
  parallel(ceil_div(columns, width), [&](int task) {
    const int begin = task * width, end = min_of(columns, begin + width);
    Planes planes(images);
    planes.transpose(begin, end - begin);
    float* panel = scratch<float>(SCRATCH_STRIP, (size_t)(BLOCK + rows) * DENSE_COLUMNS + LANES);
    float* strip = panel + (size_t)BLOCK * DENSE_COLUMNS + LANES;
    for (int column = begin; column < end; column += DENSE_COLUMNS) {
      const int count = min_of(DENSE_COLUMNS, end - column);
      for (int k = 0; k < k_count; k += BLOCK) {
        const int length = min_of(BLOCK, k_count - k);
        fill_from_planes<FIXED_COLUMNS<DENSE_COLUMNS>>(panel, DENSE_COLUMNS, planes, k, length, column, count);
        for (int r = 0; r < rows; r += DENSE_ROWS) {
          const int tile_rows = min_of(DENSE_ROWS, rows - r);
          const float* from[DENSE_ROWS];
          float* to[DENSE_ROWS];
          for (int i = 0; i < tile_rows; i++) {
            from[i] = w + (size_t)(r + i) * k_count + k;
            to[i] = strip + (size_t)(r + i) * DENSE_COLUMNS;
          }
          dense_tile_of(tile_rows, to, DENSE_COLUMNS, from, 1, length, 1, panel, DENSE_COLUMNS, k > 0, nullptr);
        }
      }
      float* out[DENSE_COLUMNS];
      for (int j = 0; j < count; j++) out[j] = y + (size_t)(column + j) * rows;
      store_transposed<DENSE_COLUMNS>(out, count, strip, 0, rows, bias, relu);
    }
    runtime->count_multiplies((int64_t)rows * k_count * (end - begin));
  });
}

static bool forward_by_positions(float* y, const float* x, const float* w, const float* bias, const Geometry& g, bool relu) {
  if (g.is_matrix() || g.out > (PaddedImages::suit(g) ? (LANES > 8 ? 2 : 1) * LANES : FEW_OUTPUTS)) return false;
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, g.padding, g.padding, false};
  images_by_weight(y, images, w, g.out, bias, relu);
  return true;
}

static bool input_grad_by_positions(float* dx, const float* dy, const float* w, const Geometry& g) {
  if (g.is_matrix() || g.channels > FEW_OUTPUTS || g.stride > 1) return false;
  const int taps = g.taps(), k_count = taps * g.out;
  float* transposed = scratch<float>(SCRATCH_PANELS, (size_t)g.channels * k_count);
  for (int o = 0; o < g.out; o++)
    for (int tap = 0; tap < taps; tap++)
      for (int c = 0; c < g.channels; c++) transposed[(size_t)c * k_count + tap * g.out + o] = w[((size_t)o * taps + tap) * g.channels + c];
  const Images images = {dy, g.batch, g.out_height, g.out_width, g.out, g.height, g.width, g.kernel_height, g.kernel_width,
                         1, g.kernel_height - 1 - g.padding, g.kernel_width - 1 - g.padding, true};
  images_by_weight(dx, images, transposed, g.channels, nullptr, false);
  return true;
}
