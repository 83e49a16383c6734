// Sparse x dense GEMM: a packed N:M operand [rows, K] times dense panels [K][columns], skipping what was pruned.
// A row group's slot broadcasts its v values and reads one panel row, chosen by the index: that load is the limit of
// v = 1 and is shared by the rows of v = 2 and 4 (docs/design/0001).
// Set by the including file for v = 1, 2, 4: SPARSE_VECTORS_v, vectors of columns, and SPARSE_AT_ONCE_v, row groups;
// TILE_APART(v), if at all: whether a tile of one row group must be a function of its own.

// strip[row][..] (+)= values x panel rows, for AT_ONCE row groups of one block: independent sums hide the latency of FMA.
template <int V, int VECTORS, int AT_ONCE>
static inline void sparse_tile(float* strip, const float* values, const uint8_t* index, int slots, const float* panel, bool accumulate) {
  constexpr int COLUMNS = VECTORS * LANES, ROWS = V * AT_ONCE;
  Vector sum[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; j++) sum[r][j] = accumulate ? load(strip + (r * VECTORS + j) * LANES) : Vector{};
  int slot = 0;
#ifdef __AVX512F__
  // Four values by one load, each spread by a permute: a broadcast from memory would take a load slot of its own.
  if constexpr (V == 1)
    for (; slot + 4 <= slots; slot += 4) {
      Vector four[AT_ONCE];
      uint32_t at[AT_ONCE];
#pragma GCC unroll 8
      for (int group = 0; group < AT_ONCE; group++) {
        four[group] = (Vector)_mm512_broadcast_f32x4(_mm_loadu_ps(values + (size_t)group * slots + slot));
        __builtin_memcpy(&at[group], index + (size_t)group * slots + slot, 4);
      }
#define STEP(i)                                                                            \
  _Pragma("GCC unroll 8") for (int group = 0; group < AT_ONCE; group++) {                  \
    const float* row = panel + (size_t)(at[group] >> 8 * i & 0xff) * COLUMNS;              \
    const Vector x = (Vector)_mm512_permute_ps((__m512)four[group], i * 0x55);             \
    _Pragma("GCC unroll 8") for (int j = 0; j < VECTORS; j++) sum[group][j] = multiply_add(sum[group][j], x, load(row + j * LANES)); \
  }
      STEP(0) STEP(1) STEP(2) STEP(3)
#undef STEP
    }
#endif
  for (; slot < slots; slot++) {
#pragma GCC unroll 8
    for (int group = 0; group < AT_ONCE; group++) {
      const float* row = panel + (size_t)index[group * slots + slot] * COLUMNS;
      const float* value = values + ((size_t)group * slots + slot) * V;
#pragma GCC unroll 4
      for (int r = 0; r < V; r++) {
        const Vector x = broadcast(value[r]);
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) sum[group * V + r][j] = multiply_add(sum[group * V + r][j], x, load(row + j * LANES));
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; j++) store(strip + (r * VECTORS + j) * LANES, sum[r][j]);
}

#ifdef TILE_APART
template <int V, int VECTORS, class... Arguments>
static __attribute__((noinline)) void sparse_tile_apart(Arguments... arguments) { sparse_tile<V, VECTORS, 1>(arguments...); }
#endif

template <int V, int VECTORS, class... Arguments>
static inline void sparse_tile_alone(Arguments... arguments) {
#ifdef TILE_APART
  if constexpr (TILE_APART(V)) return sparse_tile_apart<V, VECTORS>(arguments...);
#endif
  sparse_tile<V, VECTORS, 1>(arguments...);
}

template <int V, int VECTORS, int AT_ONCE>
static void sparse_tiles(float* strip, const float* values, const uint8_t* index, int slots, int groups, const float* panel, bool accumulate) {
  constexpr int COLUMNS = VECTORS * LANES;
  int group = 0;
  if constexpr (AT_ONCE > 1)
    for (; group + AT_ONCE <= groups; group += AT_ONCE)
      sparse_tile<V, VECTORS, AT_ONCE>(strip + (size_t)group * V * COLUMNS, values + (size_t)group * slots * V, index + (size_t)group * slots, slots, panel, accumulate);
  for (; group < groups; group++)
    sparse_tile_alone<V, VECTORS>(strip + (size_t)group * V * COLUMNS, values + (size_t)group * slots * V, index + (size_t)group * slots, slots, panel, accumulate);
}

// panel[k][j] = rows[j][k] for k < length; rows beyond `valid` give zero
template <int COLUMNS>
static void pack_columns(float* panel, const float* const* rows, int valid, int length) {
  for (int j = 0; j < COLUMNS; j += LANES) {
    int k = 0;
    if (j + LANES <= valid) {
      const float* at[LANES];
      for (int i = 0; i < LANES; i++) at[i] = rows[j + i];
      for (; k + LANES <= length; k += LANES) {
        transpose_block(panel + (size_t)k * COLUMNS + j, COLUMNS, at);
        for (int i = 0; i < LANES; i++) at[i] += LANES;
      }
    }
    for (; k < length; k++)
      for (int i = j; i < j + LANES; i++) panel[(size_t)k * COLUMNS + i] = i < valid ? rows[i][k] : 0;
  }
}

// out[j][row] = epilogue(strip[row][j]) for j < columns
template <int COLUMNS>
static void store_transposed(float* const* out, int columns, const float* strip, int first, int count, const float* bias, bool relu) {
  for (int j = 0; j < columns; j += LANES) {
    int row = 0;
    if (j + LANES <= columns)
      for (; row + LANES <= count; row += LANES) {
        Vector r[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) r[i] = load(strip + (size_t)(row + i) * COLUMNS + j);
        transpose_round<1>(r);
        const Vector add = bias ? load(bias + first + row) : Vector{};
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
          Vector y = r[i] + add;
          if (relu) y = rectified(y);
          store(out[j + i] + first + row, y);
        }
      }
    for (; row < count; row++)
      for (int i = j; i < min_of(columns, j + LANES); i++) {
        const float y = strip[(size_t)row * COLUMNS + i] + (bias ? bias[first + row] : 0);
        out[i][first + row] = relu ? rectified(y) : y;
      }
  }
}

struct Packed { const float* values; const uint8_t* index; int n, m; };

// C[rows, columns] = pack x D, in strips of COLUMNS. fill(panel, k, length, column, valid): rows k.. of D.
// emit(strip, first row, rows, column, valid): takes finished sums. The K range is begin..end, multiples of the block.
template <int V, int VECTORS, int AT_ONCE, class Fill, class Emit>
static void strips(const Packed& pack, int rows, int k_count, int begin, int end, int first_group, int groups, int column, int columns, const Fill& fill, const Emit& emit) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int block = pack_block(pack.m);
  float* panel = scratch<float>(SCRATCH_STRIP, (size_t)128 * COLUMNS + (size_t)groups * V * COLUMNS);
  float* strip = panel + (size_t)128 * COLUMNS;
  for (int k = begin; k < end; k += block) {
    const int length = min_of(block, k_count - k), slots = length / pack.m * pack.n;
    fill(panel, k, length, column, columns);
    const size_t at = slots_before(k, rows, pack.n, pack.m, V) + (size_t)first_group * slots;
    sparse_tiles<V, VECTORS, AT_ONCE>(strip, pack.values + at * V, pack.index + at, slots, groups, panel, k > begin);
  }
  const int first = first_group * V;
  emit(strip, first, min_of(groups * V, rows - first), column, columns);
  runtime->count_multiplies((int64_t)groups * V * ((end - begin) / pack.m * pack.n) * columns);
}

// All strips of a product, in parallel over strips and, where these are few, over row groups.
template <int V, int VECTORS, int AT_ONCE, class Fill, class Emit>
static void all_strips(const Packed& pack, int rows, int k_count, int columns, const Fill& fill, const Emit& emit) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int strip_count = ceil_div(columns, COLUMNS), groups = row_groups(rows, V);
  const int wanted = runtime->threads() == 1 ? 1 : ceil_div(3 * runtime->threads(), strip_count);
  // 2048 rows of a strip are half a MiB: the sums stay in L2.
  const int chunks = max_of(ceil_div(groups * V, 2048), min_of(wanted, ceil_div(groups * V, 64)));
  parallel(strip_count * chunks, [&](int task) {
    const int column = task / chunks * COLUMNS, chunk = task % chunks;
    // chunk borders on multiples of LANES rows keep the transposing stores whole
    const int step = ceil_div(ceil_div(groups, chunks), LANES) * LANES;
    const int first = min_of(groups, chunk * step), last = min_of(groups, first + step);
    if (first < last)
      strips<V, VECTORS, AT_ONCE>(pack, rows, k_count, 0, k_count, first, last - first, column, min_of(COLUMNS, columns - column), fill, emit);
  });
}

template <int V_, int VECTORS_, int AT_ONCE_> struct TileSize { static constexpr int V = V_, VECTORS = VECTORS_, AT_ONCE = AT_ONCE_; };

// Calls body with V and the vectors of a strip as constants.
template <class Body>
static void with_vector(int v, const Body& body) {
  if (v == 1) body(TileSize<1, SPARSE_VECTORS_1, SPARSE_AT_ONCE_1>{});
  else if (v == 2) body(TileSize<2, SPARSE_VECTORS_2, SPARSE_AT_ONCE_2>{});
  else body(TileSize<4, SPARSE_VECTORS_4, SPARSE_AT_ONCE_4>{});
}

// The same for so many columns: a strip that they do not fill would multiply by zeros.
template <class Body>
static void with_vector_and_columns(int v, int columns, const Body& body) {
  constexpr int FEW = LANES > 4 ? 16 : 8, VECTORS = FEW / LANES;
  if (columns <= FEW) {
    if (v == 1) return body(TileSize<1, VECTORS, 4>{});
    if (v == 2) return body(TileSize<2, VECTORS, 2>{});
    return body(TileSize<4, VECTORS, 1>{});
  }
  if constexpr (LANES > 4) {
    if (columns <= 2 * FEW && v == 1) return body(TileSize<1, 2 * VECTORS, (LANES > 8 ? 4 : 2)>{});
    if (columns <= 2 * FEW && v == 2) return body(TileSize<2, 2 * VECTORS, (LANES > 8 ? 2 : 1)>{});
  }
  with_vector(v, body);
}

// D[k][j]: k runs over taps x channels of positions column + j; run_of(position, tap) points to a run of `channels`.
template <int COLUMNS, class RunOf>
static void fill_from_runs(float* panel, int k, int length, int column, int columns, int channels, const RunOf& run_of) {
  const float* rows[COLUMNS];
  for (int done = 0; done < length;) {
    const int tap = (k + done) / channels, offset = (k + done) % channels;
    const int run = min_of(min_of(length - done, channels - offset), ZEROS);
    for (int j = 0; j < columns; j++) {
      const float* p = run_of(column + j, tap);
      rows[j] = p == zeros ? p : p + offset;
    }
    pack_columns<COLUMNS>(panel + (size_t)done * COLUMNS, rows, columns, run);
    done += run;
  }
}

static void forward_sparse(float* y, const float* x, const float* values, const uint8_t* index, const float* bias,
                           const int32_t* geometry, int relu, int n, int m, int v) {
  const Geometry g(geometry);
  const Packed pack = {values, index, n, m};
  with_vector_and_columns(v, g.positions(), [&](auto size) {
    constexpr int COLUMNS = decltype(size)::VECTORS * LANES;
    all_strips<decltype(size)::V, decltype(size)::VECTORS, decltype(size)::AT_ONCE>(pack, g.out, g.inputs(), g.positions(),
      [&](float* panel, int k, int length, int column, int columns) {
        fill_from_runs<COLUMNS>(panel, k, length, column, columns, g.channels, [&](int row, int tap) {
          if (g.is_matrix()) return x + (size_t)row * g.channels;
          return run_at(g, x, position_of(row, g.out_height, g.out_width), tap / g.kernel_width, tap % g.kernel_width);
        });
      },
      [&](const float* strip, int first, int count, int column, int columns) {
        float* out[COLUMNS];
        for (int j = 0; j < columns; j++) out[j] = y + (size_t)(column + j) * g.out;
        store_transposed<COLUMNS>(out, columns, strip, first, count, bias, relu);
      });
  });
}

static void input_grad_sparse(float* dx, const float* dy, const float* values, const uint8_t* index, const int32_t* geometry, int n, int m, int v) {
  const Geometry g(geometry);
  const Packed pack = {values, index, n, m};
  with_vector(v, [&](auto size) {
    constexpr int COLUMNS = decltype(size)::VECTORS * LANES;
    all_strips<decltype(size)::V, decltype(size)::VECTORS, decltype(size)::AT_ONCE>(pack, g.channels, g.taps() * g.out, g.batch * g.height * g.width,
      [&](float* panel, int k, int length, int column, int columns) {
        fill_from_runs<COLUMNS>(panel, k, length, column, columns, g.out, [&](int row, int tap) -> const float* {
          const Position p = position_of(row, g.height, g.width);
          const int h = p.row + g.padding - tap / g.kernel_width, u = p.column + g.padding - tap % g.kernel_width;
          if (h < 0 || u < 0 || h % g.stride || u % g.stride || h / g.stride >= g.out_height || u / g.stride >= g.out_width) return zeros;
          return dy + (((size_t)p.image * g.out_height + h / g.stride) * g.out_width + u / g.stride) * g.out;
        });
      },
      [&](const float* strip, int first, int count, int column, int columns) {
        float* out[COLUMNS];
        for (int j = 0; j < columns; j++) out[j] = dx + (size_t)(column + j) * g.channels;
        store_transposed<COLUMNS>(out, columns, strip, first, count, nullptr, false);
      });
  });
}

static void weight_grad_sparse(float* dw, const float* values, const uint8_t* index, const float* x, const int32_t* geometry, int n, int m, int v) {
  const Geometry g(geometry);
  const Packed pack = {values, index, n, m};
  const int positions = g.positions(), columns_all = g.inputs(), block = pack_block(m);
  const int splits = weight_grad_splits(positions, g.out, columns_all);
  float* partial = splits > 1 ? scratch<float>(SCRATCH_PARTIAL, (size_t)splits * g.out * columns_all) : dw;
  with_vector(v, [&](auto size) {
    constexpr int V = decltype(size)::V, COLUMNS = decltype(size)::VECTORS * LANES;
    const auto fill = [&](float* panel, int t, int length, int column, int columns) {
      Position p = position_of(t, g.out_height, g.out_width);
      for (int k = 0; k < length; k++, advance(p, g.out_height, g.out_width)) {
        float* row = panel + (size_t)k * COLUMNS;
        if (g.is_matrix()) {
          const float* source = x + (size_t)(t + k) * g.channels + column;
          if (columns == COLUMNS) for (int j = 0; j < COLUMNS; j += LANES) store(row + j, load(source + j));
          else for (int j = 0; j < columns; j++) row[j] = source[j];
        } else {
          copy_row(row, g, x, p, column, column + columns);
        }
        for (int j = columns; j < COLUMNS; j++) row[j] = 0;
      }
    };
    const auto emit_to = [&](float* out) {
      return [&, out](const float* strip, int first, int count, int column, int columns) {
        for (int r = 0; r < count; r++)
          for (int j = 0; j < columns; j++) out[(size_t)(first + r) * columns_all + column + j] = strip[(size_t)r * COLUMNS + j];
      };
    };
    if (splits == 1) return all_strips<V, decltype(size)::VECTORS, decltype(size)::AT_ONCE>(pack, g.out, positions, columns_all, fill, emit_to(dw));
    const int strip_count = ceil_div(columns_all, COLUMNS), blocks = ceil_div(positions, block);
    parallel(splits * strip_count, [&](int task) {
      const int split = task / strip_count, column = task % strip_count * COLUMNS;
      const int begin = (int)((int64_t)blocks * split / splits) * block, end = min_of(positions, (int)((int64_t)blocks * (split + 1) / splits) * block);
      strips<V, decltype(size)::VECTORS, decltype(size)::AT_ONCE>(pack, g.out, positions, begin, end, 0, row_groups(g.out, V), column, min_of(COLUMNS, columns_all - column),
                                         fill, emit_to(partial + (size_t)split * g.out * columns_all));
    });
  });
  if (splits > 1) sum_splits(dw, partial, splits, g.out * columns_all);
}
