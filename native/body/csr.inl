// A forward product with a weight whose zeros have no pattern: compressed rows, cut into blocks of K so that the panel of X
// that a block multiplies stays in L1 and an index is a byte.
//   values, index  [block of K][row][entry]: an entry's value and its column within the block
//   starts         [block of K][row], and one more: where the entries of a row of a block begin
constexpr int CSR_BLOCK = 128;

template <int VECTORS>
static void csr_strips(float* y, const float* x, const float* values, const uint8_t* index, const uint32_t* starts, const float* bias, int t, int k_count, int out, bool relu) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int strip_count = ceil_div(t, COLUMNS), threads = runtime->threads();
  const int chunks = max_of(ceil_div(out, 2048), threads == 1 || strip_count >= 3 * threads ? 1 : min_of(ceil_div(3 * threads, max_of(1, strip_count)), ceil_div(out, 64)));
  const int step = ceil_div(ceil_div(out, max_of(1, chunks)), LANES) * LANES;
  parallel(strip_count * chunks, [&](int task) {
    const int column = task % strip_count * COLUMNS, columns = min_of(COLUMNS, t - column);
    const int first = min_of(out, task / strip_count * step), rows = min_of(step, out - first);
    if (rows <= 0) return;
    float* panel = scratch<float>(SCRATCH_STRIP, (size_t)CSR_BLOCK * COLUMNS + LANES + (size_t)rows * COLUMNS);
    float* strip = panel + (size_t)CSR_BLOCK * COLUMNS + LANES;
    int64_t entries = 0;
    for (int k = 0; k < k_count; k += CSR_BLOCK) {
      const float* from[COLUMNS];
      for (int j = 0; j < columns; j++) from[j] = x + (size_t)(column + j) * k_count + k;
      transpose_rows<COLUMNS>(panel, from, columns, min_of(CSR_BLOCK, k_count - k));
      const uint32_t* at = starts + (size_t)k / CSR_BLOCK * out + first;
      for (int row = 0; row < rows; row++)
        sparse_tile<1, VECTORS, 1>(strip + (size_t)row * COLUMNS, values + at[row], index + at[row], (int)(at[row + 1] - at[row]), Panel<COLUMNS>{panel}, k > 0);
      entries += at[rows] - at[0];
    }
    float* to[COLUMNS];
    for (int j = 0; j < columns; j++) to[j] = y + (size_t)(column + j) * out;
    store_transposed<COLUMNS>(to, columns, strip, first, rows, bias, relu);
    runtime->count_multiplies(entries * columns);
  });
}

static void forward_csr(float* y, const float* x, const float* values, const uint8_t* index, const uint32_t* starts, const float* bias, int t, int k, int out, int relu) {
  if (t == 0 || out == 0) return;
  if constexpr (LANES > 4) {
    if (t <= LANES) return csr_strips<1>(y, x, values, index, starts, bias, t, k, out, relu);
    if (t <= 2 * LANES) return csr_strips<2>(y, x, values, index, starts, bias, t, k, out, relu);
  }
  csr_strips<SPARSE_VECTORS_1>(y, x, values, index, starts, bias, t, k, out, relu);
}

static void gather_entries(float* out, const float* x, const uint32_t* places, int count) {
  parallel_chunks(count, 1 << 14, [&](int begin, int end) {
    for (int i = begin; i < end; i++) out[i] = x[places[i]];
  });
}
