// Elementwise kernels and plain reductions: simple loops that the compiler vectorizes for each instruction set.
constexpr int CHUNK = 16384;

static void add(float* y, const float* a, const float* b, int count, int relu) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    if (relu) for (int i = from; i < to; i++) y[i] = rectified(a[i] + b[i]);
    else for (int i = from; i < to; i++) y[i] = a[i] + b[i];
  });
}

static void mix(float* y, const float* a, const float* b, int count, float alpha, float beta) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    for (int i = from; i < to; i++) y[i] = alpha * a[i] + beta * b[i];
  });
}

static void add_product(float* y, const float* a, const float* b, int count, float factor) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    for (int i = from; i < to; i++) y[i] += factor * (a[i] * b[i]);
  });
}

static void relu(float* y, const float* x, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) { for (int i = from; i < to; i++) y[i] = rectified(x[i]); });
}

static void relu_backward(float* dx, const float* dy, const float* y, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    // loaded first: a load that only one branch needs keeps the loop from being vectorized
    for (int i = from; i < to; i++) {
      const float g = dy[i];
      dx[i] = y[i] > 0 ? g : 0;
    }
  });
}

// sums of the columns of x [rows, columns], in row chunks of fixed size: partial [chunk][columns], then added in order
static void column_sums(float* out, const float* x, int rows, int columns) {
  constexpr int ROWS = 256;
  const int chunks = ceil_div(rows, ROWS);
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)max_of(1, chunks) * columns);
  parallel_chunks(rows, ROWS, [&](int from, int to) {
    float* sum = partial + (size_t)(from / ROWS) * columns;
    for (int c = 0; c < columns; c++) sum[c] = 0;
    for (int row = from; row < to; row++)
      for (int c = 0; c < columns; c++) sum[c] += x[(size_t)row * columns + c];
  });
  for (int c = 0; c < columns; c++) out[c] = 0;
  for (int chunk = 0; chunk < chunks; chunk++)
    for (int c = 0; c < columns; c++) out[c] += partial[(size_t)chunk * columns + c];
}

static inline uint32_t bits_of(float x) { union { float value; uint32_t bits; } both = {x}; return both.bits; }
static inline IntVector bits_of(Vector x) { return (IntVector)x; }
static inline float float_of(uint32_t x) { union { uint32_t bits; float value; } both = {x}; return both.value; }
static inline Vector float_of(IntVector x) { return (Vector)x; }

// e^x by range reduction to [-ln2/2, ln2/2] and a degree-6 polynomial; relative error below 2e-7, no branches. Of a number
// or a vector.
template <class Floats>
static inline Floats exponential(Floats x) {
  const Floats most = Floats{} + 88.0f, least = Floats{} - 87.0f;
  x = x > most ? most : x;
  x = x < least ? least : x;
  // 1.5 * 2^23 rounds what is added to it to a whole number, in its lowest bits; 127 more is the exponent of 2^power
  constexpr float ROUNDING = 12582912.0f + 127;
  const Floats shifted = x * 1.44269504088896341f + ROUNDING;
  const Floats power = shifted - ROUNDING;
  const Floats r = (x - power * 0.693359375f) + power * 2.12194440e-4f;
  const Floats p = ((((((1.0f / 720) * r + 1.0f / 120) * r + 1.0f / 24) * r + 1.0f / 6) * r + 0.5f) * r + 1.0f) * r + 1.0f;
  return p * float_of(bits_of(shifted) << 23);
}

// The normal distribution function by Abramowitz and Stegun 7.1.26, from bell = e^(-x^2 / 2): absolute error below 1e-7 (in
// erf 1.5e-7).
template <class Floats>
static inline Floats normal_cdf(Floats x, Floats bell) {
  const Floats z = (x < 0 ? -x : x) * 0.70710678118654752f;
  const Floats t = 1.0f / (1.0f + 0.3275911f * z);
  const Floats tail = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t * bell * 0.5f;
  return x >= 0 ? 1.0f - tail : tail;
}

static void gelu(float* y, const float* x, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    by_lanes(to - from, [&](int i, auto lanes) {
      const auto v = lanes.load(x + from + i);
      lanes.store(y + from + i, v * normal_cdf(v, exponential(-0.5f * v * v)));
    });
  });
}

static void gelu_backward(float* dx, const float* dy, const float* x, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    by_lanes(to - from, [&](int i, auto lanes) {
      const auto v = lanes.load(x + from + i), bell = exponential(-0.5f * v * v);
      lanes.store(dx + from + i, lanes.load(dy + from + i) * (normal_cdf(v, bell) + v * 0.39894228040143268f * bell));
    });
  });
}

static void squared_relu(float* y, const float* x, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) { for (int i = from; i < to; i++) y[i] = rectified(x[i]) * rectified(x[i]); });
}

static void squared_relu_backward(float* dx, const float* dy, const float* x, int count) {
  parallel_chunks(count, CHUNK, [&](int from, int to) { for (int i = from; i < to; i++) dx[i] = dy[i] * (2 * rectified(x[i])); });
}

// Philox 4x32-10, as in src/random.ts.
static inline void philox(uint32_t* out, uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1) {
  uint32_t x0 = c0, x1 = c1, x2 = 0, x3 = 0;
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xd2511f53u * x0, p1 = (uint64_t)0xcd9e8d57u * x2;
    const uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0, y2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
    x1 = (uint32_t)p1;
    x3 = (uint32_t)p0;
    x0 = y0;
    x2 = y2;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  out[0] = x0, out[1] = x1, out[2] = x2, out[3] = x3;
}

static void dropout(float* y, const float* x, int count, float probability, int seed, int layer, int step) {
  const float keep = 1.0f / (1.0f - probability);
  const uint32_t threshold = (uint32_t)((double)probability * 4294967296.0);
  parallel_chunks(count, CHUNK, [&](int from, int to) {
    for (int i = from; i < to; i += 4) {
      uint32_t words[4];
      philox(words, (uint32_t)seed, (uint32_t)layer, (uint32_t)(i / 4), (uint32_t)step);
      for (int j = i; j < min_of(to, i + 4); j++) y[j] = words[j - i] < threshold ? 0 : x[j] * keep;
    }
  });
}

// Columns y_begin .. y_begin + count - 1 of y [rows, y_columns] = those from x_begin of x [rows, x_columns], zero beyond its last.
static void copy_columns(float* y, const float* x, int rows, int count, int y_columns, int y_begin, int x_columns, int x_begin) {
  const int there = max_of(0, min_of(count, x_columns - x_begin));
  parallel_chunks(rows, max_of(1, CHUNK / max_of(1, count)), [&](int begin, int end) {
    for (int row = begin; row < end; row++) {
      float* to = y + (size_t)row * y_columns + y_begin;
      const float* from = x + (size_t)row * x_columns + x_begin;
      by_some_lanes(there, [&](int c, auto lanes) { lanes.store(to + c, lanes.load(from + c)); });
      for (int c = there; c < count; c++) to[c] = 0;
    }
  });
}

// PyTorch's SGD: decay is added to the gradient; Nesterov looks one step ahead.
// Calls update(from, gradient, count) for pieces of `count` entries. With a mask over rows of k entries the gradient is a
// copy to which lambda * w is added where the mask is 0: a pass over memory less than masked_decay and then the update.
template <class Update>
static void with_decayed(const float* grad, const float* w, int count, const uint32_t* mask, int k, float lambda, const Update& update) {
  if (!mask) return parallel_chunks(count, CHUNK, [&](int from, int to) { update(from, grad + from, to - from); });
  constexpr int PIECE = 1024;
  parallel_chunks(k == 0 ? 0 : count / k, max_of(1, CHUNK / max_of(1, k)), [&](int first, int last) {
    alignas(64) float decayed[PIECE];
    for (int row = first; row < last; row++) {
      const uint32_t* bits = mask + (size_t)row * mask_words(k);
      for (int k0 = 0; k0 < k; k0 += PIECE) {
        const int length = min_of(PIECE, k - k0);
        const float *g = grad + (size_t)row * k + k0, *x = w + (size_t)row * k + k0;
        int i = 0;
        for (; i + LANES <= length; i += LANES)
          store(decayed + i, load(g + i) + (Vector)((IntVector)(load(x + i) * lambda) & ~lanes_of(bits[(k0 + i) / 32] >> (i & 31))));
        for (; i < length; i++) decayed[i] = g[i] + (bits[(k0 + i) / 32] >> (i & 31) & 1 ? 0.0f : lambda * x[i]);
        update(row * k + k0, decayed, length);
      }
    }
  });
}

static void sgd(float* w, float* velocity, const float* grad, int count, float rate, float momentum, float decay, int nesterov, const uint32_t* mask, int k, float lambda) {
  with_decayed(grad, w, count, mask, k, lambda, [=](int from, const float* gradient, int length) {
    float* x = w + from;
    float* speed = velocity ? velocity + from : nullptr;
#pragma GCC ivdep
    for (int i = 0; i < length; i++) {
      float g = gradient[i] + decay * x[i];
      if (speed) {
        speed[i] = momentum * speed[i] + g;
        g = nesterov ? g + momentum * speed[i] : speed[i];
      }
      x[i] -= rate * g;
    }
  });
}

// AdamW: decoupled decay; correction1 = 1 - beta1^t, correction2 = 1 - beta2^t
static void adam(float* w, float* m, float* v, const float* grad, int count, float rate, float beta1, float beta2, float epsilon, float decay, float correction1, float correction2, const uint32_t* mask, int k, float lambda) {
  const float step = rate / correction1, root = 1.0f / __builtin_sqrtf(correction2);
  with_decayed(grad, w, count, mask, k, lambda, [=](int from, const float* gradient, int length) {
    float *x = w + from, *first = m + from, *second = v + from;
#pragma GCC ivdep
    for (int i = 0; i < length; i++) {
      const float g = gradient[i];
      first[i] += (g - first[i]) * (1 - beta1);
      second[i] = second[i] * beta2 + g * g * (1 - beta2);
      x[i] = x[i] * (1 - rate * decay) - step * first[i] / (__builtin_sqrtf(second[i]) * root + epsilon);
    }
  });
}
