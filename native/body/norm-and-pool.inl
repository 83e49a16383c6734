// Batch normalisation over the rows of x [rows, channels], and pooling over windows of images [batch, h, w, channels].

// One pass: per chunk of rows the sums of x - pivot and of its square, joined in order by Chan's formula. The pivot (the
// chunk's first row) keeps the squares from cancelling when the mean is far from zero.
static void batch_statistics(float* mean, double* square, const float* x, int rows, int channels) {
  constexpr int ROWS = 512;
  const int chunks = ceil_div(rows, ROWS);
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)chunks * channels * 2);
  parallel_chunks(rows, ROWS, [&](int from, int to) {
    const float* pivot = x + (size_t)from * channels;
    float* sum = partial + (size_t)(from / ROWS) * channels * 2;
    float* squares = sum + channels;
    for (int c = 0; c < 2 * channels; c++) sum[c] = 0;
    for (int row = from; row < to; row++)
      for (int c = 0; c < channels; c++) {
        const float d = x[(size_t)row * channels + c] - pivot[c];
        sum[c] += d;
        squares[c] += d * d;
      }
  });
  for (int c = 0; c < channels; c++) {
    double count = 0, average = 0, total = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      const double n = min_of(ROWS, rows - chunk * ROWS);
      const double sum = partial[(size_t)chunk * channels * 2 + c], squares = partial[(size_t)chunk * channels * 2 + channels + c];
      const double chunk_mean = x[(size_t)chunk * ROWS * channels + c] + sum / n, delta = chunk_mean - average;
      total += squares - sum * sum / n + delta * delta * count * n / (count + n);
      count += n;
      average += delta * n / count;
    }
    mean[c] = (float)average;
    square[c] = total;
  }
}

static void batch_norm_infer(float* y, const float* x, const float* gamma, const float* beta, const float* running_mean, const float* running_variance, int rows, int channels, float epsilon, int relu) {
  float* slope = scratch<float>(SCRATCH_ROWS, 2 * (size_t)channels);
  float* shift = slope + channels;
  for (int c = 0; c < channels; c++) {
    slope[c] = gamma[c] / __builtin_sqrtf(running_variance[c] + epsilon);
    shift[c] = beta[c] - running_mean[c] * slope[c];
  }
  parallel_chunks(rows, max_of(1, CHUNK / channels), [&](int from, int to) {
    for (int row = from; row < to; row++)
      for (int c = 0; c < channels; c++) {
        const float v = x[(size_t)row * channels + c] * slope[c] + shift[c];
        y[(size_t)row * channels + c] = relu ? rectified(v) : v;
      }
  });
}

static void batch_norm(float* y, float* mean, float* inv_std, float* running_mean, float* running_variance, const float* x, const float* gamma, const float* beta, int rows, int channels, float epsilon, float momentum, int relu) {
  double* square = scratch<double>(SCRATCH_STRIP, channels);
  batch_statistics(mean, square, x, rows, channels);
  float* slope = scratch<float>(SCRATCH_ROWS, 2 * (size_t)channels);
  float* shift = slope + channels;
  for (int c = 0; c < channels; c++) {
    inv_std[c] = (float)(1.0 / __builtin_sqrt(square[c] / rows + epsilon));
    // running variance is the unbiased one, as in PyTorch
    running_mean[c] += momentum * (mean[c] - running_mean[c]);
    running_variance[c] += momentum * ((float)(square[c] / max_of(1, rows - 1)) - running_variance[c]);
    slope[c] = gamma[c] * inv_std[c];
    shift[c] = beta[c] - mean[c] * slope[c];
  }
  parallel_chunks(rows, max_of(1, CHUNK / channels), [&](int from, int to) {
    for (int row = from; row < to; row++)
      for (int c = 0; c < channels; c++) {
        const float v = x[(size_t)row * channels + c] * slope[c] + shift[c];
        y[(size_t)row * channels + c] = relu ? rectified(v) : v;
      }
  });
}

// GATED: the forward ended in ReLU, and y is its output. Values are loaded before the comparison: a load that only one
// branch needs keeps the loop from being vectorised. No array overlaps another, hence ivdep.
template <bool GATED>
static void batch_norm_backward_of(float* dx, float* dgamma, float* dbeta, const float* dy, const float* y, const float* x, const float* gamma, const float* mean, const float* inv_std, int rows, int channels) {
  constexpr int ROWS = 512;
  const int chunks = ceil_div(rows, ROWS);
  const auto gated = [&](size_t at) {
    const float g = dy[at];
    if constexpr (!GATED) return g;
    else return y[at] > 0 ? g : 0.0f;
  };
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)chunks * channels * 2);
  parallel_chunks(rows, ROWS, [&](int from, int to) {
    float* sum = partial + (size_t)(from / ROWS) * channels * 2;
    float* product = sum + channels;
    for (int c = 0; c < 2 * channels; c++) sum[c] = 0;
    for (int row = from; row < to; row++) {
      const size_t first = (size_t)row * channels;
#pragma GCC ivdep
      for (int c = 0; c < channels; c++) {
        const float g = gated(first + c);
        sum[c] += g;
        product[c] += g * (x[first + c] - mean[c]);
      }
    }
  });
  float* slope = scratch<float>(SCRATCH_ROWS, 3 * (size_t)channels);
  float* shift = slope + channels;
  float* pull = shift + channels;
  for (int c = 0; c < channels; c++) {
    double sum = 0, product = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      sum += partial[(size_t)chunk * channels * 2 + c];
      product += partial[(size_t)chunk * channels * 2 + channels + c];
    }
    dbeta[c] = (float)sum;
    dgamma[c] = (float)(product * inv_std[c]);
    // dx = gamma * inv_std * (g - mean(g) - xhat * mean(g * xhat)), as slope * g - pull * (x - mean) - shift
    slope[c] = gamma[c] * inv_std[c];
    pull[c] = (float)(slope[c] * product * inv_std[c] * inv_std[c] / rows);
    shift[c] = (float)(slope[c] * sum / rows);
  }
  parallel_chunks(rows, max_of(1, CHUNK / channels), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const size_t first = (size_t)row * channels;
#pragma GCC ivdep
      for (int c = 0; c < channels; c++) dx[first + c] = slope[c] * gated(first + c) - pull[c] * (x[first + c] - mean[c]) - shift[c];
    }
  });
}

static void batch_norm_backward(float* dx, float* dgamma, float* dbeta, const float* dy, const float* y, const float* x, const float* gamma, const float* mean, const float* inv_std, int rows, int channels) {
  if (y) batch_norm_backward_of<true>(dx, dgamma, dbeta, dy, y, x, gamma, mean, inv_std, rows, channels);
  else batch_norm_backward_of<false>(dx, dgamma, dbeta, dy, y, x, gamma, mean, inv_std, rows, channels);
}

// Calls visit(offset of x's pixel, tap) for the window's pixels inside of the image, in tap order.
template <class Visit>
static inline void window(const Geometry& g, int index, const Visit& visit) {
  const Position p = position_of(index, g.out_height, g.out_width);
  for (int kh = 0; kh < g.kernel_height; kh++)
    for (int kw = 0; kw < g.kernel_width; kw++) {
      const int h = p.row * g.stride + kh - g.padding, w = p.column * g.stride + kw - g.padding;
      if ((unsigned)h < (unsigned)g.height && (unsigned)w < (unsigned)g.width)
        visit((((size_t)p.image * g.height + h) * g.width + w) * g.channels, kh * g.kernel_width + kw);
    }
}

typedef uint8_t LaneBytes __attribute__((vector_size(LANES)));

// winner: tap of the largest value, the first of equals; NaN wins
static void max_pool(float* y, uint8_t* winner, const float* x, const int32_t* geometry) {
  const Geometry g(geometry);
  parallel_chunks(g.positions(), max_of(1, CHUNK / g.channels), [&](int from, int to) {
    for (int index = from; index < to; index++) {
      float* out = y + (size_t)index * g.channels;
      uint8_t* won = winner + (size_t)index * g.channels;
      const float* pixel[256];
      int tap_of[256], taps = 0;
      window(g, index, [&](size_t at, int tap) { pixel[taps] = x + at, tap_of[taps++] = tap; });
      int c = 0;
      for (; c + LANES <= g.channels; c += LANES) {
        Vector best = load(pixel[0] + c);
        IntVector which = IntVector{} + tap_of[0];
        for (int i = 1; i < taps; i++) {
          const Vector value = load(pixel[i] + c);
          const IntVector wins = (value > best) | (value != value);
          best = wins ? value : best;
          which = wins ? IntVector{} + tap_of[i] : which;
        }
        store(out + c, best);
        const LaneBytes bytes = __builtin_convertvector(which, LaneBytes);
        __builtin_memcpy(won + c, &bytes, LANES);
      }
      for (; c < g.channels; c++) {
        out[c] = pixel[0][c], won[c] = (uint8_t)tap_of[0];
        for (int i = 1; i < taps; i++) {
          const float value = pixel[i][c];
          if (value > out[c] || value != value) out[c] = value, won[c] = (uint8_t)tap_of[i];
        }
      }
    }
  });
}

// Scatters of a pooling backward, an image a task: windows may overlap within an image only.
template <class Scatter>
static void pool_backward(float* dx, const Geometry& g, const Scatter& scatter) {
  parallel(g.batch, [&](int image) {
    const size_t pixels = (size_t)g.height * g.width * g.channels;
    __builtin_memset(dx + image * pixels, 0, pixels * sizeof(float));
    const int outputs = g.out_height * g.out_width;
    for (int index = image * outputs; index < (image + 1) * outputs; index++)
      window(g, index, [&](size_t at, int tap) { scatter(dx + at, index, tap); });
  });
}

static void max_pool_backward(float* dx, const float* dy, const uint8_t* winner, const int32_t* geometry) {
  const Geometry g(geometry);
  pool_backward(dx, g, [&](float* out, int index, int tap) {
    const float* grad = dy + (size_t)index * g.channels;
    const uint8_t* won = winner + (size_t)index * g.channels;
    for (int c = 0; c < g.channels; c++) out[c] += won[c] == tap ? grad[c] : 0;
  });
}

static void average_pool(float* y, const float* x, const int32_t* geometry) {
  const Geometry g(geometry);
  const float share = 1.0f / g.taps();
  parallel_chunks(g.positions(), max_of(1, CHUNK / (g.channels * g.taps())), [&](int from, int to) {
    for (int index = from; index < to; index++) {
      float* out = y + (size_t)index * g.channels;
      for (int c = 0; c < g.channels; c++) out[c] = 0;
      window(g, index, [&](size_t at, int) { for (int c = 0; c < g.channels; c++) out[c] += x[at + c]; });
      for (int c = 0; c < g.channels; c++) out[c] *= share;
    }
  });
}

static void average_pool_backward(float* dx, const float* dy, const int32_t* geometry) {
  const Geometry g(geometry);
  const float share = 1.0f / g.taps();
  pool_backward(dx, g, [&](float* out, int index, int) {
    const float* grad = dy + (size_t)index * g.channels;
    for (int c = 0; c < g.channels; c++) out[c] += grad[c] * share;
  });
}
