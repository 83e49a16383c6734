// Packs of a transpose, made straight from the matrix as it lies: its columns become the pack's rows. The source holds k
// rows of `rows` neighbouring floats. A lane is a row group: V neighbouring columns, which share a choice, lie in V
// vectors. So nothing is transposed before the choice, and no lane repeats another's work. Layout of packs: pack.inl.
// Two choices: the largest, and a sample that is right on average (MVUE).

// Row kk of the source. A convolution's weights [O, taps, C] are taken as k = taps x O rows of C.
struct Columns {
  const float* source;
  int rows, k, taps;
  const float* row(int kk) const {
    const int out = k / taps;
    return source + (taps == 1 ? (size_t)kk : (size_t)(kk % out) * taps + kk / out) * rows;
  }
};

// ---- a yes or no in every lane: a mask register, or -1 and 0 ----
#ifdef __AVX512F__
typedef __mmask16 Flags;
static inline Flags above(Vector a, Vector b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ); }
static inline Flags above(IntVector a, IntVector b) { return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b); }
static inline Flags not_below(Vector a, Vector b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NLT_UQ); }
static inline Flags at_least(Vector a, Vector b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ); }
static inline Flags at_least(Vector a, Vector b, Flags among) { return _mm512_mask_cmp_ps_mask(among, (__m512)a, (__m512)b, _CMP_GE_OQ); }
static inline Vector pick(Flags which, Vector yes, Vector no) { return (Vector)_mm512_mask_blend_ps(which, (__m512)no, (__m512)yes); }
static inline IntVector plus(IntVector a, Flags which, int b) { return (IntVector)_mm512_mask_add_epi32((__m512i)a, which, (__m512i)a, _mm512_set1_epi32(b)); }
static inline IntVector larger_of(IntVector a, IntVector b) { return (IntVector)_mm512_maskz_max_epi32((__mmask16)-1, (__m512i)a, (__m512i)b); }
static inline IntVector smaller_of(IntVector a, IntVector b) { return (IntVector)_mm512_maskz_min_epi32((__mmask16)-1, (__m512i)a, (__m512i)b); }
static inline Vector larger_of(Vector a, Vector b) { return (Vector)_mm512_maskz_max_ps((__mmask16)-1, (__m512)a, (__m512)b); }
static inline Vector smaller_of(Vector a, Vector b) { return (Vector)_mm512_maskz_min_ps((__mmask16)-1, (__m512)a, (__m512)b); }
#else
typedef IntVector Flags;
static inline Flags above(Vector a, Vector b) { return a > b; }
static inline Flags above(IntVector a, IntVector b) { return a > b; }
static inline Flags not_below(Vector a, Vector b) { return ~(a < b); }
static inline Flags at_least(Vector a, Vector b) { return a >= b; }
static inline Flags at_least(Vector a, Vector b, Flags among) { return (a >= b) & among; }
static inline IntVector plus(IntVector a, Flags which, int b) { return a + (which & b); }
#ifdef __AVX2__
static inline Vector pick(Flags which, Vector yes, Vector no) { return (Vector)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)which); }
static inline IntVector larger_of(IntVector a, IntVector b) { return (IntVector)_mm256_max_epi32((__m256i)a, (__m256i)b); }
static inline IntVector smaller_of(IntVector a, IntVector b) { return (IntVector)_mm256_min_epi32((__m256i)a, (__m256i)b); }
static inline Vector larger_of(Vector a, Vector b) { return (Vector)_mm256_max_ps((__m256)a, (__m256)b); }
static inline Vector smaller_of(Vector a, Vector b) { return (Vector)_mm256_min_ps((__m256)a, (__m256)b); }
#else
static inline Vector pick(Flags which, Vector yes, Vector no) { return which ? yes : no; }
static inline IntVector larger_of(IntVector a, IntVector b) { return a > b ? a : b; }
static inline IntVector smaller_of(IntVector a, IntVector b) { return a < b ? a : b; }
// the second where they are not ordered: NaN in b comes through
static inline Vector larger_of(Vector a, Vector b) { return a > b ? a : b; }
static inline Vector smaller_of(Vector a, Vector b) { return a < b ? a : b; }
#endif
#endif

static inline Vector magnitude(Vector a) { return (Vector)((IntVector)a & 0x7fffffff); }

static inline Vector square_roots(Vector a) {
#if defined(__AVX512F__)
  return (Vector)_mm512_maskz_sqrt_ps((__mmask16)-1, (__m512)a);
#elif defined(__AVX2__)
  return (Vector)_mm256_sqrt_ps((__m256)a);
#else
  Vector root;
  for (int i = 0; i < LANES; i++) root[i] = __builtin_sqrtf(a[i]);
  return root;
#endif
}

template <int... J>
static inline void split(Vector& even, Vector& odd, Vector a, Vector b, Indices<J...>) {
  even = __builtin_shufflevector(a, b, (2 * J)...);
  odd = __builtin_shufflevector(a, b, (2 * J + 1)...);
}

// V * LANES columns: a[r] holds column r of each row group.
template <int V>
static inline void load_groups(Vector* a, const float* p) {
  typename Count<LANES>::type all;
  if constexpr (V == 1) a[0] = load(p);
  else if constexpr (V == 2) split(a[0], a[1], load(p), load(p + LANES), all);
  else {
    Vector even[2], odd[2];
    split(even[0], odd[0], load(p), load(p + LANES), all);
    split(even[1], odd[1], load(p + 2 * LANES), load(p + 3 * LANES), all);
    split(a[0], a[2], even[0], even[1], all);
    split(a[1], a[3], odd[0], odd[1], all);
  }
}

// The rank of an entry: |a|, or the sum of |a| over its vector, as an integer of the same order. All NaN are one.
template <int V>
static inline IntVector score_of(const Vector* a) {
  Vector sum = magnitude(a[0]);
  for (int r = 1; r < V; r++) sum += magnitude(a[r]);
  return smaller_of((IntVector)magnitude(sum), IntVector{} + 0x7f800001);
}

// The size of an entry: |a|, or the norm of its vector. magnitude() keeps compilers from fusing products and sums.
template <int V>
static inline Vector size_of(const Vector* a) {
  if constexpr (V == 1) return magnitude(a[0]);
  Vector sum = magnitude(a[0] * a[0]);
  for (int r = 1; r < V; r++) sum += magnitude(a[r] * a[r]);
  return square_roots(sum);
}

// ---- choices of N of M, both constant. Slot s is at s + how many past[s][k] are set, k < M - N; these fall with k ----

// The n largest, of equals the lower index. Slot s lies beyond the first c entries if fewer than s + 1 of them are kept,
// that is if the (N - s)-th largest of the others is larger than the (s + 1)-th largest of these.
template <int M, int N>
static inline __attribute__((always_inline)) void choose_largest(Flags (*past)[M - N], const IntVector* score) {
  // the largest N of the entries up to j, and of those from j on
  IntVector up_to[M][N], from[M][N];
#pragma GCC unroll 16
  for (int j = 0; j < M; j++) {
    IntVector x = score[j], y = score[M - 1 - j];
#pragma GCC unroll 16
    for (int t = 0; t < N; t++) {
      if (t > j) break;
      up_to[j][t] = t == j ? x : larger_of(up_to[j - 1][t], x);
      from[M - 1 - j][t] = t == j ? y : larger_of(from[M - j][t], y);
      if (t == j) break;
      x = smaller_of(up_to[j - 1][t], x);
      y = smaller_of(from[M - j][t], y);
    }
  }
#pragma GCC unroll 16
  for (int s = 0; s < N; s++)
#pragma GCC unroll 16
    for (int k = 0; k < M - N; k++) past[s][k] = above(from[s + k + 1][N - s - 1], up_to[s + k][s]);
}

// Minimum-variance unbiased sampling (Chmiel et al. 2023): an entry is kept with probability min(1, size / tau) and then
// has the size max(size, tau); tau makes the probabilities sum to n. One systematic draw u, in (0, 1): kept are the
// entries that hold a point (u + q) tau of the running sum of min(size, tau).

// What a kept entry is multiplied by; a size of 0 is never drawn but by rounding.
static inline Vector factor(Vector size, Vector tau) {
  const Vector ratio = tau / size;
  return pick(at_least(size, tau), Vector{} + 1.0f, pick(at_least(ratio, Vector{} + __builtin_inff()), Vector{} + 1.0f, ratio));
}

// a at its new size; V = 1 needs no division
template <int V>
static inline void resize(Vector* a, Vector size, Vector tau) {
  if constexpr (V == 1) {
    a[0] = (Vector)((IntVector)larger_of(size, tau) | ((IntVector)a[0] & (int32_t)0x80000000));
  } else {
    const Vector by = factor(size, tau);
    for (int r = 0; r < V; r++) a[r] *= by;
  }
}

// One of m. Running sums grow, so its place is how many of them the point u tau has reached; NaN reaches all.
template <int M>
static inline __attribute__((always_inline)) Vector sample_one(Flags* past, const Vector* size, Vector u) {
  Vector sum[M];
  sum[0] = size[0];
#pragma GCC unroll 16
  for (int j = 1; j < M; j++) sum[j] = sum[j - 1] + size[j];
  const Vector point = u * sum[M - 1];
#pragma GCC unroll 16
  for (int k = 0; k < M - 1; k++) past[k] = not_below(point, sum[k]);
  return sum[M - 1];
}

// Two of m. The first point is compared with running sums from the front, the second with sums from the end. What holds
// without rounding is enforced: points tau apart lie in two entries, none of which is longer; and an entry that exceeds
// the sum of the others is certain, so beyond it lie both points or none. That sum is taken without the entry: a
// difference would cancel.
template <int M>
static inline __attribute__((always_inline)) Vector sample_two(Flags (*past)[M - 2], const Vector* size, Vector u, int m) {
  // as integers: a maximum of floats may lose NaN
  IntVector most = (IntVector)size[0];
  Vector rest = {};
#pragma GCC unroll 16
  for (int j = 1; j < m; j++) {
    const Vector less = (Vector)smaller_of(most, (IntVector)size[j]);
    rest = j == 1 ? less : rest + less;
    most = larger_of(most, (IntVector)size[j]);
  }
  const Vector tau = pick(above((Vector)most, rest), rest, ((Vector)most + rest) * 0.5f);
  // magnitude() keeps compilers from fusing the product with a sum
  const Vector point = magnitude(u * tau);
  Vector length[M], behind[M];
#pragma GCC unroll 16
  for (int j = 0; j < m; j++) length[j] = smaller_of(size[j], tau);
#pragma GCC unroll 16
  for (int j = m - 1; j >= 2; j--) behind[j] = j == m - 1 ? length[j] : behind[j + 1] + length[j];
  Vector before = length[0];
#pragma GCC unroll 16
  for (int k = 0; k < m - 2; k++) {
    past[0][k] = above(point, before);
    before += length[k + 1];
    Flags uncertain = at_least(rest, size[k + 1]);
    if (k > 0) uncertain &= past[1][k - 1];
    past[1][k] = past[0][k] | at_least(point + behind[k + 2], tau, uncertain);
  }
  return tau;
}

// ---- choices of any n of m, up to 16: which are kept, as -1 and 0. Not inlined: there is one for all V ----
struct Kept { IntVector flag[16]; };

static __attribute__((noinline)) void choose_largest_any(Kept& kept, const IntVector* score, int n, int m) {
  for (int j = 0; j < m; j++) {
    IntVector larger = {};
    for (int i = 0; i < m; i++)
      if (i != j) larger -= i < j ? score[i] >= score[j] : score[i] > score[j];
    kept.flag[j] = larger < n;
  }
}

// As sample_two where n is 2. Else the largest that exceed their share of what is left are certain, and the others are
// drawn; where rounding leaves a point without an entry, or all are zero, places fill up from the end. Returns tau.
static __attribute__((noinline)) Vector choose_sample_any(Kept& kept, const Vector* size, Vector u, int n, int m) {
  if (n == 2) {
    Flags past[2][14];
    const Vector tau = sample_two<16>(past, size, u, m);
    IntVector first = {}, second = IntVector{} + 1;
    for (int k = 0; k < m - 2; k++) first = plus(first, past[0][k], 1), second = plus(second, past[1][k], 1);
    for (int j = 0; j < m; j++) kept.flag[j] = (first == j) | (second == j);
    return tau;
  }
  Vector left[16];
  for (int j = 0; j < m; j++) left[j] = size[j], kept.flag[j] = IntVector{};
  IntVector searching = IntVector{} - 1, draws = IntVector{} + n;
  for (int remaining = n; remaining > 1; remaining--) {
    Vector most = left[0];
    for (int j = 1; j < m; j++) most = left[j] > most ? left[j] : most;
    // the sum without the first of the largest: exact where a difference of sums would cancel
    IntVector first = searching;
    Vector rest = {};
    IntVector is_first[16];
    for (int j = 0; j < m; j++) {
      is_first[j] = first & (left[j] == most);
      first &= ~is_first[j];
      rest += (Vector)((IntVector)left[j] & ~is_first[j]);
    }
    searching &= most * (float)(remaining - 1) > rest;
    for (int j = 0; j < m; j++) {
      const IntVector certain = searching & is_first[j];
      kept.flag[j] |= certain;
      left[j] = (Vector)((IntVector)left[j] & ~certain);
    }
    draws += searching;
  }
  Vector total = {};
  for (int j = 0; j < m; j++) total += left[j];
  const Vector tau = total / __builtin_convertvector(draws, Vector);
  IntVector missing = IntVector{} + n;
  Vector from = {};
  for (int j = 0; j < m; j++) {
    const Vector to = from + left[j];
    IntVector hit = {};
    for (int q = 0; q < n; q++) {
      const Vector point = (u + (float)q) * tau;
      hit |= (draws > q) & (point >= from) & (point < to);
    }
    kept.flag[j] |= hit;
    missing += kept.flag[j];
    from = to;
  }
  for (int j = m - 1; j >= 0; j--) {
    const IntVector fill = ~kept.flag[j] & (missing > 0);
    kept.flag[j] |= fill;
    missing += fill;
  }
  return tau;
}

// ---- Philox 4x32-10 in every lane: counters that differ in one word ----
typedef uint32_t WordVector __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t WideVector __attribute__((vector_size(VECTOR_BYTES)));

// The products of the low halves.
static inline WideVector multiply_low(WideVector x, uint32_t by) {
#if defined(__AVX512F__)
  return (WideVector)_mm512_maskz_mul_epu32((__mmask8)-1, (__m512i)x, _mm512_set1_epi64(by));
#elif defined(__AVX2__)
  return (WideVector)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x(by));
#elif defined(__SSE2__)
  return (WideVector)_mm_mul_epu32((__m128i)x, _mm_set1_epi64x(by));
#else
  return (x & 0xffffffff) * by;
#endif
}

// Even and odd lanes apart, each in the low half of a wider lane; what products leave in the high halves does no harm.
static __attribute__((noinline)) void philox_lanes(WordVector* out, uint32_t key0, uint32_t key1, uint32_t c0, uint32_t c1, WordVector c2) {
  WideVector x[2][4];
  for (int odd = 0; odd < 2; odd++) {
    x[odd][0] = WideVector{} + c0, x[odd][1] = WideVector{} + c1, x[odd][3] = WideVector{};
    x[odd][2] = odd ? (WideVector)c2 >> 32 : (WideVector)c2;
  }
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; odd++) {
      WideVector* w = x[odd];
      const WideVector product0 = multiply_low(w[0], 0xd2511f53u), product1 = multiply_low(w[2], 0xcd9e8d57u);
      w[0] = (product1 >> 32) ^ w[1] ^ key0;
      w[2] = (product0 >> 32) ^ w[3] ^ key1;
      w[1] = product1;
      w[3] = product0;
    }
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  for (int i = 0; i < 4; i++) out[i] = (WordVector)((x[0][i] & 0xffffffff) | x[1][i] << 32);
}

template <int... J>
static inline WordVector lane_numbers(Indices<J...>) { return WordVector{J...}; }

// ---- the two packs ----
template <int N_> struct Number { static constexpr int N = N_; };

// N: n, where n and m = M are constants; else 0, and M is room for any m.
template <int V, int M, int N>
struct LargestOfColumns {
  int n, m;
  void choose(Flags (*past)[M - N], const Vector (*a)[V], Vector*, Vector&, int, int, int) {
    IntVector score[M];
    for (int j = 0; j < M; j++) score[j] = score_of<V>(a[j]);
    choose_largest<M, N>(past, score);
  }
  void choose(Kept& kept, const Vector (*a)[V], Vector*, Vector&, int, int, int) {
    IntVector score[M];
    for (int j = 0; j < m; j++) score[j] = score_of<V>(a[j]);
    choose_largest_any(kept, score, n, m);
  }
  static void resized(Vector*, Vector, Vector) {}
  static constexpr bool RESIZES = false;
};

template <int V, int M, int N>
struct SampleOfColumns {
  int n, m, seed, layer, step, drawn[4];
  WordVector words[4][4];
  // a counter a row group and four groups of m: its four words serve one group each
  Vector draw(int unit, int first, int group) {
    if (group / 4 != drawn[unit]) {
      drawn[unit] = group / 4;
      philox_lanes(words[unit], (uint32_t)seed, (uint32_t)layer, (uint32_t)group / 4, (uint32_t)step, lane_numbers(typename Count<LANES>::type{}) + (uint32_t)first);
    }
    // 23 bits, the last set: between 1 and 2 without either
    return (Vector)((words[unit][group % 4] & 0x7fffffu) | 0x3f800001u) - 1.0f;
  }
  void choose(Flags (*past)[M - N], const Vector (*a)[V], Vector* size, Vector& tau, int unit, int first, int group) {
    for (int j = 0; j < M; j++) size[j] = size_of<V>(a[j]);
    if constexpr (N == 1) tau = sample_one<M>(past[0], size, draw(unit, first, group));
    else tau = sample_two<M>(past, size, draw(unit, first, group), M);
  }
  void choose(Kept& kept, const Vector (*a)[V], Vector* size, Vector& tau, int unit, int first, int group) {
    for (int j = 0; j < m; j++) size[j] = size_of<V>(a[j]);
    tau = choose_sample_any(kept, size, draw(unit, first, group), n, m);
  }
  static void resized(Vector* a, Vector size, Vector tau) { resize<V>(a, size, tau); }
  static constexpr bool RESIZES = true;
};

// Writes what a unit of LANES row groups keeps of a block: `width` floats and `slots` indices a group, lane by lane. They
// come as vectors: value[slot * V + r], and place[slot / 4] with a slot a byte. Columns from `valid` on do not exist.
static __attribute__((noinline)) void emit_unit(float* values, uint8_t* index, const float* value, const uint8_t* place, int slots, int v, int valid) {
  const int width = slots * v, groups = min_of(LANES, ceil_div(valid, v));
  int done = 0, word = 0;
  if (valid >= LANES * v) {
    for (; done + LANES <= width; done += LANES) {
      const float* rows[LANES];
      for (int i = 0; i < LANES; i++) rows[i] = value + (done + i) * LANES;
      transpose_block(values + done, width, rows);
    }
    if (slots % 4 == 0)
      for (; (word + LANES) * 4 <= slots; word += LANES) {
        const float* rows[LANES];
        for (int i = 0; i < LANES; i++) rows[i] = (const float*)place + (word + i) * LANES;
        transpose_block((float*)(index + word * 4), slots / 4, rows);
      }
  }
  for (int lane = 0; lane < groups; lane++) {
    for (int i = done; i < width; i++) values[lane * width + i] = lane * v + i % v < valid ? value[i * LANES + lane] : 0;
    for (int slot = word * 4; slot < slots; slot++) index[lane * slots + slot] = place[slot / 4 * LANES * 4 + lane * 4 + slot % 4];
  }
}

template <int V, int M, int N, class Choose>
static void pack_columns_of(float* values, uint8_t* index, const Columns& from, int any_n, int any_m, const Choose& prototype) {
  // a task's rows are whole cache lines
  constexpr int UNITS = 4 / V, WIDTH = LANES * V;
  const int n = N ? N : any_n, m = N ? M : any_m;
  const int block = pack_block(m), strips = ceil_div(from.rows, UNITS * WIDTH), blocks = ceil_div(from.k, block);
  parallel(strips * blocks, [&](int task) {
    Choose chosen_by = prototype;
    const int k0 = task / strips * block, column = task % strips * UNITS * WIDTH;
    const int length = min_of(block, from.k - k0), slots = length / m * n, valid = min_of(UNITS * WIDTH, from.rows - column);
    const float* row[128];
    for (int i = 0; i < length; i++) row[i] = from.row(k0 + i) + column;
    alignas(64) float value[UNITS][128 * WIDTH];
    alignas(64) uint8_t place[UNITS][128 * LANES];
    // the last columns, filled up with zeros
    alignas(64) float edge[128][WIDTH];
    const int units = ceil_div(valid, WIDTH), whole = valid / WIDTH;
    if (whole < units)
      for (int i = 0; i < length; i++) {
        const float* p = row[i] + whole * WIDTH;
        for (int c = 0; c < WIDTH; c++) edge[i][c] = c < valid - whole * WIDTH ? p[c] : 0;
      }
    const auto load_group = [&](Vector (*a)[V], int unit, int i) {
#pragma GCC unroll 16
      for (int j = 0; j < m; j++) load_groups<V>(a[j], unit < whole ? row[i + j] + unit * WIDTH : edge[i + j]);
    };
    const int first = column / V;
    if constexpr (N > 0) {
      // as many groups at once as fill a word of places
      constexpr int GROUPS = 4 / N;
      IntVector base = {};
      for (int b = 0; b < GROUPS; b++)
        for (int s = 0; s < N; s++) base |= IntVector{} + ((b * M + s) << 8 * (b * N + s));
      for (int i = 0; i < length; i += GROUPS * M)
        for (int unit = 0; unit < units; unit++) {
          IntVector word = base + i * 0x01010101;
          float* out = value[unit] + i / M * N * WIDTH;
#pragma GCC unroll 4
          for (int b = 0; b < GROUPS; b++) {
            if (i + b * M >= length) break;
            Vector a[M][V], size[M], tau;
            load_group(a, unit, i + b * M);
            Flags past[N][M - N];
            chosen_by.choose(past, a, size, tau, unit, first + unit * LANES, (k0 + i) / M + b);
#pragma GCC unroll 4
            for (int s = 0; s < N; s++) {
              Vector kept[V];
              for (int r = 0; r < V; r++) kept[r] = a[s][r];
              Vector kept_size = Choose::RESIZES ? size[s] : Vector{};
#pragma GCC unroll 16
              for (int k = 0; k < M - N; k++) {
                word = plus(word, past[s][k], 1 << 8 * (b * N + s));
                for (int r = 0; r < V; r++) kept[r] = pick(past[s][k], a[s + k + 1][r], kept[r]);
                if (Choose::RESIZES) kept_size = pick(past[s][k], size[s + k + 1], kept_size);
              }
              Choose::resized(kept, kept_size, tau);
              for (int r = 0; r < V; r++) store(out + ((b * N + s) * V + r) * LANES, kept[r]);
            }
          }
          store((float*)place[unit] + i / M * N / 4 * LANES, (Vector)word);
        }
    } else {
      for (int unit = 0; unit < units; unit++)
        for (int i = 0, slot = 0; i < length; i += m) {
          Vector a[M][V], size[M], tau;
          load_group(a, unit, i);
          Kept kept;
          chosen_by.choose(kept, a, size, tau, unit, first + unit * LANES, (k0 + i) / m);
          for (int s = 0; s < n; s++, slot++) {
            // the first that is kept and not written
            IntVector at = {}, searching = IntVector{} - 1;
            Vector x[V] = {}, x_size = {};
            for (int j = s; j < m; j++) {
              const IntVector here = searching & kept.flag[j];
              searching &= ~here;
              kept.flag[j] &= ~here;
              at |= here & (i + j);
              for (int r = 0; r < V; r++) x[r] = (Vector)((IntVector)x[r] | (here & (IntVector)a[j][r]));
              if (Choose::RESIZES) x_size = (Vector)((IntVector)x_size | (here & (IntVector)size[j]));
            }
            Choose::resized(x, x_size, tau);
            for (int r = 0; r < V; r++) store(value[unit] + (slot * V + r) * LANES, x[r]);
            for (int lane = 0; lane < LANES; lane++) place[unit][(slot / 4 * LANES + lane) * 4 + slot % 4] = (uint8_t)at[lane];
          }
        }
    }
    const size_t at = slots_before(k0, from.rows, n, m, V) + (size_t)first * slots;
    for (int unit = 0; unit < units; unit++) {
      const size_t to = at + (size_t)unit * LANES * slots;
      emit_unit(values + to * V, index + to, value[unit], place[unit], slots, V, valid - unit * WIDTH);
    }
  });
}

// Calls body with V, M and N as constants. The usual patterns are whole: their loops unroll into registers.
template <class Body>
static void with_group(int v, [[maybe_unused]] int n, [[maybe_unused]] int m, const Body& body) {
  const auto of = [&](auto vector) {
#if VECTOR_BYTES > 16
    // too much for WASM
    if (n == 1 && m == 2) return body(vector, Number<2>{}, Number<1>{});
    if (n == 1 && m == 4) return body(vector, Number<4>{}, Number<1>{});
    if (n == 2 && m == 4) return body(vector, Number<4>{}, Number<2>{});
    if (n == 2 && m == 8) return body(vector, Number<8>{}, Number<2>{});
#endif
    body(vector, Number<16>{}, Number<0>{});
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
    pack_columns_of<V, M, N>(values, index, {g, rows, k, 1}, n, m, SampleOfColumns<V, M, N>{n, m, seed, layer, step, {-1, -1, -1, -1}, {}});
  });
}
