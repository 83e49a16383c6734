// Causal attention. A task is one head of one sequence: queries, keys and values are copied out of their interleaved rows,
// whose distance of 3 * dim floats would meet in few sets of the cache, and a tile of rows of probabilities at a time is
// kept, never the whole square. The products are tiles of the dense GEMM, up to the diagonal.
struct AttentionShape {
  int length, dim, heads, width, padded, columns;
  AttentionShape(int length, int dim, int heads) : length(length), dim(dim), heads(heads), width(dim / heads) {
    padded = ceil_div(width, LANES) * LANES;
    // an odd number of vectors: entries below each other lie in all sets of the cache
    columns = (ceil_div(length, LANES) | 1) * LANES;
  }
  float scale() const { return 1.0f / __builtin_sqrtf((float)width); }
  size_t rows_size() const { return (size_t)length * padded; }
  size_t transposed_size() const { return (size_t)padded * columns; }
  // Columns of a tile of rows that ends before `last`, in whole vectors.
  int reach(int last) const { return ceil_div(last, LANES) * LANES; }

  // Asks for a row of one head that will be written: a store to a line that is not in cache reads it first.
  __attribute__((always_inline)) void prefetch(const float* row) const {
    for (int c = 0; c < width; c += 16) __builtin_prefetch(row + c, 1);
  }
  // to [length][padded] = scale * rows of one head, `apart` floats apart, padded with zeros
  void copy(float* to, const float* from, size_t apart, float scale) const {
    for (int i = 0; i < length; i++, to += padded, from += apart) {
      // rows are pages apart, where no hardware prefetches
      const float* ahead = from + (i + 12 < length ? 12 * apart : 0);
      by_lanes(width, [&](int c, auto lanes) {
        __builtin_prefetch(ahead + c);
        lanes.store(to + c, lanes.load(from + c) * scale);
      });
      for (int c = width; c < padded; c++) to[c] = 0;
    }
  }
  // to [padded][columns] = the transpose of rows [length][padded]; columns beyond the last are those of some row
  void transpose(float* to, const float* rows) const {
    for (int i = 0; i < reach(length); i += LANES)
      for (int c = 0; c < padded; c += LANES) {
        const float* from[LANES];
        for (int lane = 0; lane < LANES; lane++) from[lane] = rows + (size_t)min_of(i + lane, length - 1) * padded + c;
        transpose_block(to + (size_t)c * columns + i, columns, from);
      }
  }
};

// c[rows][columns) (+)= sum over k of a[m * a_apart + k * step] * panel[k * panel_apart + .]
static void attention_product(int rows, float* c, size_t c_apart, int columns, const float* a, size_t a_apart, int k, int step, const float* panel, int panel_apart, bool accumulate) {
  const float* from[DENSE_ROWS];
  float* to[DENSE_ROWS];
  for (int m = 0; m < rows; m++) from[m] = a + m * a_apart;
  for (int column = 0; column < columns; column += DENSE_COLUMNS) {
    for (int m = 0; m < rows; m++) to[m] = c + m * c_apart + column;
    dense_tile_of(rows, to, min_of(DENSE_COLUMNS, columns - column), from, 1, k, step, panel + column, panel_apart, accumulate, nullptr);
  }
}

// x in the lanes of columns that row i sees, when the first is column j; else other.
static inline Vector seen(int i, int j, Vector x, Vector other) {
  return (IntVector)lane_numbers(typename Count<LANES>::type{}) <= i - j ? x : other;
}

static void attention(float* y, float* log_sum, const float* qkv, int batch, int length, int dim, int heads) {
  const AttentionShape shape(length, dim, heads);
  const size_t apart = 3 * (size_t)dim;
  parallel(batch * heads, [&](int task) {
    const float* q = qkv + (size_t)(task / heads) * length * apart + task % heads * shape.width;
    float* out = y + (size_t)(task / heads) * length * dim + task % heads * shape.width;
    float* queries = scratch<float>(SCRATCH_STRIP, 2 * shape.rows_size() + shape.transposed_size() + (size_t)DENSE_ROWS * shape.columns);
    float* values = queries + shape.rows_size();
    float* keys = values + shape.rows_size();
    float* rows = keys + shape.transposed_size();
    shape.copy(queries, q, apart, shape.scale());
    shape.copy(values, q + dim, apart, 1);
    shape.transpose(keys, values);
    shape.copy(values, q + 2 * dim, apart, 1);
    for (int first = 0; first < length; first += DENSE_ROWS) {
      const int last = min_of(length, first + DENSE_ROWS), reach = shape.reach(last);
      float share[DENSE_ROWS];
      for (int i = first; i < last; i++) shape.prefetch(out + (size_t)i * dim);
      attention_product(last - first, rows, shape.columns, reach, queries + (size_t)first * shape.padded, shape.padded, shape.width, 1, keys, shape.columns, false);
      for (int i = first; i < last; i++) {
        float* row = rows + (size_t)(i - first) * shape.columns;
        const Vector nothing = broadcast(-__builtin_inff());
        Vector largest = nothing, sum = {};
        for (int j = 0; j < reach; j += LANES) {
          const Vector score = seen(i, j, load(row + j), nothing);
          largest = score > largest ? score : largest;
        }
        const float most = folded<LANES / 2>(largest, [](Vector a, Vector b) { return a > b ? a : b; }, typename Count<LANES>::type{});
        for (int j = 0; j < reach; j += LANES) {
          const Vector p = seen(i, j, exponential((Vector)(load(row + j) - most)), Vector{});
          store(row + j, p);
          sum += p;
        }
        const float total = sum_of(sum);
        share[i - first] = 1 / total;
        log_sum[(size_t)task * length + i] = most + (float)__builtin_log((double)total);
      }
      attention_product(last - first, out + (size_t)first * dim, dim, shape.width, rows, shape.columns, last, 1, values, shape.padded, false);
      for (int i = first; i < last; i++) {
        float* row = out + (size_t)i * dim;
        by_lanes(shape.width, [&](int c, auto lanes) { lanes.store(row + c, lanes.load(row + c) * share[i - first]); });
      }
    }
  });
}

// Rows of probabilities that are kept at a time: whole tiles.
constexpr int ATTENTION_ROWS = 16 * DENSE_ROWS;

// With p the probabilities and dp = dy v^T: ds = p (dp - sum of p dp), dq = ds k, dk = ds^T q, dv = p^T dy, where q and the
// k of dq are scaled.
static void attention_backward(float* dqkv, const float* dy, const float* qkv, const float* log_sum, int batch, int length, int dim, int heads) {
  const AttentionShape shape(length, dim, heads);
  const size_t apart = 3 * (size_t)dim;
  const int kept = min_of(ATTENTION_ROWS, length), columns = shape.columns, padded = shape.padded;
  parallel(batch * heads, [&](int task) {
    const size_t head = (size_t)(task / heads) * length * apart + task % heads * shape.width;
    const float* q = qkv + head;
    float* dq = dqkv + head;
    float *dk = dq + dim, *dv = dk + dim;
    float* queries = scratch<float>(SCRATCH_STRIP, 3 * shape.rows_size() + 2 * shape.transposed_size() + 2 * (size_t)kept * columns);
    float* grads = queries + shape.rows_size();
    float* keys = grads + shape.rows_size();
    float* keys_transposed = keys + shape.rows_size();
    float* values_transposed = keys_transposed + shape.transposed_size();
    float* p = values_transposed + shape.transposed_size();
    float* ds = p + (size_t)kept * columns;
    shape.copy(keys, q + 2 * dim, apart, 1);
    shape.transpose(values_transposed, keys);
    shape.copy(keys, q + dim, apart, 1);
    shape.transpose(keys_transposed, keys);
    shape.copy(keys, q + dim, apart, shape.scale());
    shape.copy(queries, q, apart, shape.scale());
    shape.copy(grads, dy + (size_t)(task / heads) * length * dim + task % heads * shape.width, dim, 1);
    for (int begin = 0; begin < length; begin += ATTENTION_ROWS) {
      const int end = min_of(length, begin + ATTENTION_ROWS);
      for (int first = begin; first < end; first += DENSE_ROWS) {
        const int last = min_of(end, first + DENSE_ROWS), reach = shape.reach(last);
        const size_t at = (size_t)(first - begin) * columns, row = (size_t)first * padded;
        for (int i = first; i < last; i++)
          shape.prefetch(dq + i * apart), shape.prefetch(dk + i * apart), shape.prefetch(dv + i * apart);
        attention_product(last - first, p + at, columns, reach, queries + row, padded, shape.width, 1, keys_transposed, columns, false);
        attention_product(last - first, ds + at, columns, reach, grads + row, padded, shape.width, 1, values_transposed, columns, false);
        for (int i = first; i < last; i++) {
          float *probability = p + (size_t)(i - begin) * columns, *score = ds + (size_t)(i - begin) * columns;
          const float normalizer = log_sum[(size_t)task * length + i];
          Vector sum = {};
          for (int j = 0; j < reach; j += LANES) {
            const Vector x = seen(i, j, exponential((Vector)(load(probability + j) - normalizer)), Vector{});
            store(probability + j, x);
            sum += seen(i, j, x * load(score + j), Vector{});
          }
          const float mean = sum_of(sum);
          for (int j = 0; j < reach; j += LANES) store(score + j, seen(i, j, load(probability + j) * (load(score + j) - mean), Vector{}));
        }
        attention_product(last - first, dq + first * apart, apart, shape.width, ds + at, columns, last, 1, keys, padded, false);
      }
      for (int first = 0; first < end; first += DENSE_ROWS) {
        const int rows = min_of(DENSE_ROWS, end - first), from = max_of(begin, first);
        const size_t at = (size_t)(from - begin) * columns + first;
        attention_product(rows, dk + first * apart, apart, shape.width, ds + at, 1, end - from, columns, queries + (size_t)from * padded, padded, first < begin);
        attention_product(rows, dv + first * apart, apart, shape.width, p + at, 1, end - from, columns, grads + (size_t)from * padded, padded, first < begin);
      }
    }
  });
}
