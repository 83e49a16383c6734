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

// dw = dy^T x at the entries of compressed rows, 0 elsewhere. An entry's sum is a vector: the dot product of a strip of dy,
// in registers, with a strip of x, in L1; its lanes are added at the end. Parts of the positions, which the shape alone
// chooses, add up in order.
constexpr int GRAD_VECTORS = 4;

static void weight_grad_csr(float* dw, const float* dy, const float* x, const uint8_t* index, const uint32_t* starts, const int32_t* geometry) {
  constexpr int COLUMNS = GRAD_VECTORS * LANES;
  const Geometry g(geometry);
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, g.padding, g.padding, false};
  const bool is_matrix = g.is_matrix();
  const int t = g.positions(), out = g.out, k_count = g.inputs(), blocks = ceil_div(k_count, CSR_BLOCK);
  const size_t entries = starts[(size_t)blocks * out];
  const int strips = ceil_div(t, COLUMNS), parts = max_of(1, min_of(16, strips / 8)), threads = runtime->threads();
  const int groups = threads == 1 ? 1 : min_of(blocks, ceil_div(3 * threads, parts));
  float* sums = scratch<float>(SCRATCH_PARTIAL, parts * entries + 1);
  parallel(parts * groups, [&](int task) {
    const int part = task % parts, group = task / parts;
    const int first = (int)((int64_t)part * strips / parts), last = (int)((int64_t)(part + 1) * strips / parts);
    const int first_block = group * blocks / groups, last_block = (group + 1) * blocks / groups;
    const uint32_t from = starts[(size_t)first_block * out], to = starts[(size_t)last_block * out];
    float* panel = scratch<float>(SCRATCH_STRIP, (size_t)CSR_BLOCK * COLUMNS + LANES + (size_t)(to - from) * LANES);
    float* own = panel + (size_t)CSR_BLOCK * COLUMNS + LANES;
    Planes planes(images);
    const int band = is_matrix ? 4 : planes.band(COLUMNS);
    float* turned = scratch<float>(SCRATCH_PANELS, (size_t)band * out * COLUMNS);
    for (int strip = first; strip < last; strip += band) {
      const int count = min_of(band, last - strip), begin = strip * COLUMNS, end = min_of(t, (strip + count) * COLUMNS);
      for (int s = 0; s < count; s++) {
        const int column = begin + s * COLUMNS, columns = min_of(COLUMNS, end - column);
        const float* rows[COLUMNS];
        for (int j = 0; j < columns; j++) rows[j] = dy + (size_t)(column + j) * out;
        transpose_rows<COLUMNS>(turned + (size_t)s * out * COLUMNS, rows, columns, out);
      }
      if (!is_matrix) planes.transpose(begin, end - begin);
      for (int block = first_block; block < last_block; block++)
        for (int s = 0; s < count; s++) {
          const int column = begin + s * COLUMNS, columns = min_of(COLUMNS, end - column);
          const int k = block * CSR_BLOCK, length = min_of(CSR_BLOCK, k_count - k);
          if (is_matrix) {
            const float* rows[COLUMNS];
            for (int j = 0; j < columns; j++) rows[j] = x + (size_t)(column + j) * k_count + k;
            transpose_rows<COLUMNS>(panel, rows, columns, length);
          } else {
            fill_from_planes<FIXED_COLUMNS<COLUMNS>>(panel, COLUMNS, planes, k, length, column, columns);
            // anything is there, and 0 times anything may be NaN
            if (columns < COLUMNS)
              for (int i = 0; i < length; i++)
                for (int j = columns; j < COLUMNS; j++) panel[(size_t)i * COLUMNS + j] = 0;
          }
          const bool accumulate = strip + s > first;
          for (int row = 0; row < out; row++) {
            Vector d[GRAD_VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < GRAD_VECTORS; j++) d[j] = load(turned + ((size_t)s * out + row) * COLUMNS + j * LANES);
            const size_t at = (size_t)block * out + row;
            for (uint32_t entry = starts[at]; entry < starts[at + 1]; entry++) {
              const float* column_of = panel + (size_t)index[entry] * COLUMNS;
              float* sum_at = own + (size_t)(entry - from) * LANES;
              Vector sum = accumulate ? load(sum_at) : Vector{};
#pragma GCC unroll 4
              for (int j = 0; j < GRAD_VECTORS; j++) sum = multiply_add(sum, d[j], load(column_of + j * LANES));
              store(sum_at, sum);
            }
          }
        }
    }
    float* part_sums = sums + part * entries;
    for (uint32_t entry = from; entry < to; entry++) part_sums[entry] = first < last ? sum_of(load(own + (size_t)(entry - from) * LANES)) : 0;
    runtime->count_multiplies((int64_t)(to - from) * (min_of(t, last * COLUMNS) - first * COLUMNS));
  });
  parallel_chunks(out, 16, [&](int begin, int end) {
    for (int row = begin; row < end; row++) {
      float* to = dw + (size_t)row * k_count;
      for (int k = 0; k < k_count; k++) to[k] = 0;
      for (int block = 0; block < blocks; block++)
        for (uint32_t entry = starts[(size_t)block * out + row]; entry < starts[(size_t)block * out + row + 1]; entry++) {
          float sum = 0;
          for (int part = 0; part < parts; part++) sum += sums[part * entries + entry];
          to[block * CSR_BLOCK + index[entry]] = sum;
        }
    }
  });
}

static void gather_entries(float* out, const float* x, const uint32_t* places, int count) {
  parallel_chunks(count, 1 << 14, [&](int begin, int end) {
    for (int i = begin; i < end; i++) out[i] = x[places[i]];
  });
}
