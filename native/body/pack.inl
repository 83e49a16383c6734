// Packs of an N:M operand [rows, k], and the magnitude pruning that makes them.
//
// Layout: K is cut in blocks of PACK_BLOCK(m) = 128 rounded down to whole groups. A block holds, for each group of `v`
// rows, its slots: block_k / m * n of them. index: position within the block (u8); values: `v` floats, one a row,
// zero for rows beyond the last. Blocks lie one after another, so a kernel streams both arrays from front to back.
static inline int pack_block(int m) { return 128 - 128 % m; }
static inline int row_groups(int rows, int v) { return ceil_div(rows, v); }
static inline int mask_words(int k) { return ceil_div(k, 32); }
// Slots of all row groups in the blocks before k; k is a multiple of m.
static inline size_t slots_before(int k, int rows, int n, int m, int v) { return (size_t)k / m * n * row_groups(rows, v); }

// Bits of the n largest |w| of m (for v > 1: of the sum of |w| over v rows); ties keep the lower index.
static inline uint32_t magnitude_bits(const float* score, int n, int m) {
  uint32_t bits = 0;
  for (int i = 0; i < m; i++) {
    int larger = 0;
    for (int j = 0; j < m; j++) larger += j < i ? score[j] >= score[i] : score[j] > score[i];
    bits |= (uint32_t)(larger < n) << i;
  }
  return bits;
}

#if LANES_AT_LEAST_4
// The same for all groups of 4 in one vector: each lane counts the larger ones among its three neighbours. As integers
// |a| >= |b| is |a| + 1 > |b|, so the tie rule is a constant added where the neighbour's index is the lower one.
template <int R, int... J>
static inline IntVector rotate_groups(IntVector a, Indices<J...>) { return __builtin_shufflevector(a, a, ((J & ~3) | ((J + R) & 3))...); }
template <int R, int... J>
static inline IntVector lower_neighbour(Indices<J...>) { return IntVector{(((J + R) & 3) < (J & 3) ? 1 : 0)...}; }
template <int R>
static inline IntVector outranked(IntVector a) {
  typedef typename Count<LANES>::type All;
  return rotate_groups<R>(a, All{}) + lower_neighbour<R>(All{}) > a;  // -1 where true
}
static inline IntVector kept_of_4(Vector w, int n) {
  const IntVector magnitude = (IntVector)w & 0x7fffffff;
  return outranked<1>(magnitude) + outranked<2>(magnitude) + outranked<3>(magnitude) > -n;
}
#endif

// Writes the pack (and mask, masked copy) of the group rows [group * v, +v); support(k, out): m bits of the group at k.
template <class Support>
static inline void pack_group(float* values, uint8_t* index, uint32_t* mask, float* masked, const float* w, int rows, int k,
                              int n, int m, int v, int group, const Support& support) {
  const int block = pack_block(m), first = group * v, valid = min_of(v, rows - first);
  if (mask) __builtin_memset(mask + (size_t)first * mask_words(k), 0, sizeof(uint32_t) * mask_words(k) * valid);
  for (int k0 = 0; k0 < k; k0 += block) {
    const int length = min_of(block, k - k0);
    size_t slot = slots_before(k0, rows, n, m, v) + (size_t)group * (length / m * n);
    for (int i = k0; i < k0 + length; i += m) {
      const uint32_t bits = support(i);
      for (int j = 0; j < m; j++) {
        const bool kept = bits >> j & 1;
        if (kept) {
          index[slot] = (uint8_t)(i - k0 + j);
          for (int r = 0; r < v; r++) values[slot * v + r] = r < valid ? w[(size_t)(first + r) * k + i + j] : 0;
          slot++;
        }
        for (int r = 0; r < valid; r++) {
          if (masked) masked[(size_t)(first + r) * k + i + j] = kept ? w[(size_t)(first + r) * k + i + j] : 0;
          if (mask && kept) mask[(size_t)(first + r) * mask_words(k) + (i + j) / 32] |= 1u << ((i + j) & 31);
        }
      }
    }
  }
}

#ifdef __AVX512F__
// 2:4 of single rows: 16 weights make exactly 8 slots, so two compressing stores write them where they belong.
static inline void prune_row_2_of_4(float* values, uint8_t* index, uint32_t* mask, float* masked, const float* w, int rows, int k, int row) {
  const float* source = w + (size_t)row * k;
  uint16_t* bits_of = (uint16_t*)(mask + (size_t)row * mask_words(k));
  const __m128i positions = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  if (k % 32) bits_of[2 * mask_words(k) - 1] = bits_of[2 * mask_words(k) - 2] = 0;
  for (int k0 = 0; k0 < k; k0 += 128) {
    const int length = min_of(128, k - k0);
    size_t slot = slots_before(k0, rows, 2, 4, 1) + (size_t)row * (length / 2);
    for (int i = 0; i < length; i += 16, slot += 8) {
      const int left = min_of(16, length - i);
      const __mmask16 valid = (__mmask16)((1u << left) - 1);
      const __m512 x = _mm512_maskz_loadu_ps(valid, source + k0 + i);
      const __mmask16 kept = _mm512_movepi32_mask((__m512i)kept_of_4((Vector)x, 2)) & valid;
      bits_of[(k0 + i) / 16] = kept;
      if (masked) _mm512_mask_storeu_ps(masked + (size_t)row * k + k0 + i, valid, _mm512_maskz_mov_ps(kept, x));
      const __m512 packed = _mm512_maskz_compress_ps(kept, x);
      const __m512i at = _mm512_maskz_compress_epi32(kept, _mm512_add_epi32(_mm512_cvtepi8_epi32(positions), _mm512_set1_epi32(i)));
      if (left == 16) {
        _mm256_storeu_ps(values + slot, _mm512_castps512_ps256(packed));
        _mm_storel_epi64((__m128i*)(index + slot), _mm512_cvtepi32_epi8(at));
      } else {
        const __mmask16 slots = (__mmask16)((1u << (left / 2)) - 1);
        _mm512_mask_storeu_ps(values + slot, slots, packed);
        _mm512_mask_cvtepi32_storeu_epi8(index + slot, slots, at);
      }
    }
  }
}
#endif

static void prune_rows(float* values, uint8_t* index, uint32_t* mask, float* masked, const float* w, int rows, int k, int n, int m, int v) {
  const int groups = row_groups(rows, v);
  parallel_chunks(groups, max_of(1, 65536 / max_of(1, k * v)), [&](int from, int to) {
    for (int group = from; group < to; group++) {
#ifdef __AVX512F__
      if (n == 2 && m == 4 && v == 1) {
        prune_row_2_of_4(values, index, mask, masked, w, rows, k, group);
        continue;
      }
#endif
      const int first = group * v, valid = min_of(v, rows - first);
      pack_group(values, index, mask, masked, w, rows, k, n, m, v, group, [&](int i) {
        float score[16];
        for (int j = 0; j < m; j++) {
          score[j] = 0;
          for (int r = 0; r < valid; r++) score[j] += __builtin_fabsf(w[(size_t)(first + r) * k + i + j]);
        }
        return magnitude_bits(score, n, m);
      });
    }
  });
}

static void pack_rows(float* values, uint8_t* index, float* masked, const float* w, const uint32_t* mask, int rows, int k, int n, int m, int v) {
  parallel_chunks(row_groups(rows, v), max_of(1, 65536 / max_of(1, k * v)), [&](int from, int to) {
    for (int group = from; group < to; group++) {
      const uint32_t* bits = mask + (size_t)group * v * mask_words(k);
      pack_group(values, index, nullptr, masked, w, rows, k, n, m, v, group, [&](int i) {
        // a group of m may straddle two words
        const uint64_t word = bits[i / 32] | (i % 32 + m > 32 ? (uint64_t)bits[i / 32 + 1] << 32 : 0);
        return (uint32_t)(word >> (i & 31)) & ((1u << m) - 1);
      });
    }
  });
}

static inline bool kept_at(const uint32_t* row, int k) { return row[k / 32] >> (k & 31) & 1; }

static void masked_decay(float* grad, const float* w, const uint32_t* mask, int rows, int k, float lambda) {
  parallel_chunks(rows, max_of(1, 65536 / max_of(1, k)), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const uint32_t* bits = mask + (size_t)row * mask_words(k);
      for (int i = 0; i < k; i++) {
        const size_t at = (size_t)row * k + i;
        grad[at] += kept_at(bits, i) ? 0.0f : lambda * w[at];
      }
    }
  });
}

static void apply_mask(float* x, const uint32_t* mask, int rows, int k) {
  parallel_chunks(rows, max_of(1, 65536 / max_of(1, k)), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const uint32_t* bits = mask + (size_t)row * mask_words(k);
      for (int i = 0; i < k; i++) x[(size_t)row * k + i] = kept_at(bits, i) ? x[(size_t)row * k + i] : 0.0f;
    }
  });
}
