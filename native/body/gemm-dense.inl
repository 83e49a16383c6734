// Dense GEMM of the three products. One tile: up to 6 rows, read through pointers, times a packed panel of columns.
//   forward      rows: output positions of X (runs of channels, gathered per kernel tap), panel: W transposed
//   input_grad   rows: positions of G gathered per tap, panel: W as it stands; one pass per stride phase
//   weight_grad  rows: columns of G, packed; panel: rows of im2col(X), copied
// Set by the including file: DENSE_ROWS x DENSE_VECTORS accumulators must fit the register file with their operands.
constexpr int DENSE_COLUMNS = DENSE_VECTORS * LANES;
// K of one panel block. Each begins by reading C again, so the longer the better: with 64 columns, 256 KiB and 384 KiB of
// rows beside it still stay in an L2 of 1 MiB.
constexpr int DENSE_BLOCK = LANES > 8 ? 1024 : 256;
constexpr int ROW_CHUNK = 16 * DENSE_ROWS;
// The same for a weight gradient, which keeps GRAD_BLOCK x GRAD_ROWS packed floats there.
constexpr int GRAD_BLOCK = LANES > 8 ? 512 : 256, GRAD_ROWS = LANES > 8 ? 512 : 1024;
// Tasks that a product is better cut in: with few of them the last one to finish leaves the other threads waiting.
static inline int tasks_wanted(int per_thread) { return runtime->threads() == 1 ? 1 : per_thread * runtime->threads(); }

struct Epilogue { const float* bias; bool relu; };

template <int VECTORS>
static inline void store_columns(float* c, const Vector* v, int columns) {
#pragma GCC unroll 8
  for (int j = 0; j < VECTORS; j++) {
    if ((j + 1) * LANES <= columns) store(c + j * LANES, v[j]);
    else if (j * LANES < columns) store_some(c + j * LANES, v[j], columns - j * LANES);
  }
}

// c[m][0..columns) (+)= sum over runs, k of a[run * DENSE_ROWS + m][k * step] * panel[(run * length + k) * panel_step + .]
template <int ROWS, int VECTORS>
static void dense_tile(float* const* c, int columns, const float* const* a, int runs, int length, int step,
                       const float* panel, int panel_step, bool accumulate, const Epilogue* epilogue) {
  const bool whole = columns >= VECTORS * LANES;
  // The sum goes on from what lies there: one chain over all of K, as in the sparse kernels, which skip terms of it. Sums of
  // blocks, added up, would have other last bits.
  Vector sum[ROWS][VECTORS];
#pragma GCC unroll 8
  for (int m = 0; m < ROWS; m++)
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; j++) {
      if (!accumulate) sum[m][j] = Vector{};
      else if (whole) sum[m][j] = load(c[m] + j * LANES);
      else sum[m][j] = j * LANES < columns ? load_some(c[m] + j * LANES, min_of(LANES, columns - j * LANES)) : Vector{};
    }
  for (int run = 0; run < runs; run++) {
    const float* row[ROWS];
#pragma GCC unroll 8
    for (int m = 0; m < ROWS; m++) row[m] = a[run * DENSE_ROWS + m];
    ptrdiff_t at = 0;
    for (int k = 0; k < length; k++, at += step, panel += panel_step) {
      Vector b[VECTORS];
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; j++) b[j] = load(panel + j * LANES);
#pragma GCC unroll 8
      for (int m = 0; m < ROWS; m++) {
        const Vector x = broadcast(row[m][at]);
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) sum[m][j] = multiply_add(sum[m][j], x, b[j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < ROWS; m++) {
    if (epilogue) {
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; j++) {
        if (epilogue->bias) {
          if (whole) sum[m][j] += load(epilogue->bias + j * LANES);
          else if (j * LANES < columns) sum[m][j] += load_some(epilogue->bias + j * LANES, min_of(LANES, columns - j * LANES));
        }
        if (epilogue->relu) sum[m][j] = rectified(sum[m][j]);
      }
    }
    store_columns<VECTORS>(c[m], sum[m], columns);
  }
}

template <int ROWS>
static inline void dense_tile_of_width(float* const* c, int columns, const float* const* a, int runs, int length, int step,
                                       const float* panel, int panel_step, bool accumulate, const Epilogue* epilogue) {
  switch (min_of(DENSE_VECTORS, ceil_div(columns, LANES))) {
    case 1: return dense_tile<ROWS, 1>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
#if DENSE_VECTORS >= 2
    case 2: return dense_tile<ROWS, 2>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
#endif
#if DENSE_VECTORS >= 3
    case 3: return dense_tile<ROWS, 3>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
#endif
#if DENSE_VECTORS >= 4
    case 4: return dense_tile<ROWS, 4>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
#endif
  }
}

static void dense_tile_of(int rows, float* const* c, int columns, const float* const* a, int runs, int length, int step,
                          const float* panel, int panel_step, bool accumulate, const Epilogue* epilogue) {
  switch (rows) {
    case 1: return dense_tile_of_width<1>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
    case 2: return dense_tile_of_width<2>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
    case 3: return dense_tile_of_width<3>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
    case 4: return dense_tile_of_width<4>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
#if DENSE_ROWS >= 6
    case 5: return dense_tile_of_width<5>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
    case 6: return dense_tile_of_width<6>(c, columns, a, runs, length, step, panel, panel_step, accumulate, epilogue);
#endif
  }
}

// K of a product whose rows come in runs, cut in blocks: whole runs where they are short, parts of one where long.
struct Blocks {
  int run, runs;  // floats in a run, runs in all
  int runs_per_block() const { return max_of(1, DENSE_BLOCK / run); }
  int parts_per_run() const { return ceil_div(run, DENSE_BLOCK); }
  int count() const { return run > DENSE_BLOCK ? runs * parts_per_run() : ceil_div(runs, runs_per_block()); }
};
struct Block { int first_run, runs, offset, length, k; };
static inline Block block_at(const Blocks& blocks, int index) {
  if (blocks.run > DENSE_BLOCK) {
    const int run = index / blocks.parts_per_run(), offset = index % blocks.parts_per_run() * DENSE_BLOCK;
    return {run, 1, offset, min_of(DENSE_BLOCK, blocks.run - offset), run * blocks.run + offset};
  }
  const int first = index * blocks.runs_per_block();
  return {first, min_of(blocks.runs_per_block(), blocks.runs - first), 0, blocks.run, first * blocks.run};
}

// The rows of C: positions in images of rows x columns of them.
struct Grid { int count, rows, columns; };

// C = rows x panels. run_of(position, run): pointer to a run of a row; output_of(row, position): its place in C.
// pack_panel(panel, column, columns): writes the panel [K][DENSE_COLUMNS], zero beyond `columns`.
template <class RunOf, class OutputOf, class PackPanel>
static void rows_by_panels(const Grid& grid, int columns, Blocks blocks, const float* bias, bool relu, const RunOf& run_of,
                           const OutputOf& output_of, const PackPanel& pack_panel) {
  const int rows = grid.count;
  if (rows == 0 || columns == 0) return;
  const int k_count = blocks.run * blocks.runs, panels = ceil_div(columns, DENSE_COLUMNS);
  const size_t panel_size = (size_t)k_count * DENSE_COLUMNS;
  const auto pack = [&](float* packed, int panel) {
    const int column = panel * DENSE_COLUMNS;
    pack_panel(packed, column, min_of(DENSE_COLUMNS, columns - column));
  };
  const int chunks = ceil_div(rows, ROW_CHUNK);
  // Where rows are few a panel has one task, which packs it into its own cache and waits for no other's packing.
  const bool apart = chunks == 1;
  float* all_packed = apart ? nullptr : scratch<float>(SCRATCH_PANELS, panels * panel_size);
  if (!apart) parallel(panels, [&](int panel) { pack(all_packed + panel * panel_size, panel); });
  // Each group reads the rows again: single panels only where there would not be two tasks for a thread.
  const int groups = max_of(min_of(panels, ceil_div(tasks_wanted(2), chunks)), min_of(panels / 2, apart ? panels : ceil_div(tasks_wanted(8), chunks)));
  const int last = blocks.count() - 1;
  parallel(chunks * groups, [&](int task) {
    const int first = task / groups * ROW_CHUNK, count = min_of(ROW_CHUNK, rows - first);
    const int panel_begin = (int64_t)panels * (task % groups) / groups, panel_end = (int64_t)panels * (task % groups + 1) / groups;
    const float* packed = all_packed + (apart ? 0 : panel_begin * panel_size);
    if (apart) {
      float* own = scratch<float>(SCRATCH_PANELS, (panel_end - panel_begin) * panel_size);
      for (int panel = panel_begin; panel < panel_end; panel++) pack(own + (panel - panel_begin) * panel_size, panel);
      packed = own;
    }
    // the pointers of one block of K: [tile of rows][run][DENSE_ROWS]
    const float** pointers = scratch<const float*>(SCRATCH_POINTERS, (size_t)ROW_CHUNK * max_of(blocks.runs_per_block(), 1));
    // once, not in every panel and run: the divisions cost up to a sixth of a product
    Position positions[ROW_CHUNK];
    float* outputs[ROW_CHUNK];
    positions[0] = position_of(first, grid.rows, grid.columns);
    for (int r = 0; r < count; r++) {
      if (r > 0) advance(positions[r] = positions[r - 1], grid.rows, grid.columns);
      outputs[r] = output_of(first + r, positions[r]);
    }
    for (int b = 0; b <= last; b++) {
      const Block block = block_at(blocks, b);
      for (int r = 0; r < count; r++) {
        const float** pointer = pointers + (size_t)(r / DENSE_ROWS) * block.runs * DENSE_ROWS + r % DENSE_ROWS;
        for (int run = 0; run < block.runs; run++, pointer += DENSE_ROWS) {
          const float* p = run_of(positions[r], block.first_run + run);
          *pointer = p == zeros ? p : p + block.offset;
        }
      }
      for (int panel = panel_begin; panel < panel_end; panel++) {
        const int column = panel * DENSE_COLUMNS;
        const Epilogue epilogue = {bias ? bias + column : nullptr, relu};
        const float* packed_block = packed + (panel - panel_begin) * panel_size + (size_t)block.k * DENSE_COLUMNS;
        for (int r = 0; r < count; r += DENSE_ROWS) {
          const int tile_rows = min_of(DENSE_ROWS, count - r);
          float* c[DENSE_ROWS];
          for (int m = 0; m < tile_rows; m++) c[m] = outputs[r + m] + column;
          dense_tile_of(tile_rows, c, min_of(DENSE_COLUMNS, columns - column), pointers + (size_t)r * block.runs, block.runs,
                        block.length, 1, packed_block, DENSE_COLUMNS, b > 0, b == last && (bias || relu) ? &epilogue : nullptr);
        }
      }
    }
    runtime->count_multiplies((int64_t)count * k_count * (min_of(columns, panel_end * DENSE_COLUMNS) - panel_begin * DENSE_COLUMNS));
  });
}

// panel[k][j] = w[(column + j) * k_count + k]
static void pack_transposed(float* panel, const float* w, int k_count, int column, int columns) {
  for (int j = 0; j < DENSE_COLUMNS; j += LANES) {
    const float* rows[LANES];
    const int valid = min_of(LANES, columns - j);
    for (int i = 0; i < LANES; i++) rows[i] = w + (size_t)(column + j + (i < valid ? i : 0)) * k_count;
    int k = 0;
    if (valid == LANES)
      for (; k + LANES <= k_count; k += LANES) {
        transpose_block(panel + (size_t)k * DENSE_COLUMNS + j, DENSE_COLUMNS, rows);
        for (int i = 0; i < LANES; i++) rows[i] += LANES;
      }
    for (; k < k_count; k++)
      for (int i = 0; i < LANES; i++)
        panel[(size_t)k * DENSE_COLUMNS + j + i] = i < valid ? w[(size_t)(column + j + i) * k_count + k] : 0;
  }
}

// In gemm-by-positions.inl; false where they do not apply.
constexpr int FEW_OUTPUTS = LANES > 8 ? 48 : 24;
static bool forward_by_positions(float* y, const float* x, const float* w, const float* bias, const Geometry& g, bool relu);
static bool input_grad_by_positions(float* dx, const float* dy, const float* w, const Geometry& g);

// One chain over K for each entry of y.
static __attribute__((noinline)) void forward_in_order(float* y, const float* x, const float* w, const float* bias, const Geometry& g, int relu) {
  if (forward_by_positions(y, x, w, bias, g, relu)) return;
  const int k_count = g.inputs();
  const auto output = [&](int row, const Position&) { return y + (size_t)row * g.out; };
  const auto pack = [&](float* panel, int column, int columns) { pack_transposed(panel, w, k_count, column, columns); };
  const Grid grid = {g.positions(), g.out_height, g.out_width};
  if (g.is_matrix()) {
    rows_by_panels({g.positions(), 1, 1}, g.out, {k_count, 1}, bias, relu, [&](const Position& p, int) { return x + (size_t)p.image * k_count; }, output, pack);
  } else if (PaddedImages::suit(g)) {
    // Runs of a few floats cost more than they carry: a run is a line of the kernel instead.
    const PaddedImages padded(g, x);
    rows_by_panels(grid, g.out, {g.kernel_width * g.channels, g.kernel_height}, bias, relu, [&](const Position& p, int kh) {
      return padded.at(g, p) + (size_t)kh * padded.line;
    }, output, pack);
  } else {
    rows_by_panels(grid, g.out, {g.channels, g.taps()}, bias, relu, [&](const Position& p, int tap) {
      return run_at(g, x, p, tap / g.kernel_width, tap % g.kernel_width);
    }, output, pack);
  }
}

static void forward(float* y, const float* x, const float* w, const float* bias, const int32_t* geometry, int relu) {
  const Geometry g(geometry);
  if (g.is_matrix() && is_small(g.positions(), g.inputs(), g.out)) return forward_small(y, x, w, bias, g.positions(), g.inputs(), g.out, relu);
  forward_in_order(y, x, w, bias, g, relu);
}

static void forward_emulated(float* y, const float* x, const float* w, const float* bias, const int32_t* geometry, int relu) {
  forward_in_order(y, x, w, bias, Geometry(geometry), relu);
}

// Input positions fall into stride x stride phases; each sees only the taps that hit it, so no multiply meets a hole.
static void input_grad(float* dx, const float* dy, const float* w, const int32_t* geometry) {
  const Geometry g(geometry);
  if (input_grad_by_positions(dx, dy, w, g)) return;
  const int taps = g.taps();
  int* kernel_row = scratch<int>(SCRATCH_ROWS, 2 * (size_t)taps);
  int* kernel_column = kernel_row + taps;
  for (int phase_row = 0; phase_row < g.stride; phase_row++)
    for (int phase_column = 0; phase_column < g.stride; phase_column++) {
      int hits = 0;
      for (int tap = 0; tap < taps; tap++) {
        const int kh = tap / g.kernel_width, kw = tap % g.kernel_width;
        if ((phase_row + g.padding - kh) % g.stride || (phase_column + g.padding - kw) % g.stride) continue;
        kernel_row[hits] = kh;
        kernel_column[hits++] = kw;
      }
      const int rows = ceil_div(g.height - phase_row, g.stride), columns = ceil_div(g.width - phase_column, g.stride);
      if (rows <= 0 || columns <= 0) continue;
      const auto output = [&](int, const Position& p) {
        return dx + (((size_t)p.image * g.height + p.row * g.stride + phase_row) * g.width + p.column * g.stride + phase_column) * g.channels;
      };
      if (hits == 0) {
        for (int index = 0; index < g.batch * rows * columns; index++) __builtin_memset(output(index, position_of(index, rows, columns)), 0, sizeof(float) * g.channels);
        continue;
      }
      rows_by_panels({g.batch * rows * columns, rows, columns}, g.channels, {g.out, hits}, nullptr, false, [&](const Position& p, int hit) -> const float* {
        const int h = (p.row * g.stride + phase_row + g.padding - kernel_row[hit]) / g.stride;
        const int v = (p.column * g.stride + phase_column + g.padding - kernel_column[hit]) / g.stride;
        const bool before = p.row * g.stride + phase_row + g.padding < kernel_row[hit] || p.column * g.stride + phase_column + g.padding < kernel_column[hit];
        if (before || h >= g.out_height || v >= g.out_width) return zeros;
        return dy + (((size_t)p.image * g.out_height + h) * g.out_width + v) * g.out;
      }, output, [&](float* panel, int column, int count) {
        for (int hit = 0; hit < hits; hit++)
          for (int o = 0; o < g.out; o++) {
            const float* source = w + ((size_t)o * taps + kernel_row[hit] * g.kernel_width + kernel_column[hit]) * g.channels + column;
            float* row = panel + ((size_t)hit * g.out + o) * DENSE_COLUMNS;
            for (int j = 0; j < count; j++) row[j] = source[j];
            for (int j = count; j < DENSE_COLUMNS; j++) row[j] = 0;
          }
      });
    }
}

// How often the sum over T is cut: fixed by the shape alone, so that the order of additions is.
static int weight_grad_splits(int positions, int rows, int columns) {
  const int tiles = ceil_div(rows, 64) * ceil_div(columns, 64);
  return max_of(1, min_of(positions / 2048, ceil_div(16, tiles)));
}

static void sum_splits(float* out, const float* partial, int splits, int count) {
  parallel_chunks(count, 16384, [&](int from, int to) {
    for (int i = from; i < to; i++) {
      float sum = partial[i];
      for (int s = 1; s < splits; s++) sum += partial[(size_t)s * count + i];
      out[i] = sum;
    }
  });
}

#ifdef __wasm__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

// With few channels the rows are the entries of im2col, read where they lie, and the panel is dy as it stands: nothing is
// packed. Blocks of lines, so that a block of dy stays in L1.
static void weight_grad_of_images(float* dw, const float* dy, const float* x, const Geometry& g) {
  const PaddedImages padded(g, x);
  const int rows = g.inputs(), columns = g.out, lines = g.batch * g.out_height;
  const int splits = min_of(lines, weight_grad_splits(g.positions(), columns, rows));
  const int block = max_of(1, DENSE_BLOCK / 2 / g.out_width);
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)splits * rows * columns);
  parallel(splits, [&](int split) {
    const int begin = (int64_t)lines * split / splits, end = (int64_t)lines * (split + 1) / splits;
    const float** a = scratch<const float*>(SCRATCH_POINTERS, (size_t)block * DENSE_ROWS);
    for (int line = begin; line < end; line += block) {
      const int runs = min_of(block, end - line);
      for (int r = 0; r < rows; r += DENSE_ROWS) {
        const int tile_rows = min_of(DENSE_ROWS, rows - r);
        for (int m = 0; m < tile_rows; m++) {
          const int tap = (r + m) / g.channels;
          const size_t entry = (size_t)(tap / g.kernel_width) * padded.line + tap % g.kernel_width * g.channels + (r + m) % g.channels;
          for (int run = 0; run < runs; run++)
            a[run * DENSE_ROWS + m] = padded.at(g, {(line + run) / g.out_height, (line + run) % g.out_height, 0}) + entry;
        }
        for (int column = 0; column < columns; column += DENSE_COLUMNS) {
          float* c[DENSE_ROWS];
          for (int m = 0; m < tile_rows; m++) c[m] = partial + ((size_t)split * rows + r + m) * columns + column;
          dense_tile_of(tile_rows, c, min_of(DENSE_COLUMNS, columns - column), a, runs, g.out_width, g.stride * g.channels,
                        dy + (size_t)line * g.out_width * columns + column, columns, line > begin, nullptr);
        }
      }
    }
    runtime->count_multiplies((int64_t)(end - begin) * g.out_width * rows * columns);
  });
  for (int r = 0; r < rows; r++)
    for (int o = 0; o < columns; o++) {
      float sum = partial[(size_t)r * columns + o];
      for (int s = 1; s < splits; s++) sum += partial[((size_t)s * rows + r) * columns + o];
      dw[(size_t)o * rows + r] = sum;
    }
}

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));

// A fixed mask: which positions count, whatever their values.
// Kinds 0 to 4 keep one of each pair (2q, 2q + 1) of a line of positions. A line is a row of an image; positions that are not
// of images are one line. The last of an odd line has no pair and stands for itself.
// Kinds 5 to 8 number the columns of im2col channel by channel, f = channel * taps + tap, and keep positions t by classes: those
// of f mod classes. In each of them 4 of 8 neighboring positions are kept, the bits of one byte.
struct FixedMask {
  int kind;
  float restore, scale;
  int width, rows, pairs;  // of a line, of an image, of a line
  int positions, image, classes = 1;  // of a batch, of an image; see PanelColumns
  __attribute__((noinline)) FixedMask(const Geometry& g, int kind, float restore, float scale) : kind(kind), restore(restore), scale(scale), positions(g.positions()), image(g.out_height * g.out_width) {
    const bool images = image > 1;
    width = images ? g.out_width : max_of(g.batch, 1);
    rows = images ? g.out_height : 1;
    pairs = ceil_div(width, 2);
    if (kind >= 7) classes = 2;
    // as many as f * positions has rests by 8
    if (kind == 5) classes = positions & 1 ? 8 : positions & 2 ? 4 : positions & 4 ? 2 : 1;
  }
  bool by_class() const { return kind >= 5; }
  // Bit t mod 8: whether position t counts for a class. Quads keep 1 and 3, then 0 and 2, of the entries f * positions + t.
  int bits(int of) const {
    const int shift = kind == 5 ? (of * positions) & 7 : kind == 6 ? 0 : of + kind - 7;
    return (kind == 5 ? 0x5a5a : 0xaaaa) >> shift & 255;
  }
  // The number of positions before t, or before the end of all, that count for a class.
  __attribute__((noinline)) int kept_before(int of, int t) const {
    if (!by_class()) return positions / width * pairs;
    return t / 8 * 4 + __builtin_popcount(bits(of) & ((1 << t % 8) - 1));
  }
  // For each of the places first, first + 1, ... of a class: which position is kept, and which other gradient is added, or -1.
  // By classes that is the one before in the same image, before its first the last.
  __attribute__((noinline)) void list(int* kept, int* other, int first, int count, int of) const {
    if (by_class()) {
      const int keeps = bits(of);
      int t = first / 4 * 8, place = t % image, skip = first % 4;
      for (int i = 0; i < count; t++) {
        if (keeps >> t % 8 & 1 && skip-- <= 0) {
          kept[i] = t;
          other[i++] = place > 0 ? t - 1 : t + image - 1;
        }
        if (++place == image) place = 0;
      }
      return;
    }
    int line = first / pairs, q = first % pairs;
    for (int i = 0; i < count; i++) {
      const int even = line * width + 2 * q;
      const bool alone = 2 * q + 1 == width;
      const int odd = alone ? 0 : kind < 2 ? kind : kind < 4 ? (line % rows + kind) & 1 : (q / 2 + 1) & 1;
      kept[i] = even + odd;
      other[i] = alone ? -1 : even + 1 - odd;
      if (++q == pairs) q = 0, line++;
    }
  }
  // The position at which a unit of a cut begins: eight positions, or a pair.
  int begin_of(int64_t unit) const {
    return by_class() ? min_of(positions, (int)unit * 8) : (int)(unit / pairs) * width + 2 * (int)(unit % pairs);
  }
  // Packs `count` rows of the gradient, what x at the dropped ones stood for among them: here it costs little, a pass over
  // dw or dy would be a tenth of a small product. A function of its own: in its caller the sums of the tile would spill.
  __attribute__((noinline)) void pack(float* packed, const float* dy, int rows, int columns, const int* kept, const int* dropped, int count) const {
    for (int i = 0; i < count; i++, packed += DENSE_ROWS) {
      const bool alone = dropped[i] < 0;
      const float* own = dy + (size_t)kept[i] * rows;
      const float* other = alone || restore == 0 ? zeros : dy + (size_t)dropped[i] * rows;
      const float a = alone ? 1 : scale, b = a * restore;
      if (columns == DENSE_ROWS) {
        constexpr int LAST = DENSE_ROWS - 4;
        const Four head = *(const Four*)own * a + *(const Four*)other * b;
        const Four tail = *(const Four*)(own + LAST) * a + *(const Four*)(other + LAST) * b;
        *(Four*)packed = head;
        *(Four*)(packed + LAST) = tail;
      } else {
        for (int m = 0; m < columns; m++) packed[m] = own[m] * a + other[m] * b;
      }
    }
  }
  // The same of one position, whether it is kept or not.
  __attribute__((noinline)) void pack_or_zero(float* packed, const float* dy, int rows, int columns, int t, int of) const {
    int kept, dropped;
    list(&kept, &dropped, by_class() ? kept_before(of, t) : t / width * pairs + t % width / 2, 1, of);
    if (kept == t) pack(packed, dy, rows, columns, &kept, &dropped, 1);
    else
      for (int m = 0; m < columns; m++) packed[m] = 0;
  }
};

// dw = the sums by classes, at their places in a weight
static __attribute__((noinline)) void put_columns(float* dw, const float* sums, const int* places, int rows, int columns) {
  for (int r = 0; r < rows; r++, dw += columns, sums += columns)
    for (int j = 0; j < columns; j++) dw[places[j]] = sums[j];
}

// Where the sum over t is cut: `units` of `unit` positions in shares that are nearly equal, up to `end`; under a mask of
// `unit` that it keeps, or where it is emulated of the positions that hold so many.
struct Cut {
  int splits;
  int64_t units;
  int unit, end;
  const FixedMask* emulated;
  int at(int split) const {
    const int64_t unit_at = units * split / splits;
    return emulated ? emulated->begin_of(unit_at) : min_of(end, (int)unit_at * unit);
  }
};

// mask: or null, then all positions. Below, t counts those that are kept. emulated: all positions count under the mask too, as
// zeros where it drops them.
static __attribute__((noinline)) void weight_grad_of(float* dw, const float* dy, const float* x, const Geometry& g, const FixedMask* fixed, bool emulated, const Cut& cut) {
  const int splits = cut.splits, classes = fixed ? fixed->classes : 1;
  const int rows = g.out, columns = g.inputs();
  const FixedMask* mask = emulated ? nullptr : fixed;
  float* partial = splits > 1 || classes > 1 ? scratch<float>(SCRATCH_PARTIAL, (size_t)splits * rows * columns) : dw;
  const PaddedImages padded(g, x, classes);
  const int one[] = {0, columns};
  const int* begins = classes > 1 ? padded.columns.begins : one;
  const auto panels_of = [&](int of) { return ceil_div(begins[of + 1] - begins[of], DENSE_COLUMNS); };
  int panels = 0;
  for (int of = 0; of < classes; of++) panels += panels_of(of);
  // A task packs its rows of G for all of its panels, and fills a panel for all of its rows: few of either is much overhead.
  // As many chunks of rows as threads: the optimizer's tasks then find the rows that their thread has written.
  const int wanted = ceil_div(tasks_wanted(2), splits);
  const int row_chunks_least = max_of(ceil_div(rows, GRAD_ROWS), splits == 1 ? min_of(runtime->threads(), rows / 128) : 1);
  const int groups_wide = max_of(1, min_of(panels / 4, ceil_div(wanted, row_chunks_least)));
  const int row_chunks = max_of(row_chunks_least, min_of(ceil_div(rows, 128), ceil_div(wanted, groups_wide)));
  const int chunk = ceil_div(ceil_div(rows, row_chunks), DENSE_ROWS) * DENSE_ROWS;
  const int chunks = ceil_div(rows, chunk);
  const int groups = max_of(groups_wide, min_of(ceil_div(panels, 2), ceil_div(wanted, chunks)));
  parallel(splits * chunks * groups, [&](int task) {
    const int split = task / (chunks * groups), first = task / groups % chunks * chunk, group = task % groups;
    const int count = min_of(chunk, rows - first);
    float* out = partial + (partial == dw ? 0 : (size_t)split * rows * columns);
    float* packed = scratch<float>(SCRATCH_ROWS, (size_t)(chunk + DENSE_ROWS) * GRAD_BLOCK);
    float* panel = scratch<float>(SCRATCH_STRIP, (size_t)GRAD_BLOCK * DENSE_COLUMNS + LANES);
    int kept[GRAD_BLOCK], dropped[GRAD_BLOCK], run_begin[GRAD_BLOCK + 1];
    // the group's panels, those of one class after those of another
    int panel_begin = panels * group / groups, panel_end = panels * (group + 1) / groups;
    for (int of = 0; of < classes; panel_begin -= panels_of(of), panel_end -= panels_of(of), of++) {
      const int class_end = begins[of + 1];
      const int from_column = begins[of] + max_of(0, panel_begin) * DENSE_COLUMNS;
      const int to_column = min_of(class_end, begins[of] + panel_end * DENSE_COLUMNS);
      if (from_column >= to_column) continue;
      Cut own = cut;
      if (mask) own.end = mask->kept_before(of, mask->positions);
      const int begin = own.at(split), end = own.at(split + 1);
      if (begin == end)
        for (int r = 0; r < count; r++) __builtin_memset(out + (size_t)(first + r) * columns + from_column, 0, sizeof(float) * (to_column - from_column));
      for (int t = begin; t < end; t += GRAD_BLOCK) {
        const int length = min_of(GRAD_BLOCK, end - t);
        if (mask) mask->list(kept, dropped, t, length, of);
        else kept[0] = t;
        // packed: [tile of rows][t][DENSE_ROWS]. A few t of all tiles, then the next few: a column of many t has a line of
        // each, and lines a power of two apart would put each other out of the cache before the next tile reads them.
        for (int from = 0; from < length; from += 8)
          for (int r = 0; r < count; r += DENSE_ROWS) {
            const float* source = dy + first + r;
            float* out_row = packed + (size_t)r * length;
            const int tile_rows = min_of(DENSE_ROWS, count - r), to = min_of(length, from + 8);
            if (emulated) {
              for (int k = from; k < to; k++) fixed->pack_or_zero(out_row + k * DENSE_ROWS, source, rows, tile_rows, t + k, of);
              continue;
            }
            if (!mask) {
              if (tile_rows == DENSE_ROWS)
                for (int k = from; k < to; k++) __builtin_memcpy(out_row + k * DENSE_ROWS, source + (size_t)(t + k) * rows, sizeof(float) * DENSE_ROWS);
              else
                for (int k = from; k < to; k++)
                  for (int m = 0; m < tile_rows; m++) out_row[k * DENSE_ROWS + m] = source[(size_t)(t + k) * rows + m];
              continue;
            }
            mask->pack(out_row + from * DENSE_ROWS, source, rows, tile_rows, kept + from, dropped + from, to - from);
          }
        // positions that are equally far apart are copied together
        int runs = 0;
        for (int k = 0; k < length; runs++) {
          run_begin[runs] = k;
          if (!mask) k = length;
          else for (const int step = k + 1 < length ? kept[k + 1] - kept[k] : 0; ++k < length && kept[k] - kept[k - 1] == step;);
        }
        run_begin[runs] = length;
        for (int column = from_column; column < to_column; column += DENSE_COLUMNS) {
          const int width = min_of(DENSE_COLUMNS, to_column - column);
          for (int run = 0; run < runs; run++) {
            const int begin = run_begin[run], length = run_begin[run + 1] - begin;
            fill_from_rows<FIXED_COLUMNS<DENSE_COLUMNS>>(panel + begin * DENSE_COLUMNS, DENSE_COLUMNS, g, x, padded, kept[begin], mask && length > 1 ? kept[begin + 1] - kept[begin] : 1, length, column, width, g.out_height);
          }
          for (int r = 0; r < count; r += DENSE_ROWS) {
            const int tile_rows = min_of(DENSE_ROWS, count - r);
            const float* a[DENSE_ROWS];
            float* c[DENSE_ROWS];
            for (int m = 0; m < tile_rows; m++) {
              a[m] = packed + (size_t)r * length + m;
              c[m] = out + (size_t)(first + r + m) * columns + column;
            }
            dense_tile_of(tile_rows, c, width, a, 1, length, DENSE_ROWS, panel, DENSE_COLUMNS, t > begin, nullptr);
          }
        }
      }
      runtime->count_multiplies((int64_t)count * (end - begin) * (to_column - from_column));
    }
  });
  if (splits > 1) sum_splits(classes > 1 ? partial : dw, partial, splits, rows * columns);
  if (classes > 1) put_columns(dw, partial, padded.columns.numbers, rows, columns);
}

#ifdef __wasm__
#pragma clang attribute pop
#endif

static void weight_grad(float* dw, const float* dy, const float* x, const int32_t* geometry) {
  const Geometry g(geometry);
  if (PaddedImages::suit(g) && g.out % LANES == 0 && g.positions() > 0) return weight_grad_of_images(dw, dy, x, g);
  const int positions = g.positions();
  weight_grad_of(dw, dy, x, g, nullptr, false, {weight_grad_splits(positions, g.out, g.inputs()), positions, 1, positions, nullptr});
}

static __attribute__((noinline)) void weight_grad_under(const FixedMask& fixed, float* dw, const float* dy, const float* x, const Geometry& g, bool emulated) {
  const int pairs = g.positions() / fixed.width * fixed.pairs, splits = weight_grad_splits(pairs, g.out, g.inputs());
  const int units = fixed.by_class() ? ceil_div(g.positions(), 8) : pairs;
  weight_grad_of(dw, dy, x, g, &fixed, emulated, {splits, units, fixed.by_class() ? 4 : 1, pairs, emulated ? &fixed : nullptr});
}

static void weight_grad_alternate(float* dw, const float* dy, const float* x, const int32_t* geometry, int mask, float restore, float scale) {
  const Geometry g(geometry);
  weight_grad_under(FixedMask(g, mask, restore, scale), dw, dy, x, g, false);
}

static void weight_grad_alternate_emulated(float* dw, const float* dy, const float* x, const int32_t* geometry, int mask, float restore, float scale) {
  const Geometry g(geometry);
  weight_grad_under(FixedMask(g, mask, restore, scale), dw, dy, x, g, true);
}
