// Choices of N of M in every lane at once: the largest, and samples that are right on average (MVUE, approx-MVUE). What a
// lane holds is its caller's business: see pack-columns.inl.

// Loops of constant length. Not in WASM: the pragma would add a tenth to the module.
#if VECTOR_BYTES > 16
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define UNROLLED
#endif

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
