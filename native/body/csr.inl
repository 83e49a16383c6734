// A forward product with a weight whose zeros have no pattern: compressed rows, cut into blocks of K so that the panel of X
// that a block multiplies stays in L1 and an index is a byte.
//   values, index  [block of K][row][entry]: an entry's value and its column within the block
//   starts         [block of K][row], and one more: where the entries of a row of a block begin
constexpr int CSR_BLOCK = 128;

// Strips of positions in bands, in parallel over bands and, where strips are few, over rows.
template <int VECTORS>
static void csr_strips(float* y, const Images& images, const float* values, const uint8_t* index, const uint32_t* starts, const float* bias, int out, bool relu, bool is_matrix) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int t = images.positions(), k_count = images.inputs();
  const int strip_count = ceil_div(t, COLUMNS), threads = runtime->threads();
  int band = is_matrix ? 1 : Planes(images).band(COLUMNS);
  if (threads > 1) band = max_of(1, min_of(band, strip_count / (3 * threads)));
  const int width = band * COLUMNS, bands = ceil_div(t, width);
  const int chunks = max_of(ceil_div(out, 2048), threads == 1 || strip_count >= 3 * threads ? 1 : min_of(ceil_div(3 * threads, max_of(1, strip_count)), ceil_div(out, 64)));
  const int step = ceil_div(ceil_div(out, max_of(1, chunks)), LANES) * LANES;
  parallel(bands * chunks, [&](int task) {
    const int begin = task % bands * width, end = min_of(t, begin + width);
    const int first = min_of(out, task / bands * step), rows = min_of(step, out - first);
    if (rows <= 0) return;
    Planes planes(images);
    if (!is_matrix) planes.transpose(begin, end - begin);
    float* panel = scratch<float>(SCRATCH_STRIP, (size_t)CSR_BLOCK * COLUMNS + LANES + (size_t)rows * COLUMNS);
    float* strip = panel + (size_t)CSR_BLOCK * COLUMNS + LANES;
    int64_t entries = 0;
    for (int column = begin; column < end; column += COLUMNS) {
      const int columns = min_of(COLUMNS, end - column);
      for (int k = 0; k < k_count; k += CSR_BLOCK) {
        const int length = min_of(CSR_BLOCK, k_count - k);
        if (is_matrix) {
          const float* from[COLUMNS];
          for (int j = 0; j < columns; j++) from[j] = images.pixels + (size_t)(column + j) * k_count + k;
          transpose_rows<COLUMNS>(panel, from, columns, length);
        } else {
          fill_from_planes<FIXED_COLUMNS<COLUMNS>>(panel, COLUMNS, planes, k, length, column, columns);
        }
        const uint32_t* at = starts + (size_t)k / CSR_BLOCK * out + first;
        for (int row = 0; row < rows; row++)
          sparse_tile<1, VECTORS, 1>(strip + (size_t)row * COLUMNS, values + at[row], index + at[row], (int)(at[row + 1] - at[row]), Panel<COLUMNS>{panel}, k > 0);
        entries += (int64_t)(at[rows] - at[0]) * columns;
      }
      float* to[COLUMNS];
      for (int j = 0; j < columns; j++) to[j] = y + (size_t)(column + j) * out;
      store_transposed<COLUMNS>(to, columns, strip, first, rows, bias, relu);
    }
    runtime->count_multiplies(entries);
  });
}

static void forward_csr(float* y, const float* x, const float* values, const uint8_t* index, const uint32_t* starts, const float* bias, const int32_t* geometry, int relu) {
  const Geometry g(geometry);
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, g.padding, g.padding, false};
  const int t = g.positions(), out = g.out;
  if (t == 0 || out == 0) return;
  if constexpr (LANES > 4) {
    if (g.is_matrix() && t <= LANES) return csr_strips<1>(y, images, values, index, starts, bias, out, relu, true);
    if (g.is_matrix() && t <= 2 * LANES) return csr_strips<2>(y, images, values, index, starts, bias, out, relu, true);
  }
  csr_strips<SPARSE_VECTORS_1>(y, images, values, index, starts, bias, out, relu, g.is_matrix());
}

static void gather_entries(float* out, const float* x, const uint32_t* places, int count) {
  parallel_chunks(count, 1 << 14, [&](int begin, int end) {
    for (int i = begin; i < end; i++) out[i] = x[places[i]];
  });
}
