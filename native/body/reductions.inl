// What a step would else read back on the host. Sums are in double precision, in an order that the contract fixes: see
// src/core/backend/families/reductions.ts.
constexpr int SUM_LANES = 8;

static void fill(float* x, int count, float value) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    by_lanes(to - from, [&](int i, auto lanes) { lanes.store(x + from + i, value - typename decltype(lanes)::Floats{}); });
  });
}

static void copy(float* y, const float* x, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) { __builtin_memcpy(y + from, x + from, (size_t)(to - from) * sizeof(float)); });
}

// One after another: losses are few, and waiting for each addition is nothing beside what made them.
static void mean(float* out, const float* x, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += x[i];
  *out = (float)(sum / count);
}

static void sum_of_squares(double* out, const float* x, int count) {
  const int chunks = ceil_div(count, CHUNK);
  double* partial = scratch<double>(SCRATCH_PARTIAL, chunks + 1);
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    double lanes[SUM_LANES] = {};
    int i = from;
    for (; i + SUM_LANES <= to; i += SUM_LANES)
      for (int j = 0; j < SUM_LANES; j++) lanes[j] += (double)x[i + j] * x[i + j];
    for (int j = 0; i < to; i++, j++) lanes[j] += (double)x[i] * x[i];
    double sum = 0;
    for (int j = 0; j < SUM_LANES; j++) sum += lanes[j];
    partial[from / CHUNK] = sum;
  });
  *out = 0;
  for (int i = 0; i < chunks; i++) *out += partial[i];
}

static void clip_factor(float* factor, const double* squares, int count, float norm) {
  double total = 0;
  for (int i = 0; i < count; i++) total += squares[i];
  const double wanted = norm / (__builtin_sqrt(total) + 1e-6);
  // NaN stays: it must show in the weights
  *factor = wanted >= 1 ? 1.0f : (float)wanted;
}

static void scale_by(float* y, const float* x, const float* factor, int count) {
  if (y == x && *factor == 1) return;
  const float by = *factor;
  // a loop over floats would be vectorized for y and x apart, and run entry by entry where they are one array
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    by_lanes(to - from, [&](int i, auto lanes) { lanes.store(y + from + i, by * lanes.load(x + from + i)); });
  });
}

static void scale(float* x, int count, float factor) { scale_by(x, x, &factor, count); }
