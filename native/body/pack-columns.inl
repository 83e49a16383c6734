// Packs of a transpose, made straight from the matrix as it lies: its columns become the pack's rows. The source holds k
// rows of `rows` neighboring floats. A lane is a row group: V neighboring columns, which share a choice, lie in V
// vectors. So nothing is transposed before the choice, and no lane repeats another's work. Layout of packs: pack.inl.
// Two choices: the largest, and a sample that is right on average (MVUE). Samples are taken along rows too: of tiles that
// are transposed first.

// Row kk of the source. A convolution's weights [O, taps, C] are taken as k = taps x O rows of C.
struct Columns {
  const float* source;
  // of source as [k / taps, taps * rows], or null: what is 0 there counts as zero
  const uint32_t* mask;
  int rows, k, taps;
  // of the rows, or null: row kk of what is packed is row order[kk], of the same block
  const int32_t* order = nullptr;
  // the source is [rows, k] instead, as the pack is
  bool upright = false;
  const float* row(int place) const {
    const int kk = order ? order[place] : place;
    const int out = k / taps;
    return source + (taps == 1 ? (size_t)kk : (size_t)(kk % out) * taps + kk / out) * rows;
  }
  // The mask's bits of row kk from `column` on, 64 of them; those beyond its columns may be anything.
  uint64_t bits(int place, int column) const {
    const int kk = order ? order[place] : place;
    const int out = k / taps, tap = taps == 1 ? 0 : kk / out, words = mask_words(taps * rows), at = tap * rows + column;
    const uint32_t* row = mask + (size_t)(kk - tap * out) * words;
    const int word = at / 32, shift = at & 31;
    uint64_t bits = row[word];
    if (word + 1 < words) bits |= (uint64_t)row[word + 1] << 32;
    bits >>= shift;
    if (shift && word + 2 < words) bits |= (uint64_t)row[word + 2] << (64 - shift);
    return bits;
  }
};

// ---- a task: a block of K by up to four units of LANES row groups, whole cache lines of the source ----
struct Strip {
  // units from `whole` on are read from a copy: the one that is not whole, or with a mask or of an upright source all
  int v, k0, length, valid, units, whole;
  const float* row[128];
  // 4 * LANES floats each: what the next strip reads
  const float* ahead[128];
  // where the pack of this strip begins
  float* to_values;
  uint8_t* to_index;
  alignas(64) float edge[128 * 4 * LANES];
  // what is kept: value[unit][slot * v + r][lane], place[unit][slot / 4][lane][slot % 4]
  alignas(64) float value[128 * 4 * LANES];
  alignas(64) uint8_t place[4 * 128 * LANES];

  __attribute__((noinline)) void open(const Columns& from, int begin, int block, int column, int v_) {
    v = v_;
    k0 = begin;
    length = min_of(block, from.k - k0);
    valid = min_of(4 * LANES, from.rows - column);
    const int unit = LANES * v;
    units = ceil_div(valid, unit);
    whole = valid / unit;
    if (from.upright) return transpose(from, column);
    const int next = column + 4 * LANES < from.rows ? 4 * LANES : block * from.rows - column;
    for (int i = 0; i < length; i++) {
      row[i] = from.row(k0 + i) + column;
      ahead[i] = row[i] + next;
    }
    if (from.mask) {
      const int whole_vectors = whole * unit;
      for (int i = 0; i < length; i++) {
        const uint64_t bits = from.bits(k0 + i, column);
        float* to = edge + i * unit;
        int c = 0;
        for (; c < whole_vectors; c += unit, to += 128 * unit)
          for (int l = 0; l < unit; l += LANES) store(to + l, (Vector)((IntVector)load(row[i] + c + l) & lanes_of((uint32_t)(bits >> (c + l)))));
        if (whole < units)
          for (int l = 0; l < unit; l++) to[l] = c + l < valid && bits >> (c + l) & 1 ? row[i][c + l] : 0;
      }
    } else if (whole < units) {
      // few rows are all edge, so it is copied in vectors
      for (int i = 0; i < length; i++)
        for (int l = 0; l < unit; l += LANES) {
          const int left = valid - whole * unit - l;
          const float* from_row = row[i] + whole * unit + l;
          float* to = edge + i * unit + l;
          if (left >= LANES || left <= 0) store(to, left > 0 ? load(from_row) : Vector{});
          else for (int c = 0; c < LANES; c++) to[c] = c < left ? from_row[c] : 0;
        }
    }
    if (from.mask) whole = 0;
  }
  // All units, LANES rows at a time; rows that do not exist are zeros.
  __attribute__((noinline)) void transpose(const Columns& from, int first) {
    whole = 0;
    for (int i = 0; i < length; i++) {
      const int at = i * 4 * LANES;
      ahead[i] = from.source + (size_t)(first + 4 * LANES + at / 128) * from.k + k0 + at % 128;
    }
    const int unit = LANES * v;
    for (int r = 0; r < units * unit; r += LANES) {
      const float* rows[LANES];
      for (int j = 0; j < LANES; j++) rows[j] = r + j < valid ? from.source + (size_t)(first + r + j) * from.k + k0 : zeros;
      float* to = edge + r / unit * unit * 128 + r % unit;
      int i = 0;
      for (; i + LANES <= length; i += LANES) {
        transpose_block(to + i * unit, unit, rows);
        for (int j = 0; j < LANES; j++) rows[j] += r + j < valid ? LANES : 0;
      }
      for (int rest = 0; i < length; i++, rest++)
        for (int j = 0; j < LANES; j++) to[i * unit + j] = rows[j][rest];
    }
  }
  // From places in the order to places in the block.
  __attribute__((noinline)) void reorder(const int32_t* order) {
    uint8_t at[128];
    for (int i = 0; i < length; i++) at[i] = (uint8_t)(order[k0 + i] - k0);
    for (int unit = 0; unit < units; unit++) {
      uint8_t* p = places(unit, 0);
      for (int i = 0; i < length * LANES; i++) p[i] = at[p[i] & 127];
    }
  }
  __attribute__((noinline)) void emit(int slots);
  const float* source(int unit, int i) const { return unit < whole ? row[i] + unit * LANES * v : edge + ((unit - whole) * 128 + i) * LANES * v; }
  // Asks for the entries of the next strip that lie where these do. All at once they would keep this one waiting, and
  // rows lie too far apart for the processor to foresee.
  __attribute__((always_inline)) void prefetch(int unit, int i, int v) const {
    for (int c = 0; c < LANES * v; c += 16) __builtin_prefetch(ahead[i] + unit * LANES * v + c);
  }
  float* values(int unit, int slot) { return value + (unit * 128 + slot) * v * LANES; }
  uint8_t* places(int unit, int slot) { return place + (unit * 128 + slot / 4 * 4) * LANES; }
};

// out[lane][word] = words[word][lane] for lane < lanes, COUNT words at a time from `done` on; returns how many are written.
template <int COUNT>
static inline int transpose_words(uint8_t* out, size_t stride, int lanes, const float* words, int count, int done) {
  for (; done + COUNT <= count; done += COUNT) {
    Vector r[LANES] = {};
UNROLLED
    for (int i = 0; i < COUNT; i++) r[i] = load(words + (done + i) * LANES);
    transpose_round<1>(r);
UNROLLED
    for (int i = 0; i < LANES; i++) {
      if (i == lanes) break;
      __builtin_memcpy(out + i * stride + done * 4, &r[i], COUNT * 4);
    }
  }
  return done;
}
static __attribute__((noinline)) int transpose_words(uint8_t* out, size_t stride, int lanes, const float* words, int count) {
  int done = transpose_words<LANES>(out, stride, lanes, words, count, 0);
  if constexpr (LANES > 4) done = transpose_words<LANES / 2>(out, stride, lanes, words, count, done);
  if constexpr (LANES > 4) done = transpose_words<LANES / 4>(out, stride, lanes, words, count, done);
  return done;
}

// Writes what a unit keeps of a block: `slots` vectors and indices a row group. Columns from `valid` on do not exist.
static inline void emit_unit(float* values, uint8_t* index, const float* value, const uint8_t* place, int slots, int v, int valid) {
  const int width = slots * v, groups = min_of(LANES, ceil_div(valid, v));
  // the last group's columns that do not exist must come out as zeros, also beside a NaN
  const bool whole = valid >= LANES * v || valid % v == 0;
  const int values_done = whole ? transpose_words((uint8_t*)values, sizeof(float) * width, groups, value, width) : 0;
  const int index_done = whole ? 4 * transpose_words(index, slots, groups, (const float*)place, slots / 4) : 0;
  if (values_done == width && index_done == slots) return;
  for (int lane = 0; lane < groups; lane++) {
    for (int i = values_done; i < width; i++) values[lane * width + i] = lane * v + i % v < valid ? value[i * LANES + lane] : 0;
    for (int slot = index_done; slot < slots; slot++) index[lane * slots + slot] = place[(slot / 4 * LANES + lane) * 4 + slot % 4];
  }
}

void Strip::emit(int slots) {
  for (int unit = 0; unit < units; unit++) {
    const size_t at = (size_t)unit * LANES * slots;
    emit_unit(to_values + at * v, to_index + at, values(unit, 0), places(unit, 0), slots, v, valid - unit * LANES * v);
  }
}

// choose(strip, first row group) fills the strip's values and places.
template <class Choose>
static inline void by_strips(float* values, uint8_t* index, const Columns& from, int n, int m, int v, const Choose& choose) {
  const int block = pack_block(m), strips = ceil_div(from.rows, 4 * LANES);
  parallel(strips * ceil_div(from.k, block), [&](int task) {
    Strip strip;
    const int row_group = task % strips * 4 * LANES / v;
    strip.open(from, task / strips * block, block, row_group * v, v);
    const int slots = strip.length / m * n;
    const size_t at = slots_before(strip.k0, from.rows, n, m, v) + (size_t)row_group * slots;
    strip.to_values = values + at * v;
    strip.to_index = index + at;
    choose(strip, row_group);
    if (from.order) strip.reorder(from.order);
    strip.emit(slots);
  });
}

// n, m and v constant.
template <bool SAMPLED, int V, int M, int N>
static void choose_columns(Strip& strip, int row_group, Draws draws) {
  // as many groups at once as fill a word of places
  constexpr int GROUPS = 4 / N;
  IntVector base = {};
  for (int b = 0; b < GROUPS; b++)
    for (int s = 0; s < N; s++) base |= (b * M + s) << 8 * (b * N + s);
  const float* to_values = strip.to_values;
  const uint8_t* to_index = strip.to_index;
  for (int i = 0; i < strip.length; i += GROUPS * M) {
    for (int unit = 0; unit < strip.units; unit++) {
      // lines of the pack that `emit` is going to write: a store to a line that is not in cache reads it first
      for (int l = 0; l < GROUPS * N * V; l++) __builtin_prefetch(to_values + l * LANES, 1);
      __builtin_prefetch(to_index, 1);
      to_values += GROUPS * N * V * LANES;
      to_index += GROUPS * N * LANES;
      IntVector word = base + i * 0x01010101;
      float* out = strip.value + (unit * 128 + i / M * N) * V * LANES;
UNROLLED
      for (int b = 0; b < GROUPS; b++) {
        const int begin = i + b * M;
        if (begin >= strip.length) break;
        Vector a[M][V], size[M], tau = {};
        IntVector score[M];
        Flags past[N][M - N];
UNROLLED
        for (int j = 0; j < M; j++) {
          strip.prefetch(unit, begin + j, V);
          load_groups<V>(a[j], unit < strip.whole ? strip.row[begin + j] + unit * V * LANES : strip.edge + ((unit - strip.whole) * 128 + begin + j) * V * LANES);
          if (SAMPLED) size[j] = size_of(a[j], V);
          else score[j] = score_of(a[j], V);
        }
        if constexpr (SAMPLED) {
          const Vector u = draws.draw(unit, row_group + unit * LANES, (strip.k0 + begin) / M);
          if constexpr (N == 1) tau = sample_one<M>(past[0], size, u);
          else if constexpr (N == 2) tau = sample_two<M>(past, size, u, M);
        } else {
          choose_largest<M, N>(past, score);
        }
UNROLLED
        for (int s = 0; s < N; s++) {
          Vector kept[V], kept_size = SAMPLED ? size[s] : Vector{};
          for (int r = 0; r < V; r++) kept[r] = a[s][r];
UNROLLED
          for (int k = 0; k < M - N; k++) {
            word = plus(word, past[s][k], 1 << 8 * (b * N + s));
            for (int r = 0; r < V; r++) kept[r] = pick(past[s][k], a[s + k + 1][r], kept[r]);
            if (SAMPLED) kept_size = pick(past[s][k], size[s + k + 1], kept_size);
          }
          if (SAMPLED) resize(kept, V, kept_size, tau);
          for (int r = 0; r < V; r++) store(out + ((b * N + s) * V + r) * LANES, kept[r]);
        }
      }
      store((float*)(strip.place + (unit * 128 + i / M * N) * LANES), (Vector)word);
    }
  }
}

enum Rule { LARGEST, SAMPLE, APPROXIMATE };

// The same for any n, any m up to 16 and any v; APPROXIMATE: of 2:4 alone.
template <Rule RULE>
static void choose_any_columns(Strip& strip, int row_group, Draws draws, int n, int m) {
  Draws second(draws.seed, draws.layer, draws.step, 2);
  const int v = strip.v;
  for (int unit = 0; unit < strip.units; unit++)
    for (int i = 0, slot = 0; i < strip.length; i += m) {
      Vector a[16][4], size[16], tau = {};
      IntVector score[16], kept[16];
      for (int j = 0; j < m; j++) {
        const float* p = strip.source(unit, i + j);
        strip.prefetch(unit, i + j, v);
        if (v == 1) load_groups<1>(a[j], p);
        else if (v == 2) load_groups<2>(a[j], p);
        else load_groups<4>(a[j], p);
        if (RULE == LARGEST) score[j] = score_of(a[j], v);
        else size[j] = size_of(a[j], v);
      }
      const int lane = row_group + unit * LANES, group = (strip.k0 + i) / m;
      if (RULE == LARGEST) choose_largest_any(kept, score, n, m);
      else if (RULE == SAMPLE) tau = choose_sample_any(kept, size, draws.draw(unit, lane, group), n, m);
      else choose_approximately(kept, size, draws.draw(unit, lane, group), second.draw(unit, lane, group));
      for (int s = 0; s < n; s++, slot++) {
        // the first that is kept and not written
        IntVector at = {}, searching = IntVector{} - 1;
        Vector x[4] = {}, x_size = {};
        for (int j = s; j < m; j++) {
          const IntVector here = searching & kept[j];
          searching &= ~here;
          kept[j] &= ~here;
          at |= here & (i + j);
          for (int r = 0; r < v; r++) x[r] = (Vector)((IntVector)x[r] | (here & (IntVector)a[j][r]));
          if (RULE != LARGEST) x_size = (Vector)((IntVector)x_size | (here & (IntVector)size[j]));
        }
        if (RULE == SAMPLE) resize(x, v, x_size, tau);
        if (RULE == APPROXIMATE) resize(x, v, Vector{}, x_size);
        for (int r = 0; r < v; r++) store(strip.values(unit, slot) + r * LANES, x[r]);
        for (int lane = 0; lane < LANES; lane++) strip.places(unit, slot)[lane * 4 + slot % 4] = (uint8_t)at[lane];
      }
    }
}

// Calls body with V, M and N as constants if it is a usual pattern; false if it is not. For WASM two: each is 2 KiB of it.
template <class Body>
static bool with_group(int v, int n, int m, const Body& body) {
  const auto of = [&](auto vector) {
    if (n == 2 && m == 4) return body(vector, Integer<4>{}, Integer<2>{});
#if VECTOR_BYTES > 16
    if (n == 1 && m == 2) return body(vector, Integer<2>{}, Integer<1>{});
    if (n == 1 && m == 4) return body(vector, Integer<4>{}, Integer<1>{});
    if (n == 2 && m == 8) return body(vector, Integer<8>{}, Integer<2>{});
    if (n == 4 && m == 8) return body(vector, Integer<8>{}, Integer<4>{});
#endif
    return false;
  };
#if VECTOR_BYTES > 16
  if (v == 4) return of(Integer<4>{});
#endif
  return v == 1 ? of(Integer<1>{}) : v == 2 && of(Integer<2>{});
}

template <Rule RULE>
static inline void pack_transpose(float* values, uint8_t* index, const Columns& from, int n, int m, int v, const Draws& seeded) {
  const bool usual = with_group(v, n, m, [&](auto vector, auto group, auto kept) {
    constexpr int V = decltype(vector)::value, M = decltype(group)::value, N = decltype(kept)::value;
    if constexpr (RULE == SAMPLE && N > 2) return false;
    else by_strips(values, index, from, N, M, V, [&](Strip& strip, int row_group) { choose_columns<RULE == SAMPLE, V, M, N>(strip, row_group, seeded); });
    return true;
  });
  if (!usual) by_strips(values, index, from, n, m, v, [&](Strip& strip, int row_group) { choose_any_columns<RULE>(strip, row_group, seeded, n, m); });
}

// A dense copy of what strips have packed, rows of k.
static void unpack_rows(float* dense, const float* values, const uint8_t* index, int rows, int k, int n, int m, int v) {
  const int block = pack_block(m), groups = row_groups(rows, v);
  parallel_chunks(groups, max_of(1, 16384 / max_of(1, k * v)), [&](int from, int to) {
    for (int row = from * v; row < min_of(rows, to * v); row++) {
      float* out = dense + (size_t)row * k;
      for (int i = 0; i < k; i++) out[i] = 0;
      for (int k0 = 0; k0 < k; k0 += block) {
        const int slots = min_of(block, k - k0) / m * n;
        const size_t at = slots_before(k0, rows, n, m, v) + (size_t)(row / v) * slots;
        for (int slot = 0; slot < slots; slot++) out[k0 + index[at + slot]] = values[(at + slot) * v + row % v];
      }
    }
  });
}

// The slots of each row group and block by rising place: the order in which products add.
static __attribute__((noinline)) void sort_slots(float* values, uint8_t* index, int rows, int k, int n, int m, int v) {
  const int block = pack_block(m), groups = row_groups(rows, v);
  parallel(ceil_div(k, block), [&](int task) {
    const int begin = task * block, length = min_of(block, k - begin), slots = length / m * n;
    size_t at = slots_before(begin, rows, n, m, v);
    for (int group = 0; group < groups; group++, at += slots) {
      uint8_t slot_of[128];
      bool kept[128] = {};
      float moved[128 * 4];
      for (int slot = 0; slot < slots; slot++) {
        slot_of[index[at + slot]] = (uint8_t)slot;
        kept[index[at + slot]] = true;
      }
      __builtin_memcpy(moved, values + at * v, sizeof(float) * slots * v);
      for (int place = 0, slot = 0; place < length; place++) {
        if (!kept[place]) continue;
        for (int r = 0; r < v; r++) values[(at + slot) * v + r] = moved[slot_of[place] * v + r];
        index[at + slot++] = (uint8_t)place;
      }
    }
  });
}

static void prune_columns(float* values, uint8_t* index, const float* w, const uint32_t* mask, const int32_t* order, int rows, int k, int taps, int n, int m, int v) {
  pack_transpose<LARGEST>(values, index, {w, mask, rows, k, taps, order}, n, m, v, Draws(0, 0, 0, 0));
  if (order) sort_slots(values, index, rows, k, n, m, v);
}

static void sample_columns(float* values, uint8_t* index, const float* g, int rows, int k, int n, int m, int v, int seed, int layer, int step) {
  pack_transpose<SAMPLE>(values, index, {g, nullptr, rows, k, 1}, n, m, v, Draws(seed, layer, step, 0));
}

static void sample_rows(float* values, uint8_t* index, float* masked, const float* g, int rows, int k, int n, int m, int v, int seed, int layer, int step) {
  pack_transpose<SAMPLE>(values, index, {g, nullptr, rows, k, 1, nullptr, true}, n, m, v, Draws(seed, layer, step, 1));
  if (masked) unpack_rows(masked, values, index, rows, k, n, m, v);
}

static void sample_columns_approximately(float* values, uint8_t* index, const float* g, int rows, int k, int seed, int layer, int step) {
  const Draws draws(seed, layer, step, 0);
  by_strips(values, index, {g, nullptr, rows, k, 1}, 2, 4, 1, [&](Strip& strip, int row_group) { choose_any_columns<APPROXIMATE>(strip, row_group, draws, 2, 4); });
}

// The matrix that lies under the pack of a transpose, with zeros.
static void unpack_columns(float* out, const float* values, const uint8_t* index, int rows, int k, int taps, int n, int m, int v) {
  const int block = pack_block(m), outputs = k / taps, groups = row_groups(rows, v);
  const auto row_of = [=](int kk) { return out + ((size_t)(kk % outputs) * taps + kk / outputs) * rows; };
  parallel(ceil_div(k, block), [&](int task) {
    const int begin = task * block, length = min_of(block, k - begin), slots = length / m * n;
    for (int i = 0; i < length; i++) __builtin_memset(row_of(begin + i), 0, sizeof(float) * rows);
    size_t at = slots_before(begin, rows, n, m, v);
    for (int group = 0; group < groups; group++)
      for (int slot = 0; slot < slots; slot++, at++) {
        float* to = row_of(begin + index[at]) + (size_t)group * v;
        for (int r = 0; r < min_of(v, rows - group * v); r++) to[r] = values[at * v + r];
      }
  });
}
