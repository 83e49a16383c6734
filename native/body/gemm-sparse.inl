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
    sparse_tiles<V, VECTORS, AT_ONCE>(strip, pack.values + at * V, pack.index + at, slots, groups, panel, k > 0);
  }
  const int first = first_group * V;
  emit(strip, first, min_of(groups * V, rows - first), column, columns);
  runtime->count_multiplies((int64_t)groups * V * (k_count / pack.m * pack.n) * columns);
}

// All strips of a product, in bands of at most `band` neighbours, in parallel over bands and, where strips are few, over
// row groups. fill_for(column, columns) prepares what the strips of a band share, and gives its fill.
template <int V, int VECTORS, int AT_ONCE, class FillFor, class Emit>
static void all_strips(const Packed& pack, int rows, int k_count, int columns, int band, const FillFor& fill_for, const Emit& emit) {
  constexpr int COLUMNS = VECTORS * LANES;
  const int strip_count = ceil_div(columns, COLUMNS), groups = row_groups(rows, V), threads = runtime->threads();
  const int wanted = threads == 1 ? 1 : ceil_div(3 * threads, strip_count);
  // 2048 rows of a strip are half a MiB: the sums stay in L2.
  const int chunks = max_of(ceil_div(groups * V, 2048), min_of(wanted, ceil_div(groups * V, 64)));
  if (threads > 1) band = max_of(1, min_of(band, strip_count / (3 * threads)));
  const int width = band * COLUMNS;
  parallel(ceil_div(columns, width) * chunks, [&](int task) {
    const int begin = task / chunks * width, end = min_of(columns, begin + width), chunk = task % chunks;
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

// Images as the positions of a product's output see them: the tap (kh, kw) of position (row, column) reads the pixel
// (row * step + kh - lead_row, column * step + kw - lead_column), divided by `spacing`. A place outside of the image, or
// between its pixels where spacing is more than 1, is zero. An input gradient counts taps from the last.
struct Images {
  const float* pixels;
  int batch, height, width, channels;
  int rows, columns, kernel_height, kernel_width, step, spacing, lead_row, lead_column;
  bool backwards;
  int positions() const { return batch * rows * columns; }
  int inputs() const { return kernel_height * kernel_width * channels; }
  // The place of a source line or column that may be none.
  int pixel(int at, int count) const { return at >= 0 && at % spacing == 0 && at / spacing < count ? at / spacing : -1; }
};

// All pixels that a range of positions reads, a plane for each channel. Transposed once here, each tap's rows of a panel
// are shifted copies of them. In a plane, columns whose kw differs by a multiple of the step are neighbours, and so are
// lines: [row][line phase][column phase][column], so that a position's neighbour is the next float for every step.
struct Planes {
  const Images& images;
  int line_phases, column_phases, phase, pitch;  // floats between phases of columns, and between rows
  int rows;                                      // of an image, with those beyond the last position's
  Position first;
  float* plane;
  size_t size;  // floats between planes

  explicit Planes(const Images& i)
      : images(i), line_phases(min_of(i.step, i.kernel_height)), column_phases(min_of(i.step, i.kernel_width)),
        phase(i.columns + (i.kernel_width - 1) / i.step), pitch(line_phases * column_phases * phase),
        rows(i.rows + (i.kernel_height - 1) / i.step) {}

  int row_of(const Position& p) const { return (p.image - first.image) * rows + p.row - first.row; }
  int slot_of(const Position& p) const { return row_of(p) * pitch + p.column; }
  int tap_slot(int tap) const {
    if (images.backwards) tap = images.kernel_height * images.kernel_width - 1 - tap;
    const int kh = tap / images.kernel_width, kw = tap % images.kernel_width;
    return kh / images.step * pitch + (kh % images.step * column_phases + kw % images.step) * phase + kw / images.step;
  }

  // Strips of `columns` positions in a band, so that its planes are about a third of a MiB and cut few images.
  int band(int columns) const {
    const int image = images.rows * images.columns, budget = 88 * 1024 / images.channels;
    int most = max_of(1, (budget / pitch - (rows - images.rows)) * images.columns / columns);
    const int strips = image / columns;
    if (strips > most) most = ceil_div(strips, ceil_div(strips, most));
    else if (strips > 0 && image % columns == 0) most -= most % strips;
    return most;
  }

  __attribute__((noinline)) void transpose(int begin, int count) {
    first = position_of(begin, images.rows, images.columns);
    const int lines = row_of(position_of(begin + count - 1, images.rows, images.columns)) + 1 + rows - images.rows;
    const int slots = lines * pitch;
    // room for a load that begins at the last slot; an odd number of vectors, or planes would share cache sets
    size = (size_t)(ceil_div(slots + LANES, 16) | 1) * 16;
    plane = scratch<float>(SCRATCH_ROWS, size * images.channels);
    // beyond them LANES more, to be asked for ahead of time
    const int whole = ceil_div(slots, LANES) * LANES;
    const float** at = scratch<const float*>(SCRATCH_POINTERS, (size_t)whole + LANES);
    int slot = 0;
    for (int line = first.row; line < first.row + lines; line++)
      for (int i = 0; i < line_phases; i++) {
        const int h = images.pixel(line % rows * images.step + i - images.lead_row, images.height);
        const float* row = images.pixels + ((size_t)(first.image + line / rows) * images.height + h) * images.width * images.channels;
        for (int j = 0; j < column_phases; j++)
          for (int column = 0; column < phase; column++) {
            const int w = h < 0 ? -1 : images.pixel(column * images.step + j - images.lead_column, images.width);
            at[slot++] = w < 0 ? zeros : row + (size_t)w * images.channels;
          }
      }
    while (slot < whole + LANES) at[slot++] = zeros;
    for (slot = 0; slot < whole; slot += LANES) {
      const float* from[LANES];
      int c = 0;
      for (; c + LANES <= images.channels; c += LANES) {
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
          from[i] = at[slot + i] == zeros ? zeros : at[slot + i] + c;
          __builtin_prefetch(at[slot + LANES + i] + c);
        }
        transpose_block(plane + c * size + slot, size, from);
      }
      for (; c < images.channels; c++)
        for (int i = 0; i < LANES; i++) plane[c * size + slot + i] = at[slot + i] == zeros ? 0 : at[slot + i][c];
    }
  }
};

// What a strip copies for each row of its panel: `width` floats from slot `from` of a plane to column `to`. Where lines
// are no multiple of it, the part of a copy beyond its line is garbage that the next one overwrites, in the last column
// too: rows come in order.
struct Pieces {
  int width, count = 0;
  int from[64], to[64];
  Pieces(const Planes& planes, int column, int columns, int panel_columns) {
    const Images& images = planes.images;
    width = LANES;
    if (LANES > 8 && images.columns == LANES / 4) width = LANES / 4;
    if (LANES > 4 && images.columns == LANES / 2) width = LANES / 2;
    Position p = position_of(column, images.rows, images.columns);
    for (int j = 0; j < columns;) {
      from[count] = planes.slot_of(p);
      to[count++] = j;
      const int length = min_of(width, images.columns - p.column);
      j += length;
      p.column += length - 1;
      advance(p, images.rows, images.columns);
    }
    // columns beyond the last position hold anything
    if (images.columns % width == 0)
      for (; count < panel_columns / width; count++) from[count] = 0, to[count] = count * width;
    else width = 0;
  }
};

template <int COLUMNS, int WIDTH>
static inline float* copy_pieces(float* panel, const float* plane, size_t size, int run, const Pieces& pieces) {
  constexpr int COUNT = COLUMNS / WIDTH;
  // copies in registers: to a compiler what is stored may change `pieces`
  const float* from[COUNT];
#pragma GCC unroll 16
  for (int j = 0; j < COUNT; j++) from[j] = plane + pieces.from[j];
  for (size_t i = 0; i < run * size; i += size, panel += COLUMNS)
#pragma GCC unroll 16
    for (int j = 0; j < COUNT; j++) __builtin_memcpy(panel + j * WIDTH, from[j] + i, sizeof(float) * WIDTH);
  return panel;
}

// panel[k][j]: k runs over taps x channels of positions column + j
template <int FIXED>
static __attribute__((noinline)) void fill_from_planes(float* panel, int panel_columns, const Planes& planes, int k, int length, int column, int columns) {
  const Pieces pieces(planes, column, columns, panel_columns);
  const int channels = planes.images.channels;
  const size_t size = planes.size;
  for (const int end = k + length; k < end;) {
    const int tap = k / channels, channel = k % channels, run = min_of(end - k, channels - channel);
    const float* plane = planes.plane + channel * size + planes.tap_slot(tap);
    k += run;
    if constexpr (FIXED) {
      if (pieces.width == LANES) { panel = copy_pieces<FIXED, LANES>(panel, plane, size, run, pieces); continue; }
      if (pieces.width == LANES / 2) { panel = copy_pieces<FIXED, LANES / 2>(panel, plane, size, run, pieces); continue; }
      if (LANES > 8 && pieces.width == LANES / 4) { panel = copy_pieces<FIXED, LANES / 4>(panel, plane, size, run, pieces); continue; }
    }
    for (int i = 0; i < run; i++, panel += panel_columns, plane += size)
      for (int j = 0; j < pieces.count; j++) store(panel + pieces.to[j], load(plane + pieces.from[j]));
  }
}

// y = epilogue(pack x taps of the images), both channels-last
static __attribute__((noinline)) void images_by_pack(float* y, const Images& images, const Packed& pack, int v, int rows, const float* bias, bool relu, bool is_matrix) {
  const auto emit_for = [&](auto columns_of_panel) {
    constexpr int COLUMNS = decltype(columns_of_panel)::value;
    return [=](const float* strip, int first, int count, int column, int columns) {
      float* out[COLUMNS];
      for (int j = 0; j < columns; j++) out[j] = y + (size_t)(column + j) * rows;
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
        if (k + length == images.inputs())
          for (int i = 0; i < columns * rows; i += 16) __builtin_prefetch(y + (size_t)column * rows + i, 1);
      };
    }, emit_for(Integer<COLUMNS>{}));
  });
}

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
  if (g.is_matrix() || g.out > (PaddedImages::suit(g) ? LANES : FEW_OUTPUTS)) return false;
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, 1, g.padding, g.padding, false};
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
                         1, 1, g.kernel_height - 1 - g.padding, g.kernel_width - 1 - g.padding, true};
  images_by_weight(dx, images, transposed, g.channels, nullptr, false);
  return true;
}

static void forward_sparse(float* y, const float* x, const float* values, const uint8_t* index, const float* bias,
                           const int32_t* geometry, int relu, int n, int m, int v) {
  const Geometry g(geometry);
  const Images images = {x, g.batch, g.height, g.width, g.channels, g.out_height, g.out_width,
                         g.kernel_height, g.kernel_width, g.stride, 1, g.padding, g.padding, false};
  images_by_pack(y, images, {values, index, n, m}, v, g.out, bias, relu, g.is_matrix());
}

static void input_grad_sparse(float* dx, const float* dy, const float* values, const uint8_t* index, const int32_t* geometry, int n, int m, int v) {
  const Geometry g(geometry);
  const Images images = {dy, g.batch, g.out_height, g.out_width, g.out, g.height, g.width, g.kernel_height, g.kernel_width,
                         1, g.stride, g.kernel_height - 1 - g.padding, g.kernel_width - 1 - g.padding, true};
  images_by_pack(dx, images, {values, index, n, m}, v, g.channels, nullptr, false, g.is_matrix());
}

// The order in which a weight gradient takes the strips of its columns. Taps one above the other read the same rows,
// a line apart: where strips lie within a tap, and blocks of T are whole lines of one image, one panel with a few lines
// more serves a column of taps. Not where that would leave fewer than `least` tasks.
struct Strips {
  int count, together, lines_more;  // strips with a panel in common are neighbours
  int kernel_width, width, per_tap;
  Strips(const Geometry& g, int block, int columns, int least) : count(ceil_div(g.inputs(), columns)), together(1), lines_more(0),
      kernel_width(g.kernel_width), width(columns), per_tap(g.channels / columns) {
    if (g.stride > 1 || g.channels % columns || block % g.out_width || g.out_height * g.out_width % block || (g.kernel_height - 1) * g.out_width > 64) return;
    if (count / g.kernel_height < least) return;
    together = g.kernel_height;
    lines_more = g.kernel_height - 1;
  }
  int line(int strip) const { return strip % together; }
  int column(int strip) const {
    const int top = strip / together;
    return together == 1 ? strip * width : ((line(strip) * kernel_width + top / per_tap) * per_tap + top % per_tap) * width;
  }
};

// The sum over T goes block by block, each for a band of strips: their sums, the block of the pack and the positions'
// part of x then stay in L2, and none of it is read from further away once a strip.
static void weight_grad_sparse(float* dw, const float* values, const uint8_t* index, const float* x, const int32_t* geometry, int n, int m, int v) {
  const Geometry g(geometry);
  const int positions = g.positions(), columns_all = g.inputs(), block = pack_block(m), threads = runtime->threads();
  const int splits = weight_grad_splits(positions, g.out, columns_all);
  float* partial = splits > 1 ? scratch<float>(SCRATCH_PARTIAL, (size_t)splits * g.out * columns_all) : dw;
  const PaddedImages padded(g, x);
  const auto multiply = [&](auto size) {
    constexpr int V = decltype(size)::V, VECTORS = decltype(size)::VECTORS, AT_ONCE = decltype(size)::AT_ONCE, COLUMNS = VECTORS * LANES;
    const int wanted = threads == 1 ? 1 : ceil_div(3 * threads, splits);
    const Strips strips(g, block, COLUMNS, wanted);
    const int blocks = ceil_div(positions, block), groups = row_groups(g.out, V), panel_rows = 128 + strips.lines_more * g.out_width;
    const int chunks = max_of(ceil_div(groups * V, 2048), min_of(ceil_div(wanted, strips.count), ceil_div(groups * V, 64)));
    const int chunk = ceil_div(groups, chunks), units = strips.count / strips.together;
    const int most = max_of(1, WEIGHT_GRAD_SUMS / (chunk * V * COLUMNS * strips.together));
    const int bands = min_of(units, max_of(ceil_div(units, most), wanted));
    parallel(splits * bands * chunks, [&](int task) {
      const int split = task / (bands * chunks), band = task / chunks % bands, first = task % chunks * chunk, rows = min_of(groups, first + chunk) - first;
      const int strip_begin = (int)((int64_t)units * band / bands) * strips.together, strip_end = (int)((int64_t)units * (band + 1) / bands) * strips.together;
      const int begin = (int)((int64_t)blocks * split / splits) * block, end = min_of(positions, (int)((int64_t)blocks * (split + 1) / splits) * block);
      if (rows <= 0) return;
      const size_t strip_size = (size_t)rows * V * COLUMNS;
      float* panel = scratch<float>(SCRATCH_STRIP, (size_t)panel_rows * COLUMNS + (strip_end - strip_begin) * strip_size + LANES);
      float* sums = panel + (size_t)panel_rows * COLUMNS + LANES;
      for (int t = begin; t < end; t += block) {
        const int length = min_of(block, end - t), slots = length / m * n;
        const size_t at = slots_before(t, g.out, n, m, V) + (size_t)first * slots;
        for (int strip = strip_begin; strip < strip_end; strip++) {
          const int column = strips.column(strip);
          if (strips.line(strip) == 0)
            fill_from_rows<FIXED_COLUMNS<COLUMNS>>(panel, COLUMNS, g, x, padded, t, 1, length + strips.lines_more * g.out_width, column, min_of(COLUMNS, columns_all - column), g.out_height + strips.lines_more);
          sparse_tiles<V, VECTORS, AT_ONCE>(sums + (strip - strip_begin) * strip_size, values + at * V, index + at, slots, rows,
                                            panel + (size_t)strips.line(strip) * g.out_width * COLUMNS, t > begin);
        }
      }
      float* out = partial + (splits > 1 ? (size_t)split * g.out * columns_all : 0);
      for (int strip = strip_begin; strip < strip_end; strip++) {
        const int column = strips.column(strip), width = min_of(COLUMNS, columns_all - column);
        const float* sum = sums + (strip - strip_begin) * strip_size;
        for (int r = 0; r < min_of(rows * V, g.out - first * V); r++)
          for (int j = 0; j < width; j++) out[(size_t)(first * V + r) * columns_all + column + j] = sum[(size_t)r * COLUMNS + j];
        runtime->count_multiplies((int64_t)rows * V * ((end - begin) / m * n) * width);
      }
    });
  };
  // few columns: images of few channels
  if constexpr (LANES > 4) with_vector_and_columns(v, columns_all, multiply);
  else with_vector(v, multiply);
  if (splits > 1) sum_splits(dw, partial, splits, g.out * columns_all);
}
