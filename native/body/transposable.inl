// The best transposable 2:4 mask: one that serves a matrix and its transpose.
// Unrolled, these loops would be 10 KiB of WASM.
#ifdef __wasm__
#define ROLLED _Pragma("clang loop unroll(disable) vectorize(disable)")
#define UNROLLED_NATIVE ROLLED
#else
#define ROLLED
#define UNROLLED_NATIVE _Pragma("GCC unroll 8")
#endif

typedef uint8_t ByteVector __attribute__((vector_size(VECTOR_BYTES)));

// Bit i: whether byte i of a has the one bit that is set in byte i of b.
static inline uint64_t bytes_with(ByteVector a, ByteVector b) {
#if defined(__AVX512F__)
  return _mm512_test_epi8_mask((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (uint32_t)_mm256_movemask_epi8((__m256i)((a & b) == b));
#elif defined(__SSE2__)
  return (uint32_t)_mm_movemask_epi8((__m128i)((a & b) == b));
#elif defined(__wasm_simd128__)
  return (uint32_t)__builtin_wasm_bitmask_i8x16((a & b) == b);
#else
  uint64_t bits = 0;
  for (int i = 0; i < VECTOR_BYTES; i++) bits |= (uint64_t)((a[i] & b[i]) != 0) << i;
  return bits;
#endif
}

// ---- transposable 2:4: each 4 x 4 block keeps two in every row and every column; one block a lane ----
// A row keeps one of six pairs of columns: 01 02 03 12 13 23. Pair 5 - p is what pair p leaves.
static constexpr int PAIRS[6] = {3, 5, 9, 6, 10, 12};

template <int... J>
static inline Vector low_pairs(Vector a, Vector b, Indices<J...>) { return __builtin_shufflevector(a, b, ((J & ~3) + (J & 3) / 2 + (J & 1) * LANES)...); }
template <int... J>
static inline Vector high_pairs(Vector a, Vector b, Indices<J...>) { return __builtin_shufflevector(a, b, ((J & ~3) + (J & 3) / 2 + 2 + (J & 1) * LANES)...); }

// Sums of |w| over the six pairs of 4 LANES neighbors. Lane 4q + p has the block p * LANES / 4 + q. A NaN is one number
// above infinity when read as an integer, in every sum that it enters.
static inline void pair_sums(Vector* sum, const float* w) {
  typedef typename Count<LANES>::type All;
  const IntVector most = IntVector{} + 0x7f800001;
  Vector part[4], entry[4];
  for (int i = 0; i < 4; i++) {
    const IntVector bits = (IntVector)load(w + i * LANES) & 0x7fffffff;
    part[i] = (Vector)(bits > most ? most : bits);
  }
  entry[0] = low_pairs(part[0], part[1], All{}), entry[1] = low_pairs(part[2], part[3], All{});
  entry[2] = high_pairs(part[0], part[1], All{}), entry[3] = high_pairs(part[2], part[3], All{});
  exchange<2>(entry[0], entry[1], All{});
  exchange<2>(entry[2], entry[3], All{});
  sum[0] = entry[0] + entry[1], sum[1] = entry[0] + entry[2], sum[2] = entry[0] + entry[3];
  sum[3] = entry[1] + entry[2], sum[4] = entry[1] + entry[3], sum[5] = entry[2] + entry[3];
}

// Some rows of a pattern: bit 4r + c is entry (r, c).
struct Kept { Vector sum; IntVector bits; };
// b where its sum is larger, else a
static inline Kept better(Kept a, Kept b) {
  const IntVector larger = (IntVector)b.sum > (IntVector)a.sum;
#ifdef __AVX512F__
  // not by the comparison, for which the next one would wait: a quarter less time
  const Vector sum = (Vector)_mm512_maskz_max_epi32(0xffff, (__m512i)a.sum, (__m512i)b.sum);
#else
  const Vector sum = larger ? b.sum : a.sum;
#endif
  return {sum, larger ? b.bits : a.bits};
}

// The best of the 90 patterns. Rows 0 and 1 decide how often each column is kept and so what is left for rows 2 and 3: 19
// ways, in each of which the halves are chosen apart. Ways: pairs p <= q, in order, for rows 0 and 1 in either order and
// 5 - p, 5 - q for rows 2 and 3; then, each column once, any p beside 5 - p in both halves. Of equals the first.
static inline IntVector best_patterns(const Vector (*sum)[6]) {
  const auto half = [&](int row, int p, int q) -> Kept {
    return {sum[row][p] + sum[row + 1][q], IntVector{} + ((PAIRS[p] | PAIRS[q] << 4) << 4 * row)};
  };
  const auto whole = [](Kept upper, Kept lower) -> Kept { return {upper.sum + lower.sum, upper.bits | lower.bits}; };
  Kept best = {Vector{} - 1, IntVector{}};
  UNROLLED_NATIVE for (int p = 0; p < 6; p++)
    UNROLLED_NATIVE for (int q = p; q < 6; q++) {
      if (p + q == 5) continue;
      Kept upper = half(0, p, q), lower = half(2, 5 - q, 5 - p);
      if (p < q) upper = better(upper, half(0, q, p)), lower = better(lower, half(2, 5 - p, 5 - q));
      best = better(best, whole(upper, lower));
    }
  Kept upper = half(0, 0, 5), lower = half(2, 0, 5);
  UNROLLED_NATIVE for (int p = 1; p < 6; p++) upper = better(upper, half(0, p, 5 - p)), lower = better(lower, half(2, p, 5 - p));
  return better(best, whole(upper, lower)).bits;
}

// From the order of pair_sums to the order of columns.
template <int... J>
static inline IntVector blocks_in_order(IntVector a, Indices<J...>) { return __builtin_shufflevector(a, a, (J * 4 % LANES + J * 4 / LANES)...); }
// Byte I of each lane in all of its four bytes.
template <int I, int... B>
static inline ByteVector byte_in_all(IntVector a, Indices<B...>) { return __builtin_shufflevector((ByteVector)a, (ByteVector)a, ((B & ~3) + I)...); }
template <int FIRST, int... B>
static inline ByteVector bit_of_byte(Indices<B...>) { return ByteVector{(uint8_t)(1 << (FIRST + (B & 3)))...}; }

// The mask's bits of 4 LANES columns of four rows.
static __attribute__((noinline)) void best_blocks(uint64_t* bits, const float* w, size_t k) {
  typedef typename Count<VECTOR_BYTES>::type Bytes;
  Vector sum[4][6];
  UNROLLED_NATIVE for (int row = 0; row < 4; row++) pair_sums(sum[row], w + row * k);
  const IntVector pattern = blocks_in_order(best_patterns(sum), typename Count<LANES>::type{});
  const ByteVector upper = byte_in_all<0>(pattern, Bytes{}), lower = byte_in_all<1>(pattern, Bytes{});
  const ByteVector even = bit_of_byte<0>(Bytes{}), odd = bit_of_byte<4>(Bytes{});
  bits[0] = bytes_with(upper, even), bits[1] = bytes_with(upper, odd);
  bits[2] = bytes_with(lower, even), bits[3] = bytes_with(lower, odd);
}

static void best_transposable(uint32_t* mask, const float* w, int rows, int k) {
  constexpr int COLUMNS = 4 * LANES;
  const int words = mask_words(k);
  parallel_chunks(rows / 4, max_of(1, 16384 / max_of(1, k)), [&](int from, int to) {
    for (int row = 4 * from; row < 4 * to; row += 4)
      for (int k0 = 0; k0 < k; k0 += COLUMNS) {
        const int length = min_of(COLUMNS, k - k0);
        const float* source = w + (size_t)row * k + k0;
        uint64_t bits[4];
        if (length == COLUMNS) {
          best_blocks(bits, source, k);
        } else {
          float copy[4][COLUMNS] = {};
          ROLLED for (int r = 0; r < 4; r++) __builtin_memcpy(copy[r], source + (size_t)r * k, sizeof(float) * length);
          best_blocks(bits, copy[0], COLUMNS);
          ROLLED for (int r = 0; r < 4; r++) bits[r] &= ((uint64_t)1 << length) - 1;
        }
        ROLLED for (int r = 0; r < 4; r++) {
          uint32_t* word = mask + (size_t)(row + r) * words + k0 / 32;
          // where a vector is half a word, the second half finds the first
          *word = (uint32_t)bits[r] << (k0 & 31) | (k0 & 31 ? *word : 0);
          if (length > 32) word[1] = (uint32_t)(bits[r] >> 32);
        }
      }
  });
}

#undef ROLLED
#undef UNROLLED_NATIVE
