// Groups of a penalty: tiles of `tall` rows and `wide` columns of a matrix, smaller at its ends, numbered row by row.
// Filters, channels, shapes, 2-D filters, blocks and layers are all such tiles (src/methods/structured/groups.ts).
constexpr int TILED_COLUMNS = 256;

// body(first group, groups, first row, end row, first column): tiles side by side, up to TILED_COLUMNS columns unless one
// is wider. A tile is never cut, so that its sum does not depend on the number of threads.
template <class Body>
static void parallel_tiles(int rows, int columns, int tall, int wide, const Body& body) {
  if (rows == 0 || columns == 0) return;
  const int across = ceil_div(columns, wide), at_once = min_of(across, max_of(1, TILED_COLUMNS / wide));
  const int parts = ceil_div(across, at_once), entries = tall * min_of(columns, at_once * wide);
  parallel_chunks(ceil_div(rows, tall) * parts, max_of(1, CHUNK / entries), [&](int from, int to) {
    for (int task = from; task < to; task++) {
      const int block = task / parts, group = task % parts * at_once;
      body(block * across + group, min_of(at_once, across - group), block * tall, min_of(rows, (block + 1) * tall), group * wide);
    }
  });
}

// body(entry, count, group, each): entries of one group, or each of its own
template <class Body>
static void by_tiles(int rows, int columns, int tall, int wide, const Body& body) {
  parallel_tiles(rows, columns, tall, wide, [&](int first, int groups, int row, int end, int column) {
    for (; row < end; row++)
      if (wide == 1) body((size_t)row * columns + column, groups, first, true);
      else
        for (int g = 0, c = column; g < groups; g++, c += wide)
          body((size_t)row * columns + c, min_of(wide, columns - c), first + g, false);
  });
}

static inline double squares(const float* x, int count) {
  double lanes[8] = {};
  int i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j < 8; j++) lanes[j] += (double)x[i + j] * x[i + j];
  for (; i < count; i++) lanes[0] += (double)x[i] * x[i];
  double sum = 0;
  for (int j = 0; j < 8; j++) sum += lanes[j];
  return sum;
}

static void tile_norms(double* norms, const float* w, int rows, int columns, int tall, int wide) {
  parallel_tiles(rows, columns, tall, wide, [&](int first, int groups, int row, int end, int column) {
    double sums[TILED_COLUMNS] = {};
    for (; row < end; row++) {
      const float* x = w + (size_t)row * columns + column;
      if (wide == 1) for (int g = 0; g < groups; g++) sums[g] += (double)x[g] * x[g];
      else for (int g = 0; g < groups; g++) sums[g] += squares(x + (size_t)g * wide, min_of(wide, columns - column - g * wide));
    }
    for (int g = 0; g < groups; g++) norms[first + g] = __builtin_sqrt(sums[g]);
  });
}

static void scale_tiles(float* w, const float* factors, int rows, int columns, int tall, int wide) {
  by_tiles(rows, columns, tall, wide, [&](size_t at, int count, int group, bool each) {
    float* x = w + at;
    const float* f = factors + group;
    // 0 * infinity is no zero
    if (each) for (int i = 0; i < count; i++) x[i] = f[i] == 0 ? 0 : x[i] * f[i];
    else for (int i = 0; i < count; i++) x[i] = *f == 0 ? 0 : x[i] * *f;
  });
}

static void add_tiles(float* y, const float* x, const float* factors, int rows, int columns, int tall, int wide) {
  by_tiles(rows, columns, tall, wide, [&](size_t at, int count, int group, bool each) {
    float* to = y + at;
    const float *from = x + at, *f = factors + group;
    const float factor = *f;
    if (each) for (int i = 0; i < count; i++) to[i] += f[i] * from[i];
    else for (int i = 0; i < count; i++) to[i] += factor * from[i];
  });
}

static void shrink(float* w, int count, float amount, int hard) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    if (hard) for (int i = from; i < to; i++) w[i] = w[i] < amount && w[i] > -amount ? 0 : w[i];
    else for (int i = from; i < to; i++) {
      const float x = w[i];
      w[i] = x > amount ? x - amount : x < -amount ? x + amount : 0;
    }
  });
}

// Rows and columns at once: a penalty of both would read the matrix four times. Sums of float within CROSSED_ROWS rows, which
// also are what threads share.
constexpr int CROSSED_ROWS = 32, CROSSED_AT_ONCE = LANES > 4 ? 4 : 1;

static inline float factor_of(float norm, double amount, int proximal) {
  if (norm == 0) return 0;
  const float share = (float)amount / norm;
  return !proximal ? share : 1 - share < 0 ? 0 : 1 - share;
}

// Factors of ROWS rows of w; sums += the squares of what these leave of them.
template <int ROWS>
static inline void cross_rows(float* of_rows, float* sums, const float* w, const double* lambdas, int columns, float rate, int proximal) {
  Vector kept[ROWS];
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; r++) kept[r] = broadcast(1);
  const int whole = columns - columns % LANES;
  if (lambdas != nullptr) {
    Vector squares[ROWS] = {};
    for (int c = 0; c < whole; c += LANES)
#pragma GCC unroll 4
      for (int r = 0; r < ROWS; r++) {
        const Vector x = load(w + (size_t)r * columns + c);
        squares[r] += x * x;
      }
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
      const float* x = w + (size_t)r * columns;
      float sum = sum_of(squares[r]);
      for (int c = whole; c < columns; c++) sum += x[c] * x[c];
      of_rows[r] = factor_of(__builtin_sqrtf(sum), lambdas[r] * rate, proximal);
      if (proximal) kept[r] = broadcast(of_rows[r]);
    }
  }
  if (sums == nullptr) return;
  for (int c = 0; c < whole; c += LANES) {
    Vector sum = load(sums + c);
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
      const Vector x = load(w + (size_t)r * columns + c) * kept[r];
      sum += x * x;
    }
    store(sums + c, sum);
  }
  for (int c = whole; c < columns; c++)
    for (int r = 0; r < ROWS; r++) {
      const float x = w[(size_t)r * columns + c] * kept[r][0];
      sums[c] += x * x;
    }
}

static void cross_factors(float* of_rows, float* of_columns, const float* w, const double* row_lambdas, const double* column_lambdas, int rows, int columns, float rate, int proximal) {
  const int chunks = ceil_div(rows, CROSSED_ROWS);
  float* partial = column_lambdas == nullptr ? nullptr : scratch<float>(SCRATCH_PARTIAL, (size_t)max_of(1, chunks) * columns);
  parallel_chunks(rows, CROSSED_ROWS, [&](int from, int to) {
    float* sums = partial == nullptr ? nullptr : partial + (size_t)(from / CROSSED_ROWS) * columns;
    if (sums != nullptr) for (int c = 0; c < columns; c++) sums[c] = 0;
    const auto at = [&](int row, auto rows) {
      const bool some = row_lambdas != nullptr;
      cross_rows<decltype(rows)::value>(some ? of_rows + row : nullptr, sums, w + (size_t)row * columns, some ? row_lambdas + row : nullptr, columns, rate, proximal);
    };
    int row = from;
    for (; row + CROSSED_AT_ONCE <= to; row += CROSSED_AT_ONCE) at(row, Integer<CROSSED_AT_ONCE>());
    for (; row < to; row++) at(row, Integer<1>());
  });
  if (partial == nullptr) return;
  for (int c = 0; c < columns; c++) of_columns[c] = 0;
  for (int chunk = 0; chunk < chunks; chunk++)
    for (int c = 0; c < columns; c++) of_columns[c] += partial[(size_t)chunk * columns + c];
  for (int c = 0; c < columns; c++) of_columns[c] = factor_of(__builtin_sqrtf(of_columns[c]), column_lambdas[c] * rate, proximal);
}

// body(first entry, row) for rows, the last one first: what the norms' pass has left in the cache
template <class Body>
static void backwards(int rows, const Body& body) {
  const int chunks = ceil_div(rows, CROSSED_ROWS);
  parallel(chunks, [&](int task) {
    const int from = (chunks - 1 - task) * CROSSED_ROWS;
    for (int row = min_of(rows, from + CROSSED_ROWS) - 1; row >= from; row--) body(row);
  });
}

static void scale_crosses(float* w, const float* of_rows, const float* of_columns, int rows, int columns) {
  if (columns == 0) return;
  backwards(rows, [&](int row) {
    float* x = w + (size_t)row * columns;
    const float factor = of_rows == nullptr ? 1 : of_rows[row];
    // -0 would be no zero to who compares bits; + 0 makes it one
    if (of_columns == nullptr) for (int c = 0; c < columns; c++) x[c] = x[c] * factor + 0;
    else for (int c = 0; c < columns; c++) x[c] = x[c] * factor * of_columns[c] + 0;
  });
}

static void add_crosses(float* y, const float* x, const float* of_rows, const float* of_columns, int rows, int columns) {
  if (columns == 0) return;
  backwards(rows, [&](int row) {
    float* to = y + (size_t)row * columns;
    const float* from = x + (size_t)row * columns;
    const float factor = of_rows == nullptr ? 0 : of_rows[row];
    if (of_columns == nullptr) for (int c = 0; c < columns; c++) to[c] += factor * from[c];
    else for (int c = 0; c < columns; c++) to[c] += (factor + of_columns[c]) * from[c];
  });
}

static void add_signs(float* y, const float* x, int count, float amount) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    // signs are random: a branch would guess half of them wrong
    for (int i = from; i < to; i++) y[i] += amount * (float)((x[i] > 0) - (x[i] < 0));
  });
}

static void row_products(double* out, const float* a, const float* b, int rows, int columns) {
  if (columns == 0) return (void)__builtin_memset(out, 0, rows * sizeof(double));
  parallel_chunks(rows, max_of(1, CHUNK / columns), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const float *x = a + (size_t)row * columns, *y = b + (size_t)row * columns;
      double lanes[8] = {};
      int c = 0;
      for (; c + 8 <= columns; c += 8)
        for (int j = 0; j < 8; j++) lanes[j] += (double)x[c + j] * y[c + j];
      for (; c < columns; c++) lanes[0] += (double)x[c] * y[c];
      out[row] = 0;
      for (int j = 0; j < 8; j++) out[row] += lanes[j];
    }
  });
}
