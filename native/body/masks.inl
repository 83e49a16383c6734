// Looking at masks: how far two are apart, and what a mask keeps of a weight.

// The ones of each word, by sums of 1, 2, 4 bits and then of bytes: the wide count of bits is no part of the instruction
// sets that are asked for, and this is far from being a limit.
template <class Words>
static inline Words ones_of(Words x) {
  x = x - ((x >> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >> 2) & 0x33333333);
  x = (x + (x >> 4)) & 0x0f0f0f0f;
  x = x + (x >> 8);
  return (x + (x >> 16)) & 63;
}

static void mask_divergence(double* out, const uint32_t* a, const uint32_t* b, int words) {
  typedef uint32_t Words __attribute__((vector_size(VECTOR_BYTES)));
  typedef uint32_t WordsInMemory __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
  Words sums = {};
  int i = 0;
  for (; i + LANES <= words; i += LANES) sums += ones_of((Words)(*(const WordsInMemory*)(a + i) ^ *(const WordsInMemory*)(b + i)));
  double count = 0;
  for (; i < words; i++) count += ones_of(a[i] ^ b[i]);
  for (int j = 0; j < LANES; j++) count += sums[j];
  *out = count;
}

// Sums of 128 entries in single precision, of these in double: the sum of a long row would lose the last digits.
static void kept_magnitude(double* out, const float* w, const uint32_t* mask, int rows, int k) {
  constexpr int PIECE = 128;
  parallel_chunks(rows, max_of(1, CHUNK / max_of(1, k)), [&](int first, int last) {
    for (int row = first; row < last; row++) {
      const uint32_t* bits = mask + (size_t)row * mask_words(k);
      const float* x = w + (size_t)row * k;
      double kept = 0, all = 0, zeros = 0;
      int i = 0;
      while (i + LANES <= k) {
        Vector kept_here = {}, all_here = {};
        IntVector zeros_here = {};
        for (const int end = min_of(k, i + PIECE); i + LANES <= end; i += LANES) {
          const IntVector keeps = lanes_of(bits[i / 32] >> (i & 31));
          const IntVector magnitude = (IntVector)load(x + i) & 0x7fffffff;
          all_here += (Vector)magnitude;
          kept_here += (Vector)(magnitude & keeps);
          zeros_here -= keeps & (magnitude == 0);
        }
        kept += sum_of(kept_here);
        all += sum_of(all_here);
        for (int j = 0; j < LANES; j++) zeros += zeros_here[j];
      }
      for (; i < k; i++) {
        const float magnitude = __builtin_fabsf(x[i]);
        all += magnitude;
        if (!(bits[i / 32] >> (i & 31) & 1)) continue;
        kept += magnitude;
        zeros += magnitude == 0;
      }
      out[row * 3] = kept;
      out[row * 3 + 1] = all;
      out[row * 3 + 2] = zeros;
    }
  });
}
