// Packs of a transpose, made straight from the matrix as it lies: its columns become the pack's rows. The source holds k
// rows of `rows` neighbouring floats; LANES columns are treated at once, one a lane, so nothing is transposed before the
// choice. Layout of packs: pack.inl. Two choices: the largest, and a sample that is right on average (MVUE).

// Row kk of the source. A convolution's weights [O, taps, C] are taken as k = taps x O rows of C.
struct Columns {
  const float* source;
  int rows, k, taps;
  const float* row(int kk) const {
    const int out = k / taps;
    return source + (taps == 1 ? (size_t)kk : (size_t)(kk % out) * taps + kk / out) * rows;
  }
};

// What was chosen from m entries in each lane: n places in rising order, and the values kept there.
struct Chosen { IntVector place[16]; Vector value[16]; };

// From one flag (0 or -1) and one value an entry, the first n that are flagged, in each lane. Exactly n must be.
static inline __attribute__((always_inline)) void gather_kept(Chosen& chosen, const IntVector* kept, const Vector* value, int n, int m) {
  for (int slot = 0; slot < n; slot++) chosen.place[slot] = IntVector{}, chosen.value[slot] = Vector{};
  IntVector before = {};
  for (int j = 0; j < m; j++) {
    for (int slot = 0; slot < n; slot++) {
      const IntVector here = kept[j] & (before == slot);
      chosen.place[slot] |= here & j;
      chosen.value[slot] = (Vector)((IntVector)chosen.value[slot] | (here & (IntVector)value[j]));
    }
    before -= kept[j];
  }
}

// Lane i of the group of V lanes that a lane belongs to.
template <int V, int I, int... J>
static inline Vector lane_of_group(Vector a, Indices<J...>) { return __builtin_shufflevector(a, a, ((J / V) * V + I)...); }

// In every lane the sum over its group of V lanes, added in order: the same bits in all of them.
template <int V, int I = 1>
static inline Vector sum_over_group(Vector a, Vector sum) {
  if constexpr (V == 1) return a;
  else if constexpr (I == V) return sum;
  else return sum_over_group<V, I + 1>(a, sum + lane_of_group<V, I>(a, typename Count<LANES>::type{}));
}
template <int V>
static inline Vector group_sum(Vector a) {
  if constexpr (V == 1) return a;
  else return sum_over_group<V>(a, lane_of_group<V, 0>(a, typename Count<LANES>::type{}));
}

static inline Vector magnitude(Vector a) { return (Vector)((IntVector)a & 0x7fffffff); }

// The n largest |a| of m in each lane; ties keep the lower index, NaN is above infinity.
template <int V, int M>
static inline __attribute__((always_inline)) void choose_largest(Chosen& chosen, const Vector* a, int n, int m) {
  IntVector score[M], kept[M];
  for (int j = 0; j < m; j++) {
    const IntVector bits = (IntVector)magnitude(group_sum<V>(magnitude(a[j])));
    score[j] = bits > 0x7f800000 ? IntVector{} + 0x7f800001 : bits;
  }
  for (int j = 0; j < m; j++) {
    IntVector larger = {};
    for (int i = 0; i < m; i++)
      if (i != j) larger -= i < j ? score[i] >= score[j] : score[i] > score[j];
    kept[j] = larger < n;
  }
  gather_kept(chosen, kept, a, n, m);
}

// ---- Philox 4x32-10 in every lane: counters that differ in one word ----
typedef uint32_t WordVector __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t WideVector __attribute__((vector_size(2 * VECTOR_BYTES)));

static inline void multiply_wide(WordVector x, uint32_t by, WordVector& high, WordVector& low) {
  const WideVector product = __builtin_convertvector(x, WideVector) * by;
  high = __builtin_convertvector(product >> 32, WordVector);
  low = __builtin_convertvector(product, WordVector);
}
static __attribute__((noinline)) void philox_lanes(WordVector* out, uint32_t key0, uint32_t key1, uint32_t c0, uint32_t c1, WordVector c2) {
  WordVector x0 = WordVector{} + c0, x1 = WordVector{} + c1, x2 = c2, x3 = {};
  for (int round = 0; round < 10; round++) {
    WordVector high0, low0, high1, low1;
    multiply_wide(x0, 0xd2511f53u, high0, low0);
    multiply_wide(x2, 0xcd9e8d57u, high1, low1);
    x0 = high1 ^ x1 ^ key0;
    x2 = high0 ^ x3 ^ key1;
    x1 = low1;
    x3 = low0;
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  out[0] = x0, out[1] = x1, out[2] = x2, out[3] = x3;
}

static inline Vector square_roots(Vector a) {
  Vector root;
  for (int i = 0; i < LANES; i++) root[i] = __builtin_sqrtf(a[i]);
  return root;
}

// Minimum-variance unbiased sampling of n of m (Chmiel et al. 2023): entry i is kept with probability min(1, |a_i| / tau)
// and then has the size max(|a_i|, tau); tau makes the probabilities sum to n. Largest entries that exceed their share
// are certain; from the others one systematic draw u keeps those that hold a point (u + q) tau of their running sum.
// With V > 1 sizes are norms over the vector, and all of it is scaled. Every lane of a group of V has the same u.
// Sums and products alternate so that no compiler can fuse them: samples are the same bits everywhere.
template <int V, int M>
static inline __attribute__((always_inline)) void choose_sample(Chosen& chosen, const Vector* a, int n, int m, Vector u) {
  Vector size[M], left[M], value[M];
  IntVector kept[M];
  for (int j = 0; j < m; j++) {
    if constexpr (V == 1) size[j] = magnitude(a[j]);
    else size[j] = square_roots(group_sum<V>(a[j] * a[j]));
    left[j] = size[j];
    kept[j] = IntVector{};
    value[j] = Vector{};
  }
  IntVector searching = IntVector{} - 1, draws = IntVector{} + n;
  for (int remaining = n; remaining > 1; remaining--) {
    Vector most = left[0];
    for (int j = 1; j < m; j++) most = left[j] > most ? left[j] : most;
    // the sum without the first of the largest: exact where a difference of sums would cancel
    IntVector first = searching;
    Vector rest = {};
    IntVector is_first[M];
    for (int j = 0; j < m; j++) {
      is_first[j] = first & (left[j] == most);
      first &= ~is_first[j];
      rest += (Vector)((IntVector)left[j] & ~is_first[j]);
    }
    searching &= most * (float)(remaining - 1) > rest;
    for (int j = 0; j < m; j++) {
      const IntVector certain = searching & is_first[j];
      kept[j] |= certain;
      value[j] = certain ? a[j] : value[j];
      left[j] = certain ? Vector{} : left[j];
    }
    draws += searching;
  }
  Vector total = {};
  for (int j = 0; j < m; j++) total += left[j];
  const Vector tau = total / __builtin_convertvector(draws, Vector);
  Vector point[16];
  for (int q = 0; q < n; q++) point[q] = (u + (float)q) * tau;
  Vector from = {};
  for (int j = 0; j < m; j++) {
    const Vector to = from + left[j];
    IntVector hit = {};
    for (int q = 0; q < n; q++) hit |= (draws > q) & (point[q] >= from) & (point[q] < to);
    hit &= ~kept[j];
    Vector sampled;
    if constexpr (V == 1) sampled = (Vector)((IntVector)tau | ((IntVector)a[j] & (int32_t)0x80000000));
    else sampled = a[j] * (tau / size[j]);
    kept[j] |= hit;
    value[j] = hit ? sampled : value[j];
    from = to;
  }
  // Rounding at the end of the sum, or zeros only: places without a value fill up, so that n are kept; NaN stays NaN.
  IntVector missing = IntVector{} + n;
  for (int j = 0; j < m; j++) missing += kept[j];
  const Vector filling = total * 0.0f;
  for (int j = 0; j < m; j++) {
    const IntVector fill = ~kept[j] & (missing > 0);
    kept[j] |= fill;
    value[j] = fill ? filling : value[j];
    missing += fill;
  }
  gather_kept(chosen, kept, value, n, m);
}

// Writes one block of LANES columns: its slots lie [slot][lane] in value and place.
template <int V>
static __attribute__((noinline)) void emit_columns(float* values, uint8_t* index, const float* value, const int32_t* place, int slots, int valid) {
  for (int group = 0; group * V < valid; group++) {
    float* out = values + (size_t)group * slots * V;
    uint8_t* at = index + (size_t)group * slots;
    for (int slot = 0; slot < slots; slot++) {
      __builtin_memcpy(out + slot * V, value + slot * LANES + group * V, sizeof(float) * V);
      at[slot] = (uint8_t)place[slot * LANES + group * V];
    }
  }
}

// The first `count` floats at p, zero in the other lanes.
static inline Vector load_some(const float* p, int count) {
  float some[LANES] = {};
  for (int i = 0; i < LANES; i++) some[i] = i < count ? p[i] : 0;
  return load(some);
}

template <int N_> struct Number { static constexpr int N = N_; };

// M: room for m entries. choose(chosen, a, first column, first entry) picks n of m
// in every lane; each task has a copy of its own.
template <int V, int M, int N, class Choose>
static void pack_columns_of(float* values, uint8_t* index, const Columns& from, int any_n, int any_m, const Choose& prototype) {
  const int n = N ? N : any_n, m = N ? M : any_m;
  const int block = pack_block(m), strips = ceil_div(from.rows, LANES), blocks = ceil_div(from.k, block);
  parallel(strips * blocks, [&](int task) {
    Choose choose = prototype;
    const int k0 = task / strips * block, column = task % strips * LANES;
    const int length = min_of(block, from.k - k0), valid = min_of(LANES, from.rows - column);
    alignas(64) float value[128 * LANES];
    alignas(64) int32_t place[128 * LANES];
    // rows of a vector beyond the last are zero, also where a NaN was shared out
    const IntVector alive = valid == LANES ? IntVector{} - 1 : lanes_of((1u << valid) - 1);
    int slots = 0;
    for (int i = 0; i < length; i += m) {
      Vector a[M];
      for (int j = 0; j < m; j++) {
        const float* row = from.row(k0 + i + j) + column;
        a[j] = valid == LANES ? load(row) : load_some(row, valid);
      }
      Chosen chosen;
      choose(chosen, a, column, k0 + i);
      for (int slot = 0; slot < n; slot++, slots++) {
        store(value + slots * LANES, (Vector)((IntVector)chosen.value[slot] & alive));
        store((float*)place + slots * LANES, (Vector)(chosen.place[slot] + i));
      }
    }
    const size_t at = slots_before(k0, from.rows, n, m, V) + (size_t)(column / V) * slots;
    emit_columns<V>(values + at * V, index + at, value, place, slots, valid);
  });
}

template <int... J>
static inline WordVector lane_numbers(Indices<J...>) { return WordVector{J...}; }

// N: n, where n and m = M are constants; else 0, and M is room for any m.
template <int V, int M, int N>
struct LargestOfColumns {
  int n, m;
  void operator()(Chosen& chosen, const Vector* a, int, int) { choose_largest<V, M>(chosen, a, N ? N : n, N ? M : m); }
};

template <int V, int M, int N>
struct SampleOfColumns {
  int n, m, seed, layer, step, drawn;
  WordVector words[4];
  void operator()(Chosen& chosen, const Vector* a, int column, int entry) {
    // a counter a row group and four groups of m: its four words serve one group each
    const int group = entry / m;
    if (group / 4 != drawn) {
      drawn = group / 4;
      philox_lanes(words, (uint32_t)seed, (uint32_t)layer, (uint32_t)drawn, (uint32_t)step, (lane_numbers(typename Count<LANES>::type{}) + (uint32_t)column) / V);
    }
    const Vector u = __builtin_convertvector((IntVector)(words[group % 4] >> 8), Vector) * (1.0f / 16777216);
    choose_sample<V, M>(chosen, a, N ? N : n, N ? M : m, u);
  }
};

// Calls body with V, M and N as constants. The usual patterns are whole: their loops unroll into registers.
template <class Body>
static void with_group(int v, int n, int m, const Body& body) {
  const auto of = [&](auto vector) {
    // each is 10 KiB of WASM, too much there
    constexpr bool UNROLLED = LANES > 4;
    if (UNROLLED && n == 1 && m == 2) body(vector, Number<UNROLLED ? 2 : 16>{}, Number<UNROLLED ? 1 : 0>{});
    else if (UNROLLED && n == 2 && m == 4) body(vector, Number<UNROLLED ? 4 : 16>{}, Number<UNROLLED ? 2 : 0>{});
    else body(vector, Number<16>{}, Number<0>{});
  };
  if (v == 1) of(Number<1>{});
  else if (v == 2) of(Number<2>{});
  else of(Number<4>{});
}

static void prune_columns(float* values, uint8_t* index, const float* w, int rows, int k, int taps, int n, int m, int v) {
  with_group(v, n, m, [&](auto vector, auto group, auto kept) {
    constexpr int V = decltype(vector)::N, M = decltype(group)::N, N = decltype(kept)::N;
    pack_columns_of<V, M, N>(values, index, {w, rows, k, taps}, n, m, LargestOfColumns<V, M, N>{n, m});
  });
}

static void sample_columns(float* values, uint8_t* index, const float* g, int rows, int k, int n, int m, int v, int seed, int layer, int step) {
  with_group(v, n, m, [&](auto vector, auto group, auto kept) {
    constexpr int V = decltype(vector)::N, M = decltype(group)::N, N = decltype(kept)::N;
    pack_columns_of<V, M, N>(values, index, {g, rows, k, 1}, n, m, SampleOfColumns<V, M, N>{n, m, seed, layer, step, -1, {}});
  });
}
