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

// ---- which entries of a block are kept: up to 128 bits, in two registers ----
struct BlockBits {
  uint64_t low = 0, high = 0;
  // the bits from i on, for i a multiple of LANES or of 8
  uint32_t at(int i) const { return (uint32_t)((i < 64 ? low : high) >> (i & 63)); }
  void put(int i, uint32_t bits) { (i < 64 ? low : high) |= (uint64_t)bits << (i & 63); }
  // clears what lies at or beyond `length`
  void cut(int length) {
    if (length < 64) low &= ((uint64_t)1 << length) - 1;
    if (length < 128) high &= length <= 64 ? 0 : ((uint64_t)1 << (length - 64)) - 1;
  }
};

// The sign bits of the lanes.
static inline uint32_t sign_bits(IntVector v) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)v);
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)v);
#elif defined(__SSE2__)
  return _mm_movemask_ps((__m128)v);
#elif defined(__wasm_simd128__)
  return __builtin_wasm_bitmask_i32x4(v);
#else
  uint32_t bits = 0;
  for (int i = 0; i < LANES; i++) bits |= (uint32_t)(v[i] < 0) << i;
  return bits;
#endif
}

template <int... J>
static inline IntVector lane_powers(Indices<J...>) { return IntVector{(1 << J)...}; }

// The reverse: -1 in the lanes whose bit is set.
static inline IntVector lanes_of(uint32_t bits) {
#ifdef __AVX512F__
  return (IntVector)_mm512_movm_epi32((__mmask16)bits);
#else
  const IntVector power = lane_powers(typename Count<LANES>::type{});
  return ((IntVector{} + (int32_t)bits) & power) == power;
#endif
}

// Scores of LANES columns: |w|, or the f32 sum of |w| over the rows of a vector, as integers of the same order. All NaN
// are one, above infinity: which of two NaN a sum returns is the machine's choice.
static inline IntVector scores(const float* w, size_t k, int rows) {
  IntVector score = (IntVector)load(w) & 0x7fffffff;
  for (int row = 1; row < rows; row++)
    score = (IntVector)((Vector)score + (Vector)((IntVector)load(w + row * k) & 0x7fffffff)) & 0x7fffffff;
#if defined(__AVX512F__)
  return (IntVector)_mm512_min_epi32((__m512i)score, _mm512_set1_epi32(0x7f800001));
#elif defined(__AVX2__)
  return (IntVector)_mm256_min_epi32((__m256i)score, _mm256_set1_epi32(0x7f800001));
#else
  return score > 0x7f800000 ? IntVector{} + 0x7f800001 : score;
#endif
}

template <int M, int R, int... J>
static inline IntVector rotated(IntVector a, Indices<J...>) { return __builtin_shufflevector(a, a, ((J & ~(M - 1)) | ((J + R) & (M - 1)))...); }
// 1 where the rotation by R brings a neighbor of lower index
template <int M, int R, int... J>
static inline IntVector from_lower(Indices<J...>) { return IntVector{(((J + R) & (M - 1)) < (J & (M - 1)) ? 1 : 0)...}; }

// count + 1 where a > b
static inline IntVector one_more(IntVector count, IntVector a, IntVector b) {
#ifdef __AVX512F__
  return (IntVector)_mm512_mask_add_epi32((__m512i)count, _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b), (__m512i)count, _mm512_set1_epi32(1));
#else
  return count - (a > b);
#endif
}

// Each lane counts the larger ones of its group: M lanes of one vector, or all lanes of S. It meets them by rotations
// from 0 to M - 1. Of equals the lower index is the larger; a >= b is a > b - 1, so a constant makes that rule.
template <int M, int S, int R = 0>
static inline void count_larger(IntVector* larger, const IntVector* score) {
  typedef typename Count<LANES>::type All;
  if constexpr (R < M) {
    for (int j = 0; j < S; j++) {
      const IntVector other = rotated<M, R>(score[j], All{});
      for (int i = 0; i < S; i++)
        if (R > 0 || i != j) larger[i] = one_more(larger[i], other, score[i] - (i == j ? from_lower<M, R>(All{}) : IntVector{} + (j < i)));
    }
    count_larger<M, S, R + 1>(larger, score);
  }
}

// The n largest of each m. M: the power of two that holds m; if it is not m, w is read up to 15 floats beyond `length`.
template <int M, bool WHOLE>
static inline __attribute__((always_inline)) BlockBits largest_of(const float* w, size_t k, int rows, int length, int n, int m) {
  constexpr int S = M > LANES ? M / LANES : 1;
  BlockBits bits;
  for (int i = 0; i < length; i += WHOLE ? S * LANES : m) {
    IntVector score[S], larger[S] = {};
    for (int j = 0; j < S; j++) {
      score[j] = scores(w + i + j * LANES, k, rows);
      // one group at a time, the lanes beyond it below all
      if (!WHOLE) score[j] |= ~lanes_of(((1u << m) - 1) >> j * LANES);
    }
    count_larger<(M > LANES ? LANES : M), S>(larger, score);
    uint32_t kept = 0;
    for (int j = 0; j < S; j++) kept |= sign_bits(larger[j] - n) << j * LANES;
    if (!WHOLE) kept &= (1u << m) - 1;
    bits.put(i, kept);
    if (!WHOLE && i < 64 && i + m > 64) bits.high |= kept >> (64 - i);
  }
  return bits;
}

template <int M, bool WHOLE>
static BlockBits largest_by(const float* w, size_t k, int rows, int length, int n, int m) { return largest_of<M, WHOLE>(w, k, rows, length, n, m); }

typedef BlockBits Largest(const float* w, size_t k, int rows, int length, int n, int m);
static Largest* largest_for(int m) {
  return m == 1 ? largest_by<1, true> : m == 2 ? largest_by<2, true> : m == 4 ? largest_by<4, true> : m == 8 ? largest_by<8, true> : m == 16 ? largest_by<16, true>
         : m < 8 ? largest_by<8, false> : largest_by<16, false>;
}

// The same for a block of any length: what is not 128 long (m no power of two, or the end of a row) is copied, for the
// vectors that reach beyond its end.
template <int V>
static inline BlockBits largest(Largest* of, const float* w, size_t k, int rows, int length, int n, int m) {
  if (length == 128 && rows == V) {
    // in place and with constants: a tenth less time, except where a group fills the registers
    if (m == 4) return largest_of<4, true>(w, k, V, 128, n, 4);
    if (m == 2) return largest_of<2, true>(w, k, V, 128, n, 2);
    if (LANES > 4 && m == 8) return largest_of<8, true>(w, k, V, 128, n, 8);
  }
  if (length == 128) return of(w, k, rows, length, n, m);
  float copy[4][128 + 16] = {};
  for (int row = 0; row < rows; row++) __builtin_memcpy(copy[row], w + row * k, sizeof(float) * length);
  BlockBits bits = of(copy[0], 128 + 16, rows, length, n, m);
  bits.cut(length);
  return bits;
}

// The bits k0.. of a mask's row.
static inline BlockBits read_bits(const uint32_t* row, int k0, int length) {
  BlockBits bits;
  const int shift = k0 & 31, last = (k0 + length - 1) / 32;
  for (int i = 0; i < length; i += 32) {
    const int at = (k0 + i) / 32;
    const uint64_t two = row[at] | (shift && at < last ? (uint64_t)row[at + 1] << 32 : 0);
    bits.put(i, (uint32_t)(two >> shift));
  }
  bits.cut(length);
  return bits;
}

// Puts a block's bits into a mask's row; blocks come in order, so words that begin in a block may hold anything before.
static inline void write_bits(uint32_t* row, int k0, int length, const BlockBits& bits) {
  const int shift = k0 & 31;
  if (shift == 0 && length == 128) {
    __builtin_memcpy(row + k0 / 32, &bits.low, 8);
    __builtin_memcpy(row + k0 / 32 + 2, &bits.high, 8);
    return;
  }
  for (int i = 0; i < length; i += 32) {
    uint32_t* word = row + (k0 + i) / 32;
    const uint32_t here = bits.at(i);
    *word = shift ? *word | here << shift : here;
    if (shift && (k0 + length - 1) / 32 > (k0 + i) / 32) word[1] = here >> (32 - shift);
  }
}

// For each byte of a mask the positions of its ones, packed into a word, and their number.
struct BytePositions {
  uint64_t positions[256];
  uint8_t count[256];
  constexpr BytePositions() : positions(), count() {
    for (int byte = 0; byte < 256; byte++)
      for (int bit = 0; bit < 8; bit++)
        if (byte >> bit & 1) positions[byte] |= (uint64_t)bit << 8 * count[byte]++;
  }
};
static constexpr BytePositions byte_positions;

#ifdef __AVX512F__
// The first `count` lanes of V vectors, lane by lane: values[lane * V + r] = rows[r][lane].
template <int V>
static inline void store_interleaved(float* values, const __m512* rows, int count) {
  const auto first = [count](int from) { return (__mmask16)((1u << max_of(0, min_of(16, count * V - from))) - 1); };
  if constexpr (V == 1) {
    _mm512_mask_storeu_ps(values, first(0), rows[0]);
  } else {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    if constexpr (V == 2) {
      const __m512 half = _mm512_permutex2var_ps(rows[0], low, rows[1]);
      if (count == 8) _mm512_storeu_ps(values, half);
      else _mm512_mask_storeu_ps(values, first(0), half);
      if (count > 8) _mm512_mask_storeu_ps(values + 16, first(16), _mm512_permutex2var_ps(rows[0], high, rows[1]));
    } else {
      const __m512i low_pairs = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), high_pairs = _mm512_add_epi64(low_pairs, _mm512_set1_epi64(4));
      for (int from = 0; from < count * V; from += 32) {
        const __m512i half = from == 0 ? low : high;
        const __m512d a = _mm512_castps_pd(_mm512_permutex2var_ps(rows[0], half, rows[1])), b = _mm512_castps_pd(_mm512_permutex2var_ps(rows[2], half, rows[3]));
        _mm512_mask_storeu_ps(values + from, first(from), _mm512_castpd_ps(_mm512_permutex2var_pd(a, low_pairs, b)));
        _mm512_mask_storeu_ps(values + from + 16, first(from + 16), _mm512_castpd_ps(_mm512_permutex2var_pd(a, high_pairs, b)));
      }
    }
  }
}
#endif

// Writes a block of a row group, whose rows of w lie `apart`: slots from values, index on; masked, if wanted, in rows of k. spill: the eight slots
// behind may be overwritten, because what belongs there is written later, by this task.
template <int V>
static inline void emit_block(float* values, uint8_t* index, float* masked, int k, const float* w, int apart, int valid, int length, [[maybe_unused]] int slots, [[maybe_unused]] bool spill,
                              const BlockBits& bits) {
#ifdef __AVX512F__
  {
    // compressed in registers, then stored: a compressing store is slow on AMD
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int i = 0; i < length; i += LANES) {
      const __mmask16 kept = (__mmask16)bits.at(i);
      const int count = __builtin_popcount(kept);
      __m512 compact[V];
#pragma GCC unroll 4
      for (int r = 0; r < V; r++) {
        const float* row = w + (size_t)r * apart + i;
        // whole vectors unmasked: a load that waits for its mask misses the cache late (0.49 against 0.30 ms a million, cold)
        const __m512 x = r >= valid ? _mm512_setzero_ps() : length - i >= LANES ? _mm512_loadu_ps(row) : _mm512_maskz_loadu_ps(kept, row);
        compact[r] = _mm512_maskz_compress_ps(kept, x);
      }
      const __m128i at = _mm512_cvtepi32_epi8(_mm512_maskz_compress_epi32(kept, _mm512_add_epi32(lanes, _mm512_set1_epi32(i))));
      if (count == 8) {
        if (V == 1) _mm256_storeu_ps(values, _mm512_castps512_ps256(compact[0]));
        else store_interleaved<V>(values, compact, 8);
        _mm_storel_epi64((__m128i*)index, at);
      } else {
        store_interleaved<V>(values, compact, count);
        _mm_mask_storeu_epi8(index, (__mmask16)((1u << count) - 1), at);
      }
      values += count * V;
      index += count;
    }
  }
#else
#ifdef __AVX2__
  if (V < 4 && valid == V && spill && length % 8 == 0) {
    for (int i = 0; i < length; i += 8) {
      const uint8_t byte = (uint8_t)bits.at(i);
      const uint64_t positions = byte_positions.positions[byte], at = positions + 0x0101010101010101u * (uint64_t)i;
      const __m256i lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)positions));
      const __m256 first = _mm256_permutevar8x32_ps(_mm256_loadu_ps(w + i), lanes);
      if (V == 1) {
        _mm256_storeu_ps(values, first);
      } else {
        const __m256 second = _mm256_permutevar8x32_ps(_mm256_loadu_ps(w + apart + i), lanes);
        const __m256 low = _mm256_unpacklo_ps(first, second), high = _mm256_unpackhi_ps(first, second);
        _mm256_storeu_ps(values, _mm256_permute2f128_ps(low, high, 0x20));
        _mm256_storeu_ps(values + 8, _mm256_permute2f128_ps(low, high, 0x31));
      }
      __builtin_memcpy(index, &at, 8);
      values += byte_positions.count[byte] * V;
      index += byte_positions.count[byte];
    }
  } else
#endif
  {
    // eight positions at a time, the unused ones overwritten by the next eight
    uint8_t at[128 + 8];
    for (int i = 0, slot = 0; i < length; i += 8) {
      const uint8_t byte = (uint8_t)bits.at(i);
      const uint64_t positions = byte_positions.positions[byte] + 0x0101010101010101u * (uint64_t)i;
      __builtin_memcpy(at + slot, &positions, 8);
      slot += byte_positions.count[byte];
    }
    const float* rows[V];
    for (int r = 0; r < V; r++) rows[r] = r < valid ? w + (size_t)r * apart : zeros;
    for (int slot = 0; slot < slots; slot++)
      for (int r = 0; r < V; r++) values[slot * V + r] = rows[r][at[slot]];
    // last: a copy of what was just stored in overlapping pieces would wait for these stores to retire
    __builtin_memcpy(index, at, slots);
  }
#endif
  if (!masked) return;
  for (int r = 0; r < valid; r++) {
    const float* row = w + (size_t)r * apart;
    float* out = masked + (size_t)r * k;
    int i = 0;
    for (; i + LANES <= length; i += LANES) store(out + i, (Vector)((IntVector)load(row + i) & lanes_of(bits.at(i))));
    for (; i < length; i++) out[i] = bits.at(i) & 1 ? row[i] : 0;
  }
}

// The largest lane of each M neighbors, in all of them.
template <int M, int R, int... J>
static inline IntVector exchanged(IntVector a, Indices<J...>) { return __builtin_shufflevector(a, a, (J ^ R)...); }
template <int M, int R = 1>
static inline IntVector largest_lane(IntVector a) {
  if constexpr (R < M) {
    const IntVector other = exchanged<M, R>(a, typename Count<LANES>::type{});
    return largest_lane<M, 2 * R>(other > a ? other : a);
  } else {
    return a;
  }
}

// What is left of a score s where t is the largest that is pruned; as a share of s where rows share it. Not below zero; NaN stays.
template <class T>
static inline T softened(T s, T t, bool shared) {
  const T left = s - t;
  return left <= 0 ? T{} : shared ? left / s : left;
}

// Soft thresholds of LANES columns of groups of M, for pruned lanes too; out: rows 128 apart.
template <int M>
static inline void soften_lanes(float* out, const float* w, size_t k, int rows, int i, uint32_t kept, float soft, bool shared) {
  const IntVector s = scores(w + i, k, rows), t = largest_lane<M>(s & ~lanes_of(kept));
  const Vector left = softened((Vector)s, (Vector)t, shared) * soft;
  for (int r = 0; r < rows; r++) {
    const Vector x = load(w + r * k + i);
    const IntVector sign = (IntVector)x & (int32_t)0x80000000;
    store(out + r * 128 + i, shared ? x * left : (Vector)((IntVector)left | sign));
  }
}

// A block of a row group with every kept value moved towards zero: see pruneRows in src/core/backend/families/packs.ts.
static void soften_block(float* out, const float* w, size_t k, int rows, int length, int m, const BlockBits& bits, float soft, bool shared) {
  int i = 0;
  if (m <= LANES && LANES % m == 0)
    for (; i + LANES <= length; i += LANES) {
      if (m == 2) soften_lanes<2>(out, w, k, rows, i, bits.at(i), soft, shared);
      else if (m == 4) soften_lanes<4>(out, w, k, rows, i, bits.at(i), soft, shared);
      else if (m == 8) soften_lanes<(LANES < 8 ? LANES : 8)>(out, w, k, rows, i, bits.at(i), soft, shared);
      else soften_lanes<LANES>(out, w, k, rows, i, bits.at(i), soft, shared);
    }
  for (; i < length; i += m) {
    float s[16];
    int32_t t = 0;
    for (int j = 0; j < m; j++) {
      s[j] = __builtin_fabsf(w[i + j]);
      for (int r = 1; r < rows; r++) s[j] += __builtin_fabsf(w[r * k + i + j]);
      int32_t score;
      __builtin_memcpy(&score, s + j, 4);
      const int at = i + j;
      const bool kept = (at < 64 ? bits.low >> at : bits.high >> (at - 64)) & 1;
      if (!kept) t = max_of(t, score > 0x7f800000 ? 0x7f800001 : score);
    }
    float largest;
    __builtin_memcpy(&largest, &t, 4);
    for (int j = 0; j < m; j++) {
      const float left = softened(s[j], largest, shared) * soft;
      for (int r = 0; r < rows; r++) out[r * 128 + i + j] = shared ? w[r * k + i + j] * left : __builtin_copysignf(left, w[r * k + i + j]);
    }
  }
}

// Asks for what the row group after next reads and writes: a store to a line that is not in cache reads it first. values
// and index are given as they are there, the rows as they are here. Inlined, for to GCC a function that only prefetches
// does nothing, and it drops the call.
template <int V>
static inline __attribute__((always_inline)) void prefetch_block(const float* values, const uint8_t* index, const float* masked, const float* w, int k, int slots) {
  for (int i = 0; i < slots * V; i += 16) __builtin_prefetch(values + i, 1);
  for (int i = 0; i < slots; i += 64) __builtin_prefetch(index + i, 1);
  if (masked)
    for (int r = 2 * V; r < 3 * V; r++)
      for (int i = 0; i < 128; i += 16) __builtin_prefetch(masked + (size_t)r * k + i, 1);
  for (int r = 2 * V; r < 3 * V; r++)
    for (int i = 0; i < 128; i += 16) __builtin_prefetch(w + (size_t)r * k + i);
}

// All blocks of all row groups: the entries that `of` chooses, written to the mask, or without it those of the mask.
template <int V>
static void pack_groups(float* values, uint8_t* index, uint32_t* mask, float* masked, const float* w, int rows, int k, int n, int m, float soft, Largest* of) {
  const int block = pack_block(m), words = mask_words(k);
  parallel_chunks(row_groups(rows, V), max_of(1, 16384 / max_of(1, k * V)), [&](int from, int to) {
    for (int group = from; group < to; group++) {
      const int first = group * V, valid = min_of(V, rows - first);
      for (int k0 = 0; k0 < k; k0 += block) {
        const int length = min_of(block, k - k0), slots = length / m * n;
        const size_t slot = slots_before(k0, rows, n, m, V) + (size_t)group * slots, at = (size_t)first * k + k0;
        BlockBits bits;
        if (of) {
          bits = largest<V>(of, w + at, k, valid, length, n, m);
          for (int row = first; row < first + valid; row++) write_bits(mask + (size_t)row * words, k0, length, bits);
        } else {
          bits = read_bits(mask + (size_t)first * words, k0, length);
        }
        float* const copy = masked ? masked + at : nullptr;
        prefetch_block<V>(values + (slot + 2 * slots) * V, index + slot + 2 * slots, copy, w + at, k, slots);
        const bool spill = group + 1 < to && slots >= 8;
        if (soft == 0) {
          emit_block<V>(values + slot * V, index + slot, copy, k, w + at, k, valid, length, slots, spill, bits);
        } else {
          float moved[V * 128];
          soften_block(moved, w + at, k, valid, length, m, bits, soft, V > 1);
          emit_block<V>(values + slot * V, index + slot, copy, k, moved, 128, valid, length, slots, spill, bits);
        }
      }
    }
  });
}

static void pack_with(float* values, uint8_t* index, uint32_t* mask, float* masked, const float* w, int rows, int k, int n, int m, int v, float soft, Largest* of) {
  if (v == 1) pack_groups<1>(values, index, mask, masked, w, rows, k, n, m, soft, of);
  else if (v == 2) pack_groups<2>(values, index, mask, masked, w, rows, k, n, m, soft, of);
  else pack_groups<4>(values, index, mask, masked, w, rows, k, n, m, soft, of);
}

static void prune_rows(float* values, uint8_t* index, uint32_t* mask, float* masked, const float* w, int rows, int k, int n, int m, int v, float soft) {
  pack_with(values, index, mask, masked, w, rows, k, n, m, v, soft, largest_for(m));
}

static void pack_rows(float* values, uint8_t* index, float* masked, const float* w, const uint32_t* mask, int rows, int k, int n, int m, int v, float soft) {
  pack_with(values, index, (uint32_t*)mask, masked, w, rows, k, n, m, v, soft, nullptr);
}

// Calls vector(at, kept lanes) for whole vectors of x [rows, k] and scalar(at, kept) for the rest of each row.
template <class OnVector, class OnScalar>
static void by_mask(const uint32_t* mask, int rows, int k, const OnVector& vector, const OnScalar& scalar) {
  parallel_chunks(rows, max_of(1, 65536 / max_of(1, k)), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const uint32_t* bits = mask + (size_t)row * mask_words(k);
      const size_t at = (size_t)row * k;
      int i = 0;
      for (; i + LANES <= k; i += LANES) vector(at + i, lanes_of(bits[i / 32] >> (i & 31)));
      for (; i < k; i++) scalar(at + i, bits[i / 32] >> (i & 31) & 1);
    }
  });
}

static void masked_decay(float* grad, const float* w, const uint32_t* mask, int rows, int k, float lambda) {
  by_mask(mask, rows, k,
    [&](size_t at, IntVector kept) { store(grad + at, load(grad + at) + (Vector)((IntVector)(load(w + at) * lambda) & ~kept)); },
    [&](size_t at, bool kept) { grad[at] += kept ? 0.0f : lambda * w[at]; });
}

static void apply_mask(float* x, const uint32_t* mask, int rows, int k) {
  by_mask(mask, rows, k,
    [&](size_t at, IntVector kept) { store(x + at, (Vector)((IntVector)load(x + at) & kept)); },
    [&](size_t at, bool kept) { x[at] = kept ? x[at] : 0.0f; });
}
