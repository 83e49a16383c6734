// MaxQ: thresholds of groups of weights, and the multipliers that they give (see src/methods/weights/maxq.ts).

// Entries of x whose bits, without the sign, are below: sizes order as their bits do, NaN above infinity.
static inline int count_below(const float* x, int count, int32_t bits) {
  IntVector vector_count{};
  int i = 0, scalar_count = 0;
  for (; i + LANES <= count; i += LANES) vector_count -= (bits_of(load(x + i)) & 0x7fffffff) < bits;
  for (int l = 0; l < LANES; l++) scalar_count += vector_count[l];
  for (; i < count; i++) scalar_count += (int32_t)(bits_of(x[i]) & 0x7fffffff) < bits;
  return scalar_count;
}

static inline int32_t least_from(const float* x, int count, int32_t bits) {
  int32_t least = 0x7fffffff;
  for (int i = 0; i < count; i++) {
    const int32_t size = bits_of(x[i]) & 0x7fffffff;
    least = size >= bits && size < least ? size : least;
  }
  return least;
}

static void thresholds(float* out, const float* w, int groups, int segments, int length, int group_stride, int segment_stride, int rank) {
  parallel(groups, [&](int group) {
    const float* x = w + (size_t)group * group_stride;
    const auto below = [&](int32_t bits) {
      int count = 0;
      for (int s = 0; s < segments; s++) count += count_below(x + (size_t)s * segment_stride, length, bits);
      return count;
    };
    // bit by bit the largest number that fewer than rank are below: the one of that rank
    int32_t at = 0;
    for (int bit = 30; bit >= 0; bit--)
      if (below(at | 1 << bit) < rank) at |= 1 << bit;
    int32_t next = at;
    if (at < 0x7fffffff && below(at + 1) == rank) {
      next = 0x7fffffff;
      for (int s = 0; s < segments; s++) next = min_of(next, least_from(x + (size_t)s * segment_stride, length, at + 1));
    }
    out[group] = (float_of((uint32_t)at) + float_of((uint32_t)next)) * 0.5f;
  });
}

static void soft_axes(float* y, const float* w, const float* of_rows, const float* of_taps, int rows, int k, int taps, float temperature) {
  const int channels = k / taps;
  const float inverse = 1 / temperature;
  parallel_chunks(rows, max_of(1, CHUNK / max_of(1, k)), [&](int from, int to) {
    for (int row = from; row < to; row++)
      for (int tap = 0; tap < taps; tap++) {
        const size_t at = (size_t)row * k + (size_t)tap * channels;
        by_lanes(channels, [&](int i, auto lanes) {
          const auto x = lanes.load(w + at + i);
          const auto size = x < 0 ? -x : x;
          const typename decltype(lanes)::Floats zero{};
          const auto share = [&](float threshold) {
            const auto soft = 1.0f / (1.0f + exponential((threshold - size) * inverse));
            return size > threshold ? soft : zero;
          };
          auto factor = 1.0f + share(of_rows[row]);
          if (of_taps) factor = factor + share(of_taps[tap]);
          lanes.store(y + at + i, x * factor);
        });
      }
  });
}
