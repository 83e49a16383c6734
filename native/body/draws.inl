// Random numbers in every lane, the same as everywhere else: Philox 4x32-10 of (seed, layer; place, step).

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
