// Slices: a form of an N:M operand [rows, k] for products with a few rows of X, which reading the weights limits. As in
// sliced ELLPACK 16 rows lie side by side, a row a lane, whatever the instruction set; the inputs of a group are loaded
// once, and each lane picks its own by a permute. A slot is an entry kept, groups of M in order along K.
//   values  [slice][slot][16]
//   places  [slice][word][16]: an entry's place in its group, 2 bits for M <= 4, else 4, the first slot lowest
// Rows beyond the last hold zeros. With M <= 4 an entry takes 4.25 bytes: 2:4 is 0.53 of the dense matrix.
constexpr int SLICE = 16, SLICE_VECTORS = SLICE / LANES;
static inline int places_per_word(int m) { return m <= 4 ? 16 : 8; }

// From a pack. Rows that share a choice have their places each for themselves.
static void pack_slices(float* values, uint32_t* places, const float* packed, const uint8_t* index, int rows, int k, int n, int m, int v) {
  const unsigned per_word = places_per_word(m);
  const int slots = k / m * n, words = ceil_div(slots, (int)per_word), block = pack_block(m);
  parallel(ceil_div(rows, SLICE), [&](int slice) {
    float* out = values + (size_t)slice * slots * SLICE;
    uint32_t* out_places = places + (size_t)slice * words * SLICE;
    const int valid = min_of(SLICE, rows - slice * SLICE);
    __builtin_memset(out, 0, sizeof(float) * slots * SLICE);
    __builtin_memset(out_places, 0, sizeof(uint32_t) * words * SLICE);
    for (int k0 = 0; k0 < k; k0 += block) {
      const int first = k0 / m * n, count = min_of(block, k - k0) / m * n;
      for (int lane = 0; lane < valid; lane++) {
        const int row = slice * SLICE + lane;
        const size_t from = slots_before(k0, rows, n, m, v) + (size_t)(row / v) * count;
        for (int i = 0, begin = 0; i < count; begin += m)
          for (const int end = i + n; i < end; i++) {
            const unsigned slot = first + i;
            out[(size_t)slot * SLICE + lane] = packed[(from + i) * v + row % v];
            out_places[(size_t)slot / per_word * SLICE + lane] |= (uint32_t)(index[from + i] - begin) << slot % per_word * (32 / per_word);
          }
      }
    }
  });
}

// The inputs of a group, and each lane's choice of them; WINDOW: 4, 8 or 16 floats, M rounded up. An index may have the
// places of later slots above its own: choice() makes of it what the choosing takes, once for all rows of X.
template <int WINDOW>
struct Window {
#if defined(__AVX512F__)
  Vector x;
  // of 8 no more than these 8: a load that crosses a line counts twice
  explicit Window(const float* at)
      : x(WINDOW == 4 ? (Vector)_mm512_broadcast_f32x4(_mm_loadu_ps(at)) : WINDOW == 8 ? (Vector)_mm512_broadcast_f32x8(_mm256_loadu_ps(at)) : load(at)) {}
  static IntVector choice(IntVector place) { return place; }
  Vector operator[](IntVector choice) const {
    return WINDOW == 4 ? (Vector)_mm512_permutevar_ps((__m512)x, (__m512i)choice) : (Vector)_mm512_permutexvar_ps((__m512i)choice, (__m512)x);
  }
#elif defined(__AVX2__)
  Vector x, high;
  explicit Window(const float* at) : x(WINDOW == 4 ? (Vector)_mm256_broadcast_ps((const __m128*)at) : load(at)), high(WINDOW > 8 ? load(at + 8) : x) {}
  static IntVector choice(IntVector place) { return place; }
  Vector operator[](IntVector choice) const {
    if (WINDOW == 4) return (Vector)_mm256_permutevar_ps((__m256)x, (__m256i)choice);
    const __m256 low = _mm256_permutevar8x32_ps((__m256)x, (__m256i)choice);
    return WINDOW == 8 ? (Vector)low : (Vector)_mm256_blendv_ps(low, _mm256_permutevar8x32_ps((__m256)high, (__m256i)choice), (__m256)(choice << 28));
  }
#else
  typedef int8_t Bytes __attribute__((vector_size(16)));
  const float* x;
  explicit Window(const float* at) : x(at) {}
#if defined(__wasm_simd128__) || defined(__aarch64__)
  // by bytes: a place is four of them
  static constexpr bool BYTES = WINDOW == 4;
#else
  static constexpr bool BYTES = false;
#endif
  static IntVector choice(IntVector place) {
    place &= WINDOW - 1;
    return BYTES ? place * 0x04040404 + 0x03020100 : place;
  }
  Vector operator[](IntVector choice) const {
#if defined(__wasm_simd128__)
    if constexpr (BYTES) return (Vector)__builtin_wasm_swizzle_i8x16((Bytes)load(x), (Bytes)choice);
#elif defined(__aarch64__)
    if constexpr (BYTES) return (Vector)vqtbl1q_u8((uint8x16_t)load(x), (uint8x16_t)choice);
#endif
    return Vector{x[choice[0]], x[choice[1]], x[choice[2]], x[choice[3]]};
  }
#endif
};

// Rows of X in one tile, at most.
constexpr int SLICE_ROWS = LANES > 4 ? 8 : 1;
// Hardware prefetches to the end of a page, this on into the next: 8 KiB.
constexpr int SLICES_AHEAD = 2048;

// sums[slice][t][16] (+)= slots of SLICES slices, the first of them the first of a word; N: kept in a group, 0 for any.
template <int T, int SLICES, int WINDOW, int N>
static void slices_tile(float* sums, const float* values, const uint32_t* places, size_t values_apart, size_t places_apart, const float* x, int slots, int n, bool accumulate) {
  constexpr int BITS = WINDOW == 4 ? 2 : 4, WORD = 32 / BITS, STEP = N ? N : 1;
  constexpr int CHAINS = N == 0 || T >= 4 ? 1 : 4 / T;  // independent sums hide the latency of FMA
  constexpr int VECTORS = SLICES * SLICE_VECTORS;
  Vector sum[T][VECTORS][CHAINS];
#pragma GCC unroll 8
  for (int t = 0; t < T; t++)
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
#pragma GCC unroll 4
      for (int c = 0; c < CHAINS; c++) sum[t][v][c] = Vector{};
      if (accumulate) sum[t][v][0] = load(sums + ((v / SLICE_VECTORS * T + t) * SLICE_VECTORS + v % SLICE_VECTORS) * LANES);
    }
  int in_group = 0;
  for (int slot = 0; slot < slots; slot += WORD) {
    IntVector place[VECTORS];
    const float* at[VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      const int slice = v / SLICE_VECTORS, lane = v % SLICE_VECTORS * LANES;
      place[v] = *(const IntVectorInMemory*)(places + slice * places_apart + (size_t)slot / WORD * SLICE + lane);
      at[v] = values + slice * values_apart + (size_t)slot * SLICE + lane;
    }
    const auto step = [&](int j) {
      Vector value[STEP][VECTORS];
      IntVector chosen[STEP][VECTORS];
#pragma GCC unroll 4
      for (int s = 0; s < STEP; s++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) {
          value[s][v] = load(at[v] + (j + s) * SLICE);
          if (v % SLICE_VECTORS == 0) __builtin_prefetch(at[v] + (j + s) * SLICE + SLICES_AHEAD);
          chosen[s][v] = Window<WINDOW>::choice(place[v]);
          place[v] >>= BITS;
        }
#pragma GCC unroll 8
      for (int t = 0; t < T; t++) {
        const Window<WINDOW> window(x + t * WINDOW);
#pragma GCC unroll 4
        for (int s = 0; s < STEP; s++)
#pragma GCC unroll 8
          for (int v = 0; v < VECTORS; v++) sum[t][v][(j + s) % CHAINS] += value[s][v] * window[chosen[s][v]];
      }
      if (N || ++in_group == n) {
        x += T * WINDOW;
        in_group = 0;
      }
    };
    if constexpr (N) {
#pragma GCC unroll 16
      for (int j = 0; j < WORD; j += STEP) step(j);
    } else {
      for (int j = 0; j < min_of(WORD, slots - slot); j++) step(j);
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; t++)
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
#pragma GCC unroll 4
      for (int c = 1; c < CHAINS; c++) sum[t][v][0] += sum[t][v][c];
      store(sums + ((v / SLICE_VECTORS * T + t) * SLICE_VECTORS + v % SLICE_VECTORS) * LANES, sum[t][v][0]);
    }
}

// Slices first..last-1 times a tile of X. Two slices at once lie half of the task apart, so each stream goes on where it is.
template <int T, int WINDOW, int N>
static void small_slices(float* y, const float* x, int valid, const float* values, const uint32_t* places, const float* bias, int k_count, int out, int first, int last, bool relu, int n, int m) {
  constexpr int WORD = WINDOW == 4 ? 16 : 8;
  const int slots = k_count / m * n, words = ceil_div(slots, WORD), whole = N ? slots / WORD * WORD : 0;
  const size_t values_size = (size_t)slots * SLICE, places_size = (size_t)words * SLICE;
  const auto run = [&](int slice, auto at_once, int apart) {
    constexpr int SLICES = decltype(at_once)::value;
    float sums[SLICES][T][SLICE];
    const float* v = values + slice * values_size;
    const uint32_t* p = places + slice * places_size;
    if (N && whole) slices_tile<T, SLICES, WINDOW, N>(sums[0][0], v, p, apart * values_size, apart * places_size, x, whole, n, false);
    if (slots > whole || slots == 0)
      slices_tile<T, SLICES, WINDOW, 0>(sums[0][0], v + (size_t)whole * SLICE, p + (size_t)whole / WORD * SLICE, apart * values_size, apart * places_size,
                                        x + (size_t)whole / n * T * WINDOW, slots - whole, n, whole > 0);
    for (int s = 0; s < SLICES; s++) {
      const int row = (slice + s * apart) * SLICE, rows = min_of(SLICE, out - row);
      for (int t = 0; t < valid; t++)
        for (int i = 0; i < rows; i++) {
          const float sum = sums[s][t][i] + (bias ? bias[row + i] : 0);
          y[(size_t)t * out + row + i] = relu ? rectified(sum) : sum;
        }
    }
  };
  int slice = first;
  if constexpr (LANES == 16) {
    const int half = (last - first) / 2;
    for (; slice < first + half; slice++) run(slice, Integer<2>{}, half);
    slice += half;
  }
  for (; slice < last; slice++) run(slice, Integer<1>{}, 0);
}

template <int WINDOW, int N>
static void forward_slices_of(float* y, const float* x, const float* values, const uint32_t* places, const float* bias, int rows, int k_count, int out, bool relu, int n, int m) {
  const size_t width = (size_t)k_count / m * WINDOW;
  float* copy = scratch<float>(SCRATCH_ROWS, (rows + SLICE_ROWS / 2) * width);
  small_tiles<SLICE_ROWS>(rows, [&](auto T, int t, int valid) { gather_rows<decltype(T)::value, WINDOW>(copy + t * width, x + (size_t)t * k_count, valid, k_count, m); });
  const int slices = ceil_div(out, SLICE);
  parallel_chunks(slices, runtime->threads() == 1 ? max_of(1, slices) : max_of(1, min_of(32, slices / (4 * runtime->threads()))), [&](int first, int last) {
    small_tiles<SLICE_ROWS>(rows, [&](auto T, int t, int valid) {
      small_slices<decltype(T)::value, WINDOW, N>(y + (size_t)t * out, copy + t * width, valid, values, places, bias, k_count, out, first, last, relu, n, m);
    });
    runtime->count_multiplies((int64_t)rows * (last - first) * SLICE * (k_count / m * n));
  });
}

static void forward_slices(float* y, const float* x, const float* values, const uint32_t* places, const float* bias, int rows, int k_count, int out, int relu, int n, int m) {
  auto* of = m <= 4 ? forward_slices_of<4, 0> : forward_slices_of<16, 0>;
  if constexpr (LANES > 4) {
    if (m > 4 && m <= 8) of = forward_slices_of<8, 0>;
    // a constant number of entries in a group is worth a tenth
    if (m <= 4 && n == 1) of = forward_slices_of<4, 1>;
    if (m <= 4 && n == 2) of = forward_slices_of<4, 2>;
  }
  of(y, x, values, places, bias, rows, k_count, out, relu, n, m);
}
