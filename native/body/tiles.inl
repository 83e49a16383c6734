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
