// Packs of a transpose, made straight from the matrix as it lies: its columns become the pack's rows. The source holds k
// rows of `rows` neighbouring floats. A lane is a row group: V neighbouring columns, which share a choice, lie in V
// vectors. So nothing is transposed before the choice, and no lane repeats another's work. Layout of packs: pack.inl.
// Two choices: the largest, and a sample that is right on average (MVUE). Samples are taken along rows too: of tiles that
// are transposed first.

// Loops of constant length. Not in WASM: the pragma would add a tenth to the module.
#if VECTOR_BYTES > 16
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define UNROLLED
#endif

// Row kk of the source. A convolution's weights [O, taps, C] are taken as k = taps x O rows of C.
struct Columns {
  const float* source;
  // of source as [k / taps, taps * rows], or null: what is 0 there counts as zero
  const uint32_t* mask;
  int rows, k, taps;
  // the source is [rows, k] instead, as the pack is
  bool upright = false;
  const float* row(int kk) const {
    const int out = k / taps;
    return source + (taps == 1 ? (size_t)kk : (size_t)(kk % out) * taps + kk / out) * rows;
  }
  // The mask's bits of row kk from `column` on, 64 of them; those beyond its columns may be anything.
  uint64_t bits(int kk, int column) const {
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
static inline IntVector score_of(const Vector* a, int v) {
  Vector sum = magnitude(a[0]);
  for (int r = 1; r < v; r++) sum += magnitude(a[r]);
  return smaller_of((IntVector)magnitude(sum), IntVector{} + 0x7f800001);
}

// The size of an entry: |a|, or the norm of its vector. magnitude() keeps compilers from fusing products and sums.
static inline Vector size_of(const Vector* a, int v) {
  if (v == 1) return magnitude(a[0]);
  Vector sum = magnitude(a[0] * a[0]);
  for (int r = 1; r < v; r++) sum += magnitude(a[r] * a[r]);
  return square_roots(sum);
}

// ---- choices of N of M, both constant. Slot s is at s + how many past[s][k] are set, k < M - N; these fall with k ----

// The n largest, of equals the lower index. Slot s lies beyond the first c entries if fewer than s + 1 of them are kept,
// that is if the (N - s)-th largest of the others is larger than the (s + 1)-th largest of these.
template <int M, int N>
static inline __attribute__((always_inline)) void choose_largest(Flags (*past)[M - N], const IntVector* score) {
  // the largest N of the entries up to j, and of those from j on
  IntVector up_to[M][N], from[M][N];
UNROLLED
  for (int j = 0; j < M; j++) {
    IntVector x = score[j], y = score[M - 1 - j];
UNROLLED
    for (int t = 0; t < N; t++) {
      if (t > j) break;
      up_to[j][t] = t == j ? x : larger_of(up_to[j - 1][t], x);
      from[M - 1 - j][t] = t == j ? y : larger_of(from[M - j][t], y);
      if (t == j) break;
      x = smaller_of(up_to[j - 1][t], x);
      y = smaller_of(from[M - j][t], y);
    }
  }
UNROLLED
  for (int s = 0; s < N; s++)
UNROLLED
    for (int k = 0; k < M - N; k++) past[s][k] = above(from[s + k + 1][N - s - 1], up_to[s + k][s]);
}

// Minimum-variance unbiased sampling (Chmiel et al. 2023): an entry is kept with probability min(1, size / tau) and then
// has the size max(size, tau); tau makes the probabilities sum to n. One systematic draw u, in (0, 1): kept are the
// entries that hold a point (u + q) tau of the running sum of min(size, tau).

// a, an entry of this size, as it is kept. Scaled where it is a vector; a size of 0 is drawn only by rounding.
static inline void resize(Vector* a, int v, Vector size, Vector tau) {
  if (v == 1) {
    a[0] = (Vector)((IntVector)larger_of(size, tau) | ((IntVector)a[0] & (int32_t)0x80000000));
  } else {
    const Vector ratio = tau / size, one = Vector{} + 1.0f;
    const Vector by = pick(at_least(size, tau), one, pick(at_least(ratio, Vector{} + __builtin_inff()), one, ratio));
    for (int r = 0; r < v; r++) a[r] *= by;
  }
}

// One of m. Running sums grow, so its place is how many of them the point u tau has reached; NaN reaches all.
template <int M>
static inline __attribute__((always_inline)) Vector sample_one(Flags* past, const Vector* size, Vector u) {
  Vector sum[M];
  sum[0] = size[0];
UNROLLED
  for (int j = 1; j < M; j++) sum[j] = sum[j - 1] + size[j];
  const Vector point = u * sum[M - 1];
UNROLLED
  for (int k = 0; k < M - 1; k++) past[k] = not_below(point, sum[k]);
  return sum[M - 1];
}

// Two of m, at most M. The first point is compared with running sums from the front, the second with sums from the end. What holds
// without rounding is enforced: points tau apart lie in two entries, none of which is longer; and an entry that exceeds
// the sum of the others is certain, so beyond it lie both points or none. That sum is taken without the entry: a
// difference would cancel.
template <int M>
static inline __attribute__((always_inline)) Vector sample_two(Flags (*past)[M - 2], const Vector* size, Vector u, int m) {
  // as integers: a maximum of floats may lose NaN
  IntVector most = (IntVector)size[0];
  Vector rest = {};
UNROLLED
  for (int j = 1; j < m; j++) {
    const Vector less = (Vector)smaller_of(most, (IntVector)size[j]);
    rest = j == 1 ? less : rest + less;
    most = larger_of(most, (IntVector)size[j]);
  }
  const Vector tau = pick(above((Vector)most, rest), rest, ((Vector)most + rest) * 0.5f);
  // magnitude() keeps compilers from fusing the product with a sum
  const Vector point = magnitude(u * tau);
  Vector length[M], behind[M];
UNROLLED
  for (int j = 0; j < m; j++) length[j] = smaller_of(size[j], tau);
UNROLLED
  for (int j = m - 1; j >= 2; j--) behind[j] = j == m - 1 ? length[j] : behind[j + 1] + length[j];
  Vector before = length[0];
UNROLLED
  for (int k = 0; k < m - 2; k++) {
    past[0][k] = above(point, before);
    before += length[k + 1];
    Flags uncertain = at_least(rest, size[k + 1]);
    if (k > 0) uncertain &= past[1][k - 1];
    past[1][k] = past[0][k] | at_least(point + behind[k + 2], tau, uncertain);
  }
  return tau;
}

// ---- choices of any n of m, up to 16: which are kept, as -1 and 0 ----
static __attribute__((noinline)) void choose_largest_any(IntVector* kept, const IntVector* score, int n, int m) {
  for (int j = 0; j < m; j++) {
    IntVector larger = {};
    for (int i = 0; i < m; i++)
      if (i != j) larger -= i < j ? score[i] >= score[j] : score[i] > score[j];
    kept[j] = larger < n;
  }
}

// As sample_two where n is 2. Else the largest that exceed their share of what is left are certain, and the others are
// drawn; where rounding leaves a point without an entry, or all are zero, places fill up from the end. Returns tau.
static __attribute__((noinline)) Vector choose_sample_any(IntVector* kept, const Vector* size, Vector u, int n, int m) {
  if (n == 2) {
    Flags past[2][14];
    const Vector tau = sample_two<16>(past, size, u, m);
    IntVector first = {}, second = IntVector{} + 1;
    for (int k = 0; k < m - 2; k++) first = plus(first, past[0][k], 1), second = plus(second, past[1][k], 1);
    for (int j = 0; j < m; j++) kept[j] = (first == j) | (second == j);
    return tau;
  }
  Vector left[16];
  for (int j = 0; j < m; j++) left[j] = size[j], kept[j] = IntVector{};
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
      kept[j] |= certain;
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
    kept[j] |= hit;
    missing += kept[j];
    from = to;
  }
  for (int j = m - 1; j >= 0; j--) {
    const IntVector fill = ~kept[j] & (missing > 0);
    kept[j] |= fill;
    missing += fill;
  }
  return tau;
}

// Two of four by two draws, the second among the other three (approx-MVUE, Hu et al. 2024): unbiased, not of least variance.
// u and w: the draws. What is kept has the size that takes the place of its size. Sums without an entry are made without
// it, as a difference would cancel, and all quotients are at most 1.
static __attribute__((noinline)) void choose_approximately(IntVector* kept, Vector* size, Vector u, Vector w) {
  Flags past[3], past_second[2];
  const Vector total = sample_one<4>(past, size, u);
  Vector others[4], share[4], left[3], as[4];
  IntVector first = {}, second = {};
  for (int j = 0; j < 4; j++) {
    others[j] = Vector{};
    for (int i = 0; i < 4; i++)
      if (i != j) others[j] += size[i];
    share[j] = pick(above(total, Vector{}), size[j] / total, total);
  }
  for (int k = 0; k < 3; k++) first = plus(first, past[k], 1), left[k] = pick(past[k], size[k], size[k + 1]);
  sample_one<3>(past_second, left, w);
  for (int k = 0; k < 2; k++) second = plus(second, past_second[k], 1);
  second -= second >= first;
  for (int i = 0; i < 4; i++) {
    Vector chance = share[i];
    for (int j = 0; j < 4; j++)
      // magnitude() keeps compilers from fusing products and sums
      if (j != i) chance += magnitude(share[j] * pick(above(others[j], Vector{}), size[i] / others[j], Vector{}));
    as[i] = pick(above(chance, Vector{}), size[i] / chance, size[i] * chance);
  }
  for (int j = 0; j < 4; j++) kept[j] = (first == j) | (second == j), size[j] = as[j];
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
static __attribute__((noinline)) void philox_lanes(WordVector* out, uint32_t key0, uint32_t key1, uint32_t c0, uint32_t c1, WordVector c2, uint32_t c3) {
  WideVector x[2][4];
  for (int odd = 0; odd < 2; odd++) {
    x[odd][0] = WideVector{} + c0, x[odd][1] = WideVector{} + c1, x[odd][3] = WideVector{} + c3;
    x[odd][2] = odd ? (WideVector)c2 >> 32 : (WideVector)c2;
  }
UNROLLED
  for (int round = 0; round < 10; round++) {
UNROLLED
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

// Uniform numbers for a strip: a counter serves a row group and four groups of m, its words one each. Other streams of the
// same layer and step are independent.
struct Draws {
  int seed, layer, step, stream, drawn[4];
  WordVector words[4][4];
  Draws(int seed, int layer, int step, int stream) : seed(seed), layer(layer), step(step), stream(stream), drawn{-1, -1, -1, -1} {}
  Vector draw(int unit, int row_group, int group) {
    if (group / 4 != drawn[unit]) {
      drawn[unit] = group / 4;
      philox_lanes(words[unit], (uint32_t)seed, (uint32_t)layer, (uint32_t)drawn[unit], (uint32_t)step,
                   lane_numbers(typename Count<LANES>::type{}) + (uint32_t)row_group, (uint32_t)stream);
    }
    // 23 bits, the last set: neither 0 nor 1
    return (Vector)((words[unit][group % 4] & 0x7fffffu) | 0x3f800001u) - 1.0f;
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

static void prune_columns(float* values, uint8_t* index, const float* w, const uint32_t* mask, int rows, int k, int taps, int n, int m, int v) {
  pack_transpose<LARGEST>(values, index, {w, mask, rows, k, taps}, n, m, v, Draws(0, 0, 0, 0));
}

static void sample_columns(float* values, uint8_t* index, const float* g, int rows, int k, int n, int m, int v, int seed, int layer, int step) {
  pack_transpose<SAMPLE>(values, index, {g, nullptr, rows, k, 1}, n, m, v, Draws(seed, layer, step, 0));
}

static void sample_rows(float* values, uint8_t* index, float* masked, const float* g, int rows, int k, int n, int m, int v, int seed, int layer, int step) {
  pack_transpose<SAMPLE>(values, index, {g, nullptr, rows, k, 1, true}, n, m, v, Draws(seed, layer, step, 1));
  if (masked) unpack_rows(masked, values, index, rows, k, n, m, v);
}

static void sample_columns_approximately(float* values, uint8_t* index, const float* g, int rows, int k, int seed, int layer, int step) {
  const Draws draws(seed, layer, step, 0);
  by_strips(values, index, {g, nullptr, rows, k, 1}, 2, 4, 1, [&](Strip& strip, int row_group) { choose_any_columns<APPROXIMATE>(strip, row_group, draws, 2, 4); });
}
