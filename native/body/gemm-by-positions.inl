// Dense convolutions with few outputs: positions in the lanes, where gemm-dense.inl has outputs.

// c[m][0..DENSE_COLUMNS) = sum over k of w[m][k] * plane[offsets[k] + .]
template <int ROWS>
static void shifted_tile(float* c, const float* w, int k_count, const float* plane, const int* offsets) {
  Vector sum[ROWS][DENSE_VECTORS];
#pragma GCC unroll 8
  for (int m = 0; m < ROWS; m++)
#pragma GCC unroll 8
    for (int j = 0; j < DENSE_VECTORS; j++) sum[m][j] = Vector{};
  for (int k = 0; k < k_count; k++) {
    const float* from = plane + offsets[k];
    Vector b[DENSE_VECTORS];
#pragma GCC unroll 8
    for (int j = 0; j < DENSE_VECTORS; j++) b[j] = load(from + j * LANES);
#pragma GCC unroll 8
    for (int m = 0; m < ROWS; m++) {
      const Vector x = broadcast(w[(size_t)m * k_count + k]);
#pragma GCC unroll 8
      for (int j = 0; j < DENSE_VECTORS; j++) sum[m][j] = multiply_add(sum[m][j], x, b[j]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < ROWS; m++)
#pragma GCC unroll 8
    for (int j = 0; j < DENSE_VECTORS; j++) store(c + m * DENSE_COLUMNS + j * LANES, sum[m][j]);
}

static void shifted_tile_of(int rows, float* c, const float* w, int k_count, const float* plane, const int* offsets) {
  switch (rows) {
    case 1: return shifted_tile<1>(c, w, k_count, plane, offsets);
    case 2: return shifted_tile<2>(c, w, k_count, plane, offsets);
    case 3: return shifted_tile<3>(c, w, k_count, plane, offsets);
    case 4: return shifted_tile<4>(c, w, k_count, plane, offsets);
#if DENSE_ROWS >= 6
    case 5: return shifted_tile<5>(c, w, k_count, plane, offsets);
    case 6: return shifted_tile<6>(c, w, k_count, plane, offsets);
#endif
  }
}

// Without panels: a strip is DENSE_COLUMNS slots of the planes, and each tap's row of it the planes a little further. The
// slots between two lines are computed and thrown away, and with more rows the planes are read too often: 5x5 on one
// channel of 28 x 28, 4 outputs 0.73 of the time with panels, 16 outputs 0.97, 20 outputs 1.18; 3x3 of 16 channels of
// 32 x 32, 4 outputs 0.69, 16 outputs 0.87.
static bool suit_shifts(const Images& images, int rows) {
  return LANES > 4 && rows <= 16 && images.step == 1 && 5 * images.columns >= 4 * Planes(images).pitch;
}

static __attribute__((noinline)) void images_by_shifts(float* y, const Images& images, const float* w, int rows, const float* bias, bool relu) {
  const int k_count = images.inputs(), lines = images.batch * images.rows, threads = runtime->threads();
  int band = max_of(1, Planes(images).band(DENSE_COLUMNS) * DENSE_COLUMNS / images.columns);
  if (threads > 1) band = max_of(1, min_of(band, lines / (3 * threads)));
  parallel(ceil_div(lines, band), [&](int task) {
    const int begin = task * band, end = min_of(lines, begin + band);
    Planes planes(images);
    planes.transpose(begin * images.columns, (end - begin) * images.columns);
    float* strip = scratch<float>(SCRATCH_STRIP, (size_t)(rows + 1) * DENSE_COLUMNS + k_count);
    float* nowhere = strip + (size_t)rows * DENSE_COLUMNS;
    int* offsets = (int*)(nowhere + DENSE_COLUMNS);
    for (int tap = 0, k = 0; tap < images.kernel_height * images.kernel_width; tap++)
      for (int c = 0; c < images.channels; c++)
        offsets[k++] = c * (int)planes.size + planes.tap_slot(tap / images.kernel_width, tap % images.kernel_width);
    for (int line = begin; line < end;) {
      // the lines of one image
      const int count = min_of(end - line, images.rows - line % images.rows);
      const int slots = (count - 1) * planes.pitch + images.columns;
      const float* plane = planes.plane + planes.slot_of(position_of(line * images.columns, images.rows, images.columns));
      float* to = y + (size_t)line * images.columns * rows;
      int column = 0;
      for (int slot = 0; slot < slots; slot += DENSE_COLUMNS) {
        for (int r = 0; r < rows; r += DENSE_ROWS)
          shifted_tile_of(min_of(DENSE_ROWS, rows - r), strip + (size_t)r * DENSE_COLUMNS, w + (size_t)r * k_count, k_count, plane + slot, offsets);
        float* out[DENSE_COLUMNS];
        const int width = min_of(DENSE_COLUMNS, slots - slot);
        for (int j = 0; j < width; j++) {
          const bool inside = column < images.columns;
          out[j] = inside ? to : nowhere;
          if (inside) to += rows;
          if (++column == planes.pitch) column = 0;
        }
        store_transposed<DENSE_COLUMNS>(out, width, strip, 0, rows, bias, relu);
      }
      line += count;
    }
    runtime->count_multiplies((int64_t)rows * k_count * (end - begin) * images.columns);
  });
}

// y = epilogue(w x taps of the images) for dense w [rows, inputs]: where there are few rows, a position's outputs do not
// fill the tile of rows_by_panels, but 64 positions do.
static __attribute__((noinline)) void images_by_weight(float* y, const Images& images, const float* w, int rows, const float* bias, bool relu) {
  if (suit_shifts(images, rows)) return images_by_shifts(y, images, w, rows, bias, relu);
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
