// Batch normalization over the rows of x [rows, channels], and pooling over windows of images [batch, h, w, channels].

// Rows from..to-1, four at once: a sum in memory waits for its last store, so it should not be added to for every row.
// Where vectors are narrow even few channels are sums enough to hide that.
template <class Body>
static inline void by_fours(int from, int to, const Body& body) {
  if (LANES > 8)
    for (; from + 4 <= to; from += 4) body(from, Integer<4>{});
  for (; from < to; from++) body(from, Integer<1>{});
}

// One pass: per chunk of rows the sums of x - pivot and of its square, joined in order by Chan's formula. The pivot (the
// chunk's first row) keeps the squares from canceling when the mean is far from zero.
static void batch_statistics(float* mean, double* square, const float* x, int rows, int channels) {
  constexpr int ROWS = 512;
  const int chunks = ceil_div(rows, ROWS);
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)chunks * channels * 2);
  parallel_chunks(rows, ROWS, [&](int from, int to) {
    const float* pivot = x + (size_t)from * channels;
    float* sum = partial + (size_t)(from / ROWS) * channels * 2;
    float* squares = sum + channels;
    for (int c = 0; c < 2 * channels; c++) sum[c] = 0;
    by_fours(from, to, [&](int row, auto rows_at_once) {
#pragma GCC ivdep
      for (int c = 0; c < channels; c++) {
        float sums = 0, products = 0;
#pragma GCC unroll 4
        for (int i = 0; i < rows_at_once.value; i++) {
          const float d = x[(size_t)(row + i) * channels + c] - pivot[c];
          sums += d;
          products += d * d;
        }
        sum[c] += sums;
        squares[c] += products;
      }
    });
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

// What a batch norm multiplies x by and adds to it, [channels] each, from the batch's statistics, which it writes.
struct Line { const float *slope, *shift; };
static Line batch_norm_line(float* mean, float* inv_std, float* running_mean, float* running_variance, const float* x, const float* gamma, const float* beta, int rows, int channels, float epsilon, float momentum) {
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
  return {slope, shift};
}

static void batch_norm(float* y, float* mean, float* inv_std, float* running_mean, float* running_variance, const float* x, const float* gamma, const float* beta, int rows, int channels, float epsilon, float momentum, int relu) {
  const Line line = batch_norm_line(mean, inv_std, running_mean, running_variance, x, gamma, beta, rows, channels, epsilon, momentum);
  parallel_chunks(rows, max_of(1, CHUNK / channels), [&](int from, int to) {
    for (int row = from; row < to; row++)
      for (int c = 0; c < channels; c++) {
        const float v = x[(size_t)row * channels + c] * line.slope[c] + line.shift[c];
        y[(size_t)row * channels + c] = relu ? rectified(v) : v;
      }
  });
}

// The gradient of x is slope * g - pull * (x - mean) - shift, [channels] each.
struct BackwardLine { const float *slope, *pull, *shift; };

// From the sums over g and g * (x - mean), where gated(i) is g at x[i]; `rows` entries of x, of `count` that the
// statistics were taken over (the others have g = 0). No array overlaps another, hence ivdep.
template <class Gated>
static BackwardLine batch_norm_backward_line(float* dgamma, float* dbeta, const Gated& gated, const float* x, const float* gamma, const float* mean, const float* inv_std, int rows, int count, int channels) {
  constexpr int ROWS = 512;
  const int chunks = ceil_div(rows, ROWS);
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)chunks * channels * 2);
  parallel_chunks(rows, ROWS, [&](int from, int to) {
    float* sum = partial + (size_t)(from / ROWS) * channels * 2;
    float* product = sum + channels;
    for (int c = 0; c < 2 * channels; c++) sum[c] = 0;
    by_fours(from, to, [&](int row, auto rows_at_once) {
      const size_t first = (size_t)row * channels;
#pragma GCC ivdep
      for (int c = 0; c < channels; c++) {
        float sums = 0, products = 0;
#pragma GCC unroll 4
        for (int i = 0; i < rows_at_once.value; i++) {
          const size_t at = first + (size_t)i * channels + c;
          const float g = gated(at);
          sums += g;
          products += g * (x[at] - mean[c]);
        }
        sum[c] += sums;
        product[c] += products;
      }
    });
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
    // gamma * inv_std * (g - mean(g) - xhat * mean(g * xhat))
    slope[c] = gamma[c] * inv_std[c];
    pull[c] = (float)(slope[c] * product * inv_std[c] * inv_std[c] / count);
    shift[c] = (float)(slope[c] * sum / count);
  }
  return {slope, pull, shift};
}

static void batch_norm_backward(float* dx, float* dgamma, float* dbeta, const float* dy, const float* y, const float* x, const float* gamma, const float* mean, const float* inv_std, int rows, int channels) {
  const auto backward = [&](const auto& gated) {
    const BackwardLine line = batch_norm_backward_line(dgamma, dbeta, gated, x, gamma, mean, inv_std, rows, rows, channels);
    parallel_chunks(rows, max_of(1, CHUNK / channels), [&](int from, int to) {
      for (int row = from; row < to; row++) {
        const size_t first = (size_t)row * channels;
#pragma GCC ivdep
        for (int c = 0; c < channels; c++) dx[first + c] = line.slope[c] * gated(first + c) - line.pull[c] * (x[first + c] - mean[c]) - line.shift[c];
      }
    });
  };
  if (!y) return backward([=](size_t at) { return dy[at]; });
  backward([=](size_t at) {
    // loaded before the comparison: a load that only one branch needs keeps the loop from being vectorized
    const float g = dy[at];
    return y[at] > 0 ? g : 0.0f;
  });
}

// Calls visit(offset of x's pixel, tap) for the window's pixels inside of the image, in tap order.
template <class Visit>
static inline void window(const Geometry& g, const Position& p, const Visit& visit) {
  for (int kh = 0; kh < g.kernel_height; kh++)
    for (int kw = 0; kw < g.kernel_width; kw++) {
      const int h = p.row * g.stride + kh - g.padding, w = p.column * g.stride + kw - g.padding;
      if ((unsigned)h < (unsigned)g.height && (unsigned)w < (unsigned)g.width)
        visit((((size_t)p.image * g.height + h) * g.width + w) * g.channels, kh * g.kernel_width + kw);
    }
}

// The same, kept; of at most 256 taps.
struct Taps {
  int count, tap[256];
  size_t pixel[256];
  void find(const Geometry& g, const Position& p) {
    count = 0;
    window(g, p, [&](size_t at, int which) { pixel[count] = at, tap[count++] = which; });
  }
};

// Whether each pixel lies in one window.
static bool windows_tile(const Geometry& g) {
  return g.padding == 0 && g.out_height * g.kernel_height == g.height && g.out_width * g.kernel_width == g.width &&
         (g.out_height == 1 || g.stride == g.kernel_height) && (g.out_width == 1 || g.stride == g.kernel_width);
}

// Calls visit(index, position) for the windows from..to-1.
template <class Visit>
static inline void each_window(const Geometry& g, int from, int to, const Visit& visit) {
  Position p = position_of(from, g.out_height, g.out_width);
  for (int index = from; index < to; index++, advance(p, g.out_height, g.out_width)) visit(index, p);
}

// The same with its taps, visit(index, taps, offset to add to their pixels). Those of a window after one that lies inside
// of the image like it are the same: to find them took a third of a pooling.
template <class Visit>
static inline void each_window_with_taps(const Geometry& g, int from, int to, const Visit& visit) {
  Taps taps;
  ptrdiff_t origin = -1;
  each_window(g, from, to, [&](int index, const Position& p) {
    const int h = p.row * g.stride - g.padding, w = p.column * g.stride - g.padding;
    const bool inside = h >= 0 && w >= 0 && h + g.kernel_height <= g.height && w + g.kernel_width <= g.width;
    const ptrdiff_t first = inside ? (((ptrdiff_t)p.image * g.height + h) * g.width + w) * g.channels : -1;
    if (!inside || origin < 0) {
      taps.find(g, p);
      origin = first;
    }
    visit(index, taps, first - origin);
  });
}

// winner: tap of the largest value, the first of equals; NaN wins
static void max_pool(float* y, uint8_t* winner, const float* x, const int32_t* geometry) {
  const Geometry g(geometry);
  parallel_chunks(g.positions(), max_of(1, CHUNK / g.channels), [=](int from, int to) {
    each_window_with_taps(g, from, to, [=](int index, const Taps& w, ptrdiff_t offset) {
      by_some_lanes(g.channels, [=, &w](int c, auto lanes) {
        typedef decltype(lanes) L;
        const float* source = x + offset + c;
        typename L::Floats best = lanes.load(source + w.pixel[0]);
        typename L::Integers which = typename L::Integers{} + w.tap[0];
        for (int i = 1; i < w.count; i++) {
          const auto value = lanes.load(source + w.pixel[i]);
          const auto wins = (value > best) | (value != value);
          best = wins ? value : best;
          which = wins ? typename L::Integers{} + w.tap[i] : which;
        }
        lanes.store(y + (size_t)index * g.channels + c, best);
        lanes.store(winner + (size_t)index * g.channels + c, which);
      });
    });
  });
}

// In place of a winner where nothing in the window is above zero.
constexpr int NO_WINNER = 255;

static void batch_norm_pool(float* y, float* peak, uint8_t* winner, float* mean, float* inv_std, float* running_mean, float* running_variance, const float* x, const float* gamma, const float* beta, const int32_t* geometry, float epsilon, float momentum) {
  const Geometry g(geometry);
  const Line line = batch_norm_line(mean, inv_std, running_mean, running_variance, x, gamma, beta, g.batch * g.height * g.width, g.channels, epsilon, momentum);
  parallel_chunks(g.positions(), max_of(1, CHUNK / g.channels), [=](int from, int to) {
    each_window_with_taps(g, from, to, [=](int index, const Taps& w, ptrdiff_t offset) {
      by_some_lanes(g.channels, [=, &w](int c, auto lanes) {
        typedef decltype(lanes) L;
        const float* source = x + offset + c;
        const auto slope = lanes.load(line.slope + c), shift = lanes.load(line.shift + c);
        typename L::Floats highest = lanes.load(source + w.pixel[0]), best = highest * slope + shift;
        typename L::Integers which = typename L::Integers{} + w.tap[0];
        for (int i = 1; i < w.count; i++) {
          const auto pixel = lanes.load(source + w.pixel[i]), value = pixel * slope + shift;
          const auto wins = (value > best) | (value != value);
          best = wins ? value : best;
          highest = wins ? pixel : highest;
          which = wins ? typename L::Integers{} + w.tap[i] : which;
        }
        const size_t at = (size_t)index * g.channels + c;
        lanes.store(y + at, rectified(best));
        lanes.store(peak + at, highest);
        lanes.store(winner + at, best > 0 ? which : typename L::Integers{} + NO_WINNER);
      });
    });
  });
}

// dx = rest(channel, lanes)(offset in x) + factor(channel, lanes) * dy at the winners, an image a task: windows may overlap
// within an image only. Where they tile it nothing is written twice.
template <bool TILED, class Rest, class Factor>
static void winners_backward_of(float* dx, const float* dy, const uint8_t* winner, const Geometry& geometry, const Rest& rest, const Factor& factor) {
  parallel(geometry.batch, [&](int image) {
    const Geometry g = geometry;
    const int outputs = g.out_height * g.out_width, pixels = g.height * g.width;
    if (!TILED)
      for (int i = image * pixels; i < (image + 1) * pixels; i++)
        by_some_lanes(g.channels, [=](int c, auto lanes) {
          const size_t at = (size_t)i * g.channels + c;
          lanes.store(dx + at, rest(c, lanes)(at));
        });
    each_window_with_taps(g, image * outputs, (image + 1) * outputs, [=](int index, const Taps& w, ptrdiff_t offset) {
      by_some_lanes(g.channels, [=, &w](int c, auto lanes) {
        typedef decltype(lanes) L;
        const auto grad = lanes.load(dy + (size_t)index * g.channels + c) * factor(c, lanes);
        const auto won = lanes.load(winner + (size_t)index * g.channels + c);
        const auto rest_at = rest(c, lanes);
        for (int i = 0; i < w.count; i++) {
          const size_t at = w.pixel[i] + offset + c;
          const auto before = TILED ? rest_at(at) : lanes.load(dx + at);
          lanes.store(dx + at, before + (won == w.tap[i] ? grad : typename L::Floats{}));
        }
      });
    });
  });
}

template <class Rest, class Factor>
static void winners_backward(float* dx, const float* dy, const uint8_t* winner, const Geometry& g, const Rest& rest, const Factor& factor) {
  if (windows_tile(g)) winners_backward_of<true>(dx, dy, winner, g, rest, factor);
  else winners_backward_of<false>(dx, dy, winner, g, rest, factor);
}

static void max_pool_backward(float* dx, const float* dy, const uint8_t* winner, const int32_t* geometry) {
  winners_backward(dx, dy, winner, Geometry(geometry), [](int, auto lanes) {
    return [=](size_t) { return typename decltype(lanes)::Floats{}; };
  }, [](int, auto) { return 1.0f; });
}

static void batch_norm_pool_backward(float* dx, float* dgamma, float* dbeta, const float* dy, const float* peak, const uint8_t* winner, const float* x, const float* gamma, const float* mean, const float* inv_std, const int32_t* geometry) {
  const Geometry g(geometry);
  const BackwardLine line = batch_norm_backward_line(dgamma, dbeta, [=](size_t at) {
    const float d = dy[at];
    return winner[at] != NO_WINNER ? d : 0.0f;
  }, peak, gamma, mean, inv_std, g.positions(), g.batch * g.height * g.width, g.channels);
  winners_backward(dx, dy, winner, g, [=](int c, auto lanes) {
    const auto pull = lanes.load(line.pull + c), average = lanes.load(mean + c), shift = lanes.load(line.shift + c);
    return [=](size_t at) { return -pull * (lanes.load(x + at) - average) - shift; };
  }, [=](int c, auto lanes) { return lanes.load(line.slope + c); });
}

static void average_pool(float* y, const float* x, const int32_t* geometry) {
  const Geometry g(geometry);
  const float share = 1.0f / g.taps();
  parallel_chunks(g.positions(), max_of(1, CHUNK / (g.channels * g.taps())), [&](int from, int to) {
    each_window(g, from, to, [&](int index, const Position& p) {
      float* out = y + (size_t)index * g.channels;
      for (int c = 0; c < g.channels; c++) out[c] = 0;
      window(g, p, [&](size_t at, int) { for (int c = 0; c < g.channels; c++) out[c] += x[at + c]; });
      for (int c = 0; c < g.channels; c++) out[c] *= share;
    });
  });
}

static void average_pool_backward(float* dx, const float* dy, const int32_t* geometry) {
  const Geometry g(geometry);
  const float share = 1.0f / g.taps();
  const bool tiled = windows_tile(g);
  parallel(g.batch, [&](int image) {
    const size_t pixels = (size_t)g.height * g.width * g.channels;
    if (!tiled) __builtin_memset(dx + image * pixels, 0, pixels * sizeof(float));
    const int outputs = g.out_height * g.out_width;
    each_window(g, image * outputs, (image + 1) * outputs, [&](int index, const Position& p) {
      const float* grad = dy + (size_t)index * g.channels;
      window(g, p, [&](size_t at, int) {
        if (tiled) for (int c = 0; c < g.channels; c++) dx[at + c] = grad[c] * share;
        else for (int c = 0; c < g.channels; c++) dx[at + c] += grad[c] * share;
      });
    });
  });
}
