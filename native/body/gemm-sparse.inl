// Sparse x dense GEMM: a packed N:M operand [rows, K] times dense panels [K][columns], skipping what was pruned.
// A row group's slot broadcasts its v values and reads one panel row, chosen by the index: that load is the limit of
// v = 1 and is shared by the rows of v = 2 and 4 (docs/design/0001).
// Set by the including file for v = 1, 2, 4: SPARSE_VECTORS_v, vectors of columns, and SPARSE_AT_ONCE_v, row groups;
// TILE_APART(v), if at all: whether a tile of one row group must be a function of its own.

// The rows of a panel [K][COLUMNS], vector by vector.
template <int COLUMNS>
struct Panel {
  const float* panel;
  const float* row(size_t i) const { return panel + i * COLUMNS; }
  static constexpr int vector(int j) { return j * LANES; }
};

// strip[row][..] (+)= values x panel rows, for AT_ONCE row groups of one block: independent sums hide the latency of FMA.
template <int V, int VECTORS, int AT_ONCE, class Rows>
static inline void sparse_tile(float* strip, const float* values, const uint8_t* index, int slots, const Rows& given, bool accumulate) {
  constexpr int ROWS = V * AT_ONCE;
  const Rows rows = given;
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
    const float* row = rows.row(at[group] >> 8 * i & 0xff);                                \
    const Vector x = (Vector)_mm512_permute_ps((__m512)four[group], i * 0x55);             \
    _Pragma("GCC unroll 8") for (int j = 0; j < VECTORS; j++) sum[group][j] = multiply_add(sum[group][j], x, load(row + rows.vector(j))); \
  }
      STEP(0) STEP(1) STEP(2) STEP(3)
#undef STEP
    }
#endif
  for (; slot < slots; slot++) {
#pragma GCC unroll 8
    for (int group = 0; group < AT_ONCE; group++) {
      const float* row = rows.row(index[group * slots + slot]);
      const float* value = values + ((size_t)group * slots + slot) * V;
#pragma GCC unroll 4
      for (int r = 0; r < V; r++) {
        const Vector x = broadcast(value[r]);
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) sum[group * V + r][j] = multiply_add(sum[group * V + r][j], x, load(row + rows.vector(j)));
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
static inline void sparse_tile_alone(const Arguments&... arguments) {
#ifdef TILE_APART
  if constexpr (TILE_APART(V)) return sparse_tile_apart<V, VECTORS>(arguments...);
#endif
  sparse_tile<V, VECTORS, 1>(arguments...);
}

template <int V, int VECTORS, int AT_ONCE, class Rows>
static void sparse_tiles(float* strip, const float* values, const uint8_t* index, int slots, int groups, const Rows& rows, bool accumulate) {
  constexpr int COLUMNS = VECTORS * LANES;
  int group = 0;
  if constexpr (AT_ONCE > 1)
    for (; group + AT_ONCE <= groups; group += AT_ONCE)
      sparse_tile<V, VECTORS, AT_ONCE>(strip + (size_t)group * V * COLUMNS, values + (size_t)group * slots * V, index + (size_t)group * slots, slots, rows, accumulate);
  for (; group < groups; group++)
    sparse_tile_alone<V, VECTORS>(strip + (size_t)group * V * COLUMNS, values + (size_t)group * slots * V, index + (size_t)group * slots, slots, rows, accumulate);
}

// panel[k][j] = rows[j][k] for k < length; rows beyond `valid` give zero
template <int COLUMNS>
static void transpose_rows(float* panel, const float* const* rows, int valid, int length) {
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
#if VECTOR_BYTES == 64
    // one by one the last rows of 12 took six times as long as 16
    if (const int some = count - row; some > 0 && j + LANES <= columns) {
      Vector r[LANES];
#pragma GCC unroll 16
      for (int i = 0; i < LANES; i++) r[i] = i < some ? load(strip + (size_t)(row + i) * COLUMNS + j) : Vector{};
      transpose_round<1>(r);
      const Vector add = bias ? load_some(bias + first + row, some) : Vector{};
#pragma GCC unroll 16
      for (int i = 0; i < LANES; i++) {
        Vector y = r[i] + add;
        if (relu) y = rectified(y);
        store_some(out[j + i] + first + row, y, some);
      }
      continue;
    }
#endif
    for (; row < count; row++)
      for (int i = j; i < min_of(columns, j + LANES); i++) {
        const float y = strip[(size_t)row * COLUMNS + i] + (bias ? bias[first + row] : 0);
        out[i][first + row] = relu ? rectified(y) : y;
      }
  }
}

struct Packed { const float* values; const uint8_t* index; int n, m; };

// C[rows, columns] = pack x D, in strips of COLUMNS. fill(panel, k, length, column, valid): rows k.. of D.
// emit(strip, first row, rows, column, valid): takes finished sums.
template <int V, int VECTORS, int AT_ONCE, class Fill, class Emit>
static void strips(const Packed& pack, int rows, int k_count, int first_group, int groups, int column, int columns, const Fill& fill, const Emit& emit) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int block = pack_block(pack.m);
  // a vector behind the panel: copies of its last row may run over
  float* panel = scratch<float>(SCRATCH_STRIP, (size_t)128 * COLUMNS + LANES + (size_t)groups * V * COLUMNS);
  float* strip = panel + (size_t)128 * COLUMNS + LANES;
  for (int k = 0; k < k_count; k += block) {
    const int length = min_of(block, k_count - k), slots = length / pack.m * pack.n;
    fill(panel, k, length, column, columns);
    const size_t at = slots_before(k, rows, pack.n, pack.m, V) + (size_t)first_group * slots;
    sparse_tiles<V, VECTORS, AT_ONCE>(strip, pack.values + at * V, pack.index + at, slots, groups, Panel<COLUMNS>{panel}, k > 0);
  }
  const int first = first_group * V;
  emit(strip, first, min_of(groups * V, rows - first), column, columns);
  runtime->count_multiplies((int64_t)groups * V * (k_count / pack.m * pack.n) * columns);
}

// All strips of a product, in bands of at most `band` neighbors, in parallel over bands and, where strips are few, over
// row groups. fill_for(column, columns) prepares what the strips of a band share, and gives its fill.
template <int V, int VECTORS, int AT_ONCE, class FillFor, class Emit>
static void all_strips(const Packed& pack, int rows, int k_count, int columns, int band, const FillFor& fill_for, const Emit& emit) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int strip_count = ceil_div(columns, COLUMNS), groups = row_groups(rows, V), threads = runtime->threads();
  // Where strips are few, as many chunks of rows as threads: each then reads the part of the pack that it has written.
  const int wanted = threads == 1 || strip_count >= 3 * threads ? 1 : max_of(threads, ceil_div(3 * threads, strip_count));
  // 2048 rows of a strip are half a MiB: the sums stay in L2.
  const int chunks = max_of(ceil_div(groups * V, 2048), min_of(wanted, ceil_div(groups * V, 64)));
  if (threads > 1) band = max_of(1, min_of(band, strip_count / (3 * threads)));
  const int width = band * COLUMNS;
  const int bands = ceil_div(columns, width);
  parallel(bands * chunks, [&](int task) {
    const int begin = task % bands * width, end = min_of(columns, begin + width), chunk = task / bands;
    // chunk borders on multiples of LANES rows keep the transposing stores whole
    const int step = ceil_div(ceil_div(groups, chunks), LANES) * LANES;
    const int first = min_of(groups, chunk * step), last = min_of(groups, first + step);
    if (first >= last) return;
    const auto fill = fill_for(begin, end - begin);
    for (int column = begin; column < end; column += COLUMNS)
      strips<V, VECTORS, AT_ONCE>(pack, rows, k_count, first, last - first, column, min_of(COLUMNS, end - column), fill, emit);
  });
}

// Sums of a group of strips, in floats: 384 KiB.
constexpr int WEIGHT_GRAD_SUMS = 96 * 1024;

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

// places = epilogue(pack x taps of the images), both channels-last
static __attribute__((noinline)) void images_by_pack(const Places& places, const Images& images, const Packed& pack, int v, const float* bias, bool relu, bool is_matrix) {
  const int rows = places.channels;
  const auto emit_for = [&](auto columns_of_panel) {
    constexpr int COLUMNS = decltype(columns_of_panel)::value;
    return [=](const float* strip, int first, int count, int column, int columns) {
      float* out[COLUMNS];
      places.at(out, column, columns);
      store_transposed<COLUMNS>(out, columns, strip, first, count, bias, relu);
    };
  };
  if (is_matrix)
    return with_vector_and_columns(v, images.positions(), [&](auto size) {
      constexpr int V = decltype(size)::V, VECTORS = decltype(size)::VECTORS, AT_ONCE = decltype(size)::AT_ONCE, COLUMNS = VECTORS * LANES;
      all_strips<V, VECTORS, AT_ONCE>(pack, rows, images.channels, images.positions(), 1, [&](int, int) {
        return [&](float* panel, int k, int length, int column, int columns) {
          const float* from[COLUMNS];
          for (int j = 0; j < columns; j++) from[j] = images.pixels + (size_t)(column + j) * images.channels + k;
          transpose_rows<COLUMNS>(panel, from, columns, length);
        };
      }, emit_for(Integer<COLUMNS>{}));
    });
  with_vector(v, [&](auto size) {
    constexpr int V = decltype(size)::V, VECTORS = decltype(size)::VECTORS, AT_ONCE = decltype(size)::AT_ONCE, COLUMNS = VECTORS * LANES;
    all_strips<V, VECTORS, AT_ONCE>(pack, rows, images.inputs(), images.positions(), Planes(images).band(COLUMNS), [&](int begin, int count) {
      Planes planes(images);
      planes.transpose(begin, count);
      return [&, planes](float* panel, int k, int length, int column, int columns) {
        fill_from_planes<FIXED_COLUMNS<COLUMNS>>(panel, COLUMNS, planes, k, length, column, columns);
        // lines of the output, asked for while the last block is multiplied
        if (k + length == images.inputs()) {
          float* out[COLUMNS];
          places.at(out, column, columns);
          for (int j = 0; j < columns; j++)
            for (int i = 0; i < rows; i += 16) __builtin_prefetch(out[j] + i, 1);
        }
      };
    }, emit_for(Integer<COLUMNS>{}));
  });
}

static void forward_sparse(float* y, const float* x, const float* values, const uint8_t* index, const float* bias,
                           const int32_t* geometry, int relu, int n, int m, int v) {
  const Geometry g(geometry);
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, g.padding, g.padding, false};
  const Places places = {y, g.out_height, g.out_width, g.out, g.out_height, g.out_width, 1};
  images_by_pack(places, images, {values, index, n, m}, v, bias, relu, g.is_matrix());
}

// The input positions from `phase` on, every stride-th: only taps first, first + stride, ... hit them.
struct Phase {
  int positions, first, taps, lead;
  Phase(int phase, int length, int kernel, int stride, int padding)
      : positions(ceil_div(length - phase, stride)), first((phase + padding) % stride),
        taps(first < kernel ? ceil_div(kernel - first, stride) : 0), lead(taps - 1 - (phase + padding) / stride) {}
};

// The pack of these taps alone; a tap's columns are whole groups.
static __attribute__((noinline)) Packed pack_of_taps(const Packed& pack, const Geometry& g, int v, const Phase& row, const Phase& column) {
  const int taps = row.taps * column.taps, k_count = taps * g.out, k_all = g.taps() * g.out, groups = row_groups(g.channels, v), block = pack_block(pack.m);
  const int n = pack.n, m = pack.m;
  const size_t slots = slots_before(k_count, g.channels, n, m, v);
  float* values = scratch<float>(SCRATCH_PANELS, slots * v + ceil_div((int)slots, 4));
  uint8_t* index = (uint8_t*)(values + slots * v);
  parallel_chunks(groups, 64, [&](int begin, int end) {
    for (int k = 0, length; k < k_count; k += length) {
      const int tap = k / g.out, kh = row.first + tap / column.taps * g.stride, kw = column.first + tap % column.taps * g.stride;
      const int from = (kh * g.kernel_width + kw) * g.out + k % g.out;
      // up to the end of the tap and of both blocks
      const int to_begin = k / block * block, to_length = min_of(block, k_count - to_begin);
      const int from_begin = from / block * block, from_length = min_of(block, k_all - from_begin);
      length = min_of(g.out - k % g.out, min_of(to_begin + to_length - k, from_begin + from_length - from));
      const int count = length / m * n, moved = (k - to_begin) - (from - from_begin);
      const size_t to_at = slots_before(to_begin, g.channels, n, m, v) + (k - to_begin) / m * n;
      const size_t from_at = slots_before(from_begin, g.channels, n, m, v) + (from - from_begin) / m * n;
      for (int group = begin; group < end; group++) {
        const size_t to = to_at + (size_t)group * (to_length / m * n), at = from_at + (size_t)group * (from_length / m * n);
        for (int i = 0; i < count * v; i++) values[to * v + i] = pack.values[at * v + i];
        for (int i = 0; i < count; i++) index[to + i] = (uint8_t)(pack.index[at + i] + moved);
      }
    }
  });
  return {values, index, n, m};
}

// A convolution of stride 1 for each phase of the stride, so that no multiply meets a hole.
static void input_grad_sparse(float* dx, const float* dy, const float* values, const uint8_t* index, const int32_t* geometry, int n, int m, int v) {
  const Geometry g(geometry);
  for (int phase_row = 0; phase_row < g.stride; phase_row++)
    for (int phase_column = 0; phase_column < g.stride; phase_column++) {
      const Phase row(phase_row, g.height, g.kernel_height, g.stride, g.padding), column(phase_column, g.width, g.kernel_width, g.stride, g.padding);
      const Images images = {dy, g.batch, g.out_height, g.out_width, g.out, row.positions, column.positions, row.taps, column.taps,
                             1, row.lead, column.lead, true};
      const Places places = {dx + ((size_t)phase_row * g.width + phase_column) * g.channels, g.height, g.width, g.channels,
                             row.positions, column.positions, g.stride};
      if (images.positions() == 0) continue;
      if (images.inputs() == 0) {
        for (int position = 0; position < images.positions(); position++) {
          float* out;
          places.at(&out, position, 1);
          __builtin_memset(out, 0, sizeof(float) * g.channels);
        }
        continue;
      }
      const Packed pack = {values, index, n, m};
      images_by_pack(places, images, images.inputs() == g.taps() * g.out ? pack : pack_of_taps(pack, g, v, row, column), v, nullptr, false, g.is_matrix());
    }
}

// x as a weight gradient reads it, in one of two ways: `count` strips of columns, strips with something in common as
// neighbors. rows(): what a strip multiplies of the block of T from t on, in `memory` of `size` floats. store(): a row of
// its sums to its places of a row of dw; returns how many.

// Rows of im2col, copied. Taps one above the other read the same rows, a line apart: where strips lie within a tap, and
// blocks of T are whole lines of one image, one panel with a few lines more serves a column of taps. Not where that would
// leave fewer than `least` tasks.
template <int COLUMNS>
struct CopiedRows {
  const Geometry& g;
  const float* x;
  PaddedImages padded;
  int count, together = 1, lines_more = 0, size;
  CopiedRows(const Geometry& g, const float* x, int block, int least) : g(g), x(x), padded(g, x), count(ceil_div(g.inputs(), COLUMNS)), size(128 * COLUMNS + LANES) {  // a copy of the last row may run over by a vector
    if (g.stride > 1 || g.channels % COLUMNS || block % g.out_width || g.out_height * g.out_width % block || (g.kernel_height - 1) * g.out_width > 64) return;
    if (count / g.kernel_height < least) return;
    together = g.kernel_height;
    lines_more = g.kernel_height - 1;
    size += lines_more * g.out_width * COLUMNS;
  }
  int column(int strip) const {
    const int top = strip / together, per_tap = g.channels / COLUMNS;
    return together == 1 ? strip * COLUMNS : ((strip % together * g.kernel_width + top / per_tap) * per_tap + top % per_tap) * COLUMNS;
  }
  Panel<COLUMNS> rows(float* memory, int t, int length, int strip, bool) const {
    if (strip % together == 0)
      fill_from_rows<FIXED_COLUMNS<COLUMNS>>(memory, COLUMNS, g, x, padded, t, 1, length + lines_more * g.out_width, column(strip), min_of(COLUMNS, g.inputs() - column(strip)), g.out_height + lines_more);
    return {memory + (size_t)(strip % together) * g.out_width * COLUMNS};
  }
  int store(float* out, const float* sum, int strip) const {
    const int width = min_of(COLUMNS, g.inputs() - column(strip));
    for (int j = 0; j < width; j++) out[column(strip) + j] = sum[j];
    return width;
  }
};

// The lines of the images with their padding, as they lie: a line of a position's taps is neighboring floats. A copy of a
// row of im2col would serve only as many rows of sums as there are outputs.
template <int VECTORS>
struct PaddedLines {
  struct Rows {
    const float* const* at;
    ptrdiff_t offset[VECTORS];
    const float* row(size_t i) const { return at[i]; }
    ptrdiff_t vector(int j) const { return offset[j]; }
  };
  static constexpr int POINTERS = 128 * sizeof(float*) / sizeof(float);
  const Geometry& g;
  const float* x;
  int width, parts, count, together = 1, pitch;  // floats of a line of taps, their vectors; floats between lines
  int64_t size;
  PaddedLines(const Geometry& g, const float* x) : g(g), x(x), width(g.kernel_width * g.channels), parts(ceil_div(width, LANES)),
      count(ceil_div(g.kernel_height * parts, VECTORS)), pitch(ceil_div(((g.out_width - 1) * g.stride + g.kernel_width) * g.channels, LANES) * LANES) {
    // and a vector that begins in the last line
    size = POINTERS + (int64_t)most_lines() * pitch + LANES;
  }
  int most_lines() const { return min_of(128, 127 / g.out_width + 2) * max_of(g.stride, g.kernel_height); }
  __attribute__((noinline)) void copy(float* memory, int t, int length) const {
    const float** at = (const float**)memory;
    float* line = memory + POINTERS;
    const int left = g.padding * g.channels, inside = min_of(g.width * g.channels, pitch - left);
    Position p = position_of(t, g.out_height, g.out_width);
    for (int i = 0, lines, next = -1; i < length; line += (size_t)lines * pitch) {
      // all lines of the block's positions in one image
      const int image = p.image, top = p.row * g.stride - g.padding;
      for (; i < length && p.image == image; i++, advance(p, g.out_height, g.out_width))
        at[i] = line + ((next = p.row) * g.stride - g.padding - top) * pitch + p.column * g.stride * g.channels;
      lines = next * g.stride - g.padding + g.kernel_height - top;
      for (int l = 0; l < lines; l++) {
        float* to = line + (size_t)l * pitch;
        const int h = top + l;
        if ((unsigned)h >= (unsigned)g.height || inside <= 0) {
          __builtin_memset(to, 0, sizeof(float) * pitch);
          continue;
        }
        __builtin_memset(to, 0, sizeof(float) * left);
        __builtin_memcpy(to + left, x + ((size_t)image * g.height + h) * g.width * g.channels, sizeof(float) * inside);
        __builtin_memset(to + left + inside, 0, sizeof(float) * (pitch - left - inside));
      }
    }
  }
  Rows rows(float* memory, int t, int length, int strip, bool first) const {
    if (first) copy(memory, t, length);
    Rows rows = {(const float* const*)memory, {}};
    for (int j = 0; j < VECTORS; j++) {
      const int vector = strip * VECTORS + j;
      if (vector < g.kernel_height * parts) rows.offset[j] = vector / parts * pitch + vector % parts * LANES;
    }
    return rows;
  }
  int store(float* out, const float* sum, int strip) const {
    int stored = 0;
    for (int j = 0; j < VECTORS; j++) {
      const int vector = strip * VECTORS + j, part = vector % parts * LANES;
      if (vector >= g.kernel_height * parts) break;
      const int here = min_of(LANES, width - part);
      for (int i = 0; i < here; i++) out[vector / parts * width + part + i] = sum[j * LANES + i];
      stored += here;
    }
    return stored;
  }
};

// The sum over T goes block by block, each for a band of strips: their sums, the block of the pack and the positions'
// part of x then stay in L2, and none of it is read from further away once a strip.
template <int V, int VECTORS, int AT_ONCE, class Operand>
static __attribute__((noinline)) void weight_grad_strips(float* partial, const Packed& pack, const Geometry& g, int splits, int wanted, const Operand& operand) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int positions = g.positions(), columns_all = g.inputs(), n = pack.n, m = pack.m, block = pack_block(m);
  const int blocks = ceil_div(positions, block), groups = row_groups(g.out, V);
  // As many chunks of rows as threads, where nothing is summed up afterwards: see weight_grad_of.
  const int apart = splits == 1 ? runtime->threads() : 1;
  const int chunks = max_of(ceil_div(groups * V, 2048), min_of(max_of(apart, ceil_div(wanted, operand.count)), ceil_div(groups * V, 64)));
  const int chunk = ceil_div(groups, chunks), units = operand.count / operand.together;
  const int most = max_of(1, WEIGHT_GRAD_SUMS / (chunk * V * COLUMNS * operand.together));
  const int bands = min_of(units, max_of(ceil_div(units, most), ceil_div(wanted, chunks)));
  parallel(splits * bands * chunks, [&](int task) {
    const int split = task / (bands * chunks), band = task % bands, first = task / bands % chunks * chunk, rows = min_of(groups, first + chunk) - first;
    const int strip_begin = (int)((int64_t)units * band / bands) * operand.together, strip_end = (int)((int64_t)units * (band + 1) / bands) * operand.together;
    const int begin = (int)((int64_t)blocks * split / splits) * block, end = min_of(positions, (int)((int64_t)blocks * (split + 1) / splits) * block);
    if (rows <= 0) return;
    const size_t strip_size = (size_t)rows * V * COLUMNS;
    float* memory = scratch<float>(SCRATCH_STRIP, operand.size + (strip_end - strip_begin) * strip_size);
    float* sums = memory + operand.size;
    for (int t = begin; t < end; t += block) {
      const int length = min_of(block, end - t), slots = length / m * n;
      const size_t at = slots_before(t, g.out, n, m, V) + (size_t)first * slots;
      for (int strip = strip_begin; strip < strip_end; strip++)
        sparse_tiles<V, VECTORS, AT_ONCE>(sums + (strip - strip_begin) * strip_size, pack.values + at * V, pack.index + at, slots, rows,
                                          operand.rows(memory, t, length, strip, strip == strip_begin), t > begin);
    }
    float* out = partial + (splits > 1 ? (size_t)split * g.out * columns_all : 0);
    for (int strip = strip_begin; strip < strip_end; strip++) {
      const float* sum = sums + (strip - strip_begin) * strip_size;
      int width = 0;
      for (int r = 0; r < min_of(rows * V, g.out - first * V); r++)
        width = operand.store(out + (size_t)(first * V + r) * columns_all, sum + (size_t)r * COLUMNS, strip);
      runtime->count_multiplies((int64_t)rows * V * ((end - begin) / m * n) * width);
    }
  });
}

// Lines as they lie serve better than copied panels, which are good where they are full and taps share them. v = 1 is limited
// by loads: it gains only where a copy serves few outputs.
static bool suit_lines(const Geometry& g, int v) {
  return VECTOR_BYTES > 16 && g.taps() > 1 && g.channels >= 8 && g.channels % 64 != 0 && (v > 1 || g.out <= 32) &&
         PaddedLines<1>(g, nullptr).size <= 64 * 1024;
}

static int sparse_splits(const Geometry& g, int v) {
  const int splits = weight_grad_splits(g.positions(), g.out, g.inputs());
  // bands of strips would each copy the lines: more parts of T instead, while their sums are small
  return suit_lines(g, v) && g.out * g.inputs() <= 64 * 1024 ? max_of(splits, min_of(g.positions() / 2048, 12)) : splits;
}

static __attribute__((noinline)) void weight_grad_sparse_of(float* dw, const Packed& pack, const float* x, const Geometry& g, int v, int splits) {
  const int m = pack.m;
  const int threads = runtime->threads(), wanted = threads == 1 ? 1 : ceil_div(3 * threads, splits);
  float* partial = splits > 1 ? scratch<float>(SCRATCH_PARTIAL, (size_t)splits * g.out * g.inputs()) : dw;
  const auto copied = [&](auto size) {
    constexpr int V = decltype(size)::V, VECTORS = decltype(size)::VECTORS, AT_ONCE = decltype(size)::AT_ONCE;
    weight_grad_strips<V, VECTORS, AT_ONCE>(partial, pack, g, splits, wanted, CopiedRows<VECTORS * LANES>(g, x, pack_block(m), wanted));
  };
#if VECTOR_BYTES > 16
  const auto padded = [&](auto size) {
    constexpr int V = decltype(size)::V, VECTORS = decltype(size)::VECTORS, AT_ONCE = decltype(size)::AT_ONCE;
    weight_grad_strips<V, VECTORS, AT_ONCE>(partial, pack, g, splits, wanted, PaddedLines<VECTORS>(g, x));
  };
  if (suit_lines(g, v)) {
    // a line of three taps of 16 channels is three vectors
    if (LANES < 16) with_vector(v, padded);
    else if (v == 1) padded(TileSize<1, 3, 4>{});
    else if (v == 2) padded(TileSize<2, 3, 2>{});
    else padded(TileSize<4, 3, 1>{});
  } else
#endif
    with_vector_and_columns(v, g.inputs(), copied);
  if (splits > 1) sum_splits(dw, partial, splits, g.out * g.inputs());
}

static void weight_grad_sparse(float* dw, const float* values, const uint8_t* index, const float* x, const int32_t* geometry, int n, int m, int v) {
  const Geometry g(geometry);
  weight_grad_sparse_of(dw, {values, index, n, m}, x, g, v, sparse_splits(g, v));
}

static void weight_grad_emulated(float* dw, const float* dy, const float* x, const int32_t* geometry, int m, int v) {
  const Geometry g(geometry);
  const int block = pack_block(m), positions = g.positions();
  weight_grad_of(dw, dy, x, g, nullptr, false, {sparse_splits(g, v), ceil_div(positions, block), block, positions, nullptr});
}

// dx = dy w has the form of dw = dy^T x: the outputs in the place of the positions, which are not cut.
static void input_grad_sparse_gradient(float* dx, const float* values, const uint8_t* index, const float* w, int t, int k, int out, int n, int m, int v) {
  const int32_t geometry[] = {out, 1, 1, k, 1, 1, 1, 0, 1, 1, t};
  weight_grad_sparse_of(dx, {values, index, n, m}, w, Geometry(geometry), v, 1);
}

// w [out, k] as a product with packed activations reads it: its columns are the rows of a panel, transposed on the way.
template <int COLUMNS>
struct TransposedRows {
  const float *w, *bias;
  int k, out, relu, count, together = 1, size;
  TransposedRows(const float* w, const float* bias, int k, int out, int relu) : w(w), bias(bias), k(k), out(out), relu(relu), count(ceil_div(out, COLUMNS)), size(128 * COLUMNS) {}
  int width(int strip) const { return min_of(COLUMNS, out - strip * COLUMNS); }
  Panel<COLUMNS> rows(float* memory, int first, int length, int strip, bool) const {
    const float* from[COLUMNS];
    for (int j = 0; j < width(strip); j++) from[j] = w + (size_t)(strip * COLUMNS + j) * k + first;
    transpose_rows<COLUMNS>(memory, from, width(strip), length);
    return {memory};
  }
  int store(float* y, const float* sum, int strip) const {
    const int column = strip * COLUMNS;
    by_lanes(width(strip), [&](int j, auto lanes) {
      typedef decltype(lanes) L;
      auto value = L::load(sum + j);
      if (bias) value = value + L::load(bias + column + j);
      L::store(y + column + j, relu ? rectified(value) : value);
    });
    return width(strip);
  }
};

// y = x w^T has the form of dw = dy^T x: the rows of x in the place of the outputs, its inputs in that of the positions.
static void forward_sparse_activations(float* y, const float* values, const uint8_t* index, const float* w, const float* bias,
                                       int t, int k, int out, int relu, int n, int m, int v) {
  if (t == 0) return;
  const int32_t geometry[] = {k, 1, 1, out, 1, 1, 1, 0, 1, 1, t};
  const Geometry g(geometry);
  const int threads = runtime->threads();
  const auto multiply = [&](auto size) {
    constexpr int V = decltype(size)::V, VECTORS = decltype(size)::VECTORS, AT_ONCE = decltype(size)::AT_ONCE;
    // not in parts along k: bias and ReLU come with the stores
    weight_grad_strips<V, VECTORS, AT_ONCE>(y, {values, index, n, m}, g, 1, threads == 1 ? 1 : 3 * threads,
                                            TransposedRows<VECTORS * LANES>(w, bias, k, out, relu));
  };
  // few outputs are rare: not worth their code in WASM
  if constexpr (LANES > 4) with_vector_and_columns(v, out, multiply);
  else with_vector(v, multiply);
}
